"""The one of the two oldest that would end earlier."""


def pick(s, window):
    best = min(window[:2], key=lambda item: s.probe(item) + item.length)
    return best
