"""In the order of arrival."""


def pick(s, window):
    best = window[0]
    return best
