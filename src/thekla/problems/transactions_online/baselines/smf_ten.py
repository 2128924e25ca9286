"""Shortest makespan first: of ten sampled from the window, the one that adds least to the makespan."""

import random


def pick(s, window):
    sampled = random.sample(window, min(10, len(window)))
    starts = s.probes(sampled)
    best = min(range(len(sampled)), key=lambda i: max(s.makespan, starts[i] + sampled[i].length - 1))
    return sampled[best]
