"""Replication and packing, as the published greedy balancers do them, for all rows at once."""

import numpy as np


def replicate(load, slots):
    """The expert of each replica, by row; one replica each, then one at a time where most load is on each."""
    rows = np.arange(len(load))
    experts = load.shape[1]
    copies = np.ones(load.shape)
    each = load.astype(float)
    expert_of = np.empty((len(load), slots), dtype=np.int64)
    expert_of[:, :experts] = np.arange(experts)
    for slot in range(experts, slots):
        busiest = each.argmax(axis=1)
        copies[rows, busiest] += 1
        each[rows, busiest] = load[rows, busiest] / copies[rows, busiest]
        expert_of[:, slot] = busiest
    return expert_of, np.take_along_axis(each, expert_of, axis=1)


def pack(weight, bins):
    """Items of each bin, by row: by falling weight, each to the least loaded bin that still has a free place."""
    rows, items = weight.shape
    places = items // bins
    order = np.argsort(-weight, axis=1, kind="stable")
    falling = np.ascontiguousarray(np.take_along_axis(weight, order, axis=1).T)
    start = np.arange(rows) * bins
    bin_of = np.empty((items, rows), dtype=np.int64)
    total = np.zeros((rows, bins))
    flat = total.reshape(-1)
    left = np.full(rows * bins, places)
    closed = np.zeros(places + 1)
    closed[0] = np.inf  # what a bin without a free place weighs
    for item in range(items):
        into = total.argmin(axis=1) + start
        bin_of[item] = into
        remaining = left[into] - 1
        left[into] = remaining
        flat[into] += falling[item] + closed[remaining]
    by_bin = np.argsort(bin_of.T, axis=1, kind="stable")
    return np.take_along_axis(order, by_bin, axis=1).reshape(rows, bins, places)
