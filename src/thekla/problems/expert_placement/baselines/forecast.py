"""Our reference: `lpt` for the sum of the windows since the last shift, the newest included.

A shift is a window whose shares differ from those of the sum by more than 0.4 in L1 distance, mean over the layers:
within a regime 0.13 to 0.37 were measured, at a shift 0.69.
"""

import numpy as np

# with: lpt.py

SHIFT = 0.4


def init(s):
    s.history = None


def plan(s, load):
    if s.history is not None and np.abs(shares(load) - shares(s.history)).sum(axis=1).mean() > SHIFT:
        s.history = None
    s.history = load.astype(float) if s.history is None else s.history + load
    return lpt(s.history, s.slots, s.gpus)


def shares(load):
    return load / np.maximum(1, load.sum(axis=1, keepdims=True))
