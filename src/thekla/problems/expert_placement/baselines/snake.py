"""The published evolved idea: greedy replication, then dealing to all GPUs back and forth, most loaded first.

No packing loop is left; the programs that LEVI and GEPA found drop the hierarchy of nodes as this one does (as
described there; written anew).
"""

import numpy as np


def plan(s, load):
    expert_of, weight = replicate(load, s.slots)
    order = np.argsort(-weight, axis=1, kind="stable").reshape(s.layers, s.slots_per_gpu, s.gpus)
    order[:, 1::2] = order[:, 1::2, ::-1]
    return np.take_along_axis(expert_of, order.transpose(0, 2, 1).reshape(s.layers, s.slots), axis=1)


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
