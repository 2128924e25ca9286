"""The page that was asked for least, whenever that was."""


def evict(pages):
    return min(pages, key=lambda page: page.uses)
