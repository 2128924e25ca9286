"""Earliest start first: of ten sampled from the window, the one that starts earliest.

Shortest makespan first cannot tell apart those that leave the makespan as it is; the earliest start leaves the least
idle. Of equal starts the longest is taken, and of these the oldest, so that nothing awkward is left for the end.
"""

import random


def pick(s, window):
    places = random.sample(range(len(window)), min(10, len(window)))
    starts = s.probes([window[place] for place in places])
    _, _, place = min((start, -window[place].length, place) for start, place in zip(starts, places, strict=True))
    return window[place]
