"""Replication and packing, as the published greedy balancers do them one at a time, for all rows in a few passes."""

import numpy as np


def replicate(load, slots):
    """The expert of each replica, by row, and its load; one each, then one at a time where most load is on each.

    The copies of an expert are added at load, load / 2, load / 3, ...: the additions are the largest of these, and the
    n-th expert by load gets at most one n-th of them.
    """
    rows, experts = load.shape
    added = slots - experts
    most = added // np.arange(1, min(added, experts) + 1)
    ranks = np.repeat(np.arange(len(most)), most)
    copies = np.arange(1, len(ranks) + 1) - np.repeat(most.cumsum() - most, most)
    offset = np.arange(rows)[:, None] * experts
    among = falling(load, np.arange(experts))[:, ranks]
    extra = falling(load.take(among + offset) / copies, among)[:, :added]
    counts = 1 + np.bincount((extra + offset).ravel(), minlength=load.size).reshape(load.shape)
    expert_of = np.concatenate([np.broadcast_to(np.arange(experts), load.shape), extra], axis=1)
    return expert_of, (load / counts).take(expert_of + offset)


def falling(values, labels):
    """The labels of each row by falling value, equal ones by rising label.

    One sort of integers: positive floats compare as their bits do, and the last bits make room for the label. Values
    that differ by less than a part in 10**12 count as equal.
    """
    mask = (1 << int(labels.max(initial=0)).bit_length()) - 1
    keys = values.astype(float).view(np.int64) & ~mask
    keys |= mask - labels
    keys.sort(axis=1)
    return mask - (keys[:, ::-1] & mask)


def pack(weight, bins):
    """Items of each bin, by row: by falling weight, each to the least loaded bin that still has a free place.

    Every pass deals to the bins from the least loaded up, until one that got an item in this pass is lighter than the
    next in turn. With weights that are much alike a pass serves all bins, so there are as many as a bin has places.
    """
    rows, items = weight.shape
    places = items // bins
    order = falling(weight, np.arange(items))
    row_items, row_bins = np.arange(rows)[:, None] * items, np.arange(rows)[:, None] * bins
    queue = np.full((rows, items + bins), np.inf)  # nothing is left behind the items
    queue[:, :items] = weight.take(order + row_items)
    bin_of = np.empty(queue.shape, dtype=np.int64)
    ahead = np.arange(rows)[:, None] * (items + bins) + np.arange(bins)
    done = np.zeros((rows, 1), dtype=np.int64)
    total = np.zeros((rows, bins))
    flat_total, flat_bin_of = total.reshape(-1), bin_of.reshape(-1)
    passes = 0
    while done.min() < items:
        into = total.argsort(axis=1, kind="stable") + row_bins
        now = ahead + done
        before = flat_total.take(into)
        after = before + queue.take(now)
        flat_bin_of[now] = into  # what is dealt in vain is dealt again in the next pass
        least = np.minimum.accumulate(after, axis=1)
        dealt = np.minimum(1 + (before[:, 1:] < least[:, :-1]).sum(axis=1, keepdims=True), items - done)
        done += dealt
        flat_total[into] = np.where(np.arange(bins) < dealt, after, before)
        passes += 1
        if passes >= places:  # no bin has had more items than there were passes
            served = np.where(np.arange(items) < done, bin_of[:, :items], rows * bins)
            flat_total[np.bincount(served.ravel(), minlength=rows * bins + 1)[:-1] == places] = np.inf
    by_bin = (bin_of[:, :items] - row_bins).astype(np.int16).argsort(axis=1, kind="stable")
    return order.take(by_bin + row_items).reshape(rows, bins, places)
