"""Longest processing time first, within the window; of equal lengths the one that writes most."""


def pick(s, window):
    return max(window, key=lambda each: (each.length, sum(one.is_write for one in each.operations)))
