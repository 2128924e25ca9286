"""The page that has been there longest: first in, first out."""


def evict(pages):
    return max(pages, key=lambda page: page.stay)
