"""The published evolved idea: greedy replication, then dealing to all GPUs back and forth, most loaded first.

No packing loop is left; the programs that LEVI and GEPA found drop the hierarchy of nodes as this one does (as
described there; written anew).
"""

import numpy as np

# with: _greedy.py


def plan(s, load):
    expert_of, weight = replicate(load, s.slots)
    order = falling(weight, np.arange(s.slots)).reshape(s.layers, s.slots_per_gpu, s.gpus)
    order[:, 1::2] = order[:, 1::2, ::-1]
    return np.take_along_axis(expert_of, order.transpose(0, 2, 1).reshape(s.layers, s.slots), axis=1)
