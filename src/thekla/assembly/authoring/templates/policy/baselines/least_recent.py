"""The page that was not asked for the longest time."""


def evict(pages):
    return max(pages, key=lambda page: page.age)
