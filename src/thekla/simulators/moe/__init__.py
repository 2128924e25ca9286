"""Serving mixture-of-experts models: replicas of experts in slots of GPUs, loads that drift, and how even they lie.

Needs numpy.
"""

from .layout import Layout, balancedness, fault_of, gpu_loads, moved_share
from .loads import LoadModel, Phase, read_log, windows

__all__ = [
    "Layout",
    "LoadModel",
    "Phase",
    "balancedness",
    "fault_of",
    "gpu_loads",
    "moved_share",
    "read_log",
    "windows",
]
