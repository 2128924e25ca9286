"""Greedy replication and longest processing time first, over all GPUs and all layers at once."""

import numpy as np

# with: _greedy.py


def plan(s, load):
    return lpt(load, s.slots, s.gpus)


def lpt(load, slots, gpus):
    """Greedy replication, then packing of all replicas to all GPUs."""
    expert_of, weight = replicate(load, slots)
    return np.take_along_axis(expert_of, pack(weight, gpus).reshape(len(load), slots), axis=1)
