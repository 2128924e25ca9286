"""Where replicas of experts lie, and how evenly that spreads a load over the GPUs.

A *slot map* names, for every layer, the expert in each slot. Slot s belongs to GPU ``s // slots_per_gpu``, GPU g to
node ``g // gpus_per_node``. All replicas of an expert carry equal parts of its load; two on one GPU carry two parts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Layout", "balancedness", "fault_of", "gpu_loads", "moved_share"]

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The slots that a model has.

    Args:
        layers: Layers with experts.
        experts: Experts per layer, in `groups` groups of neighbours.
        slots: Slots per layer, at least one for every expert.

    Raises:
        ValueError: Something does not divide evenly, or there are too few slots.
    """

    layers: int
    experts: int
    slots: int
    gpus: int
    nodes: int
    groups: int

    def __post_init__(self) -> None:
        sizes = (self.layers, self.experts, self.slots, self.gpus, self.nodes, self.groups)
        if min(sizes) < 1:
            raise ValueError(f"{self} has a size below 1")
        if self.slots < self.experts:
            raise ValueError(f"{self.slots} slots cannot hold {self.experts} experts")
        for part, whole in (
            ("gpus", "slots"), ("nodes", "gpus"), ("nodes", "groups"), ("groups", "experts"), ("nodes", "slots"),
        ):  # fmt: skip
            if getattr(self, whole) % getattr(self, part):
                raise ValueError(
                    f"{getattr(self, whole)} {whole} cannot be shared evenly by {getattr(self, part)} {part}"
                )

    @property
    def slots_per_gpu(self) -> int:
        """Slots of one GPU in a layer."""
        return self.slots // self.gpus


def fault_of(layout: Layout, slot_map: Integers) -> str | None:
    """Why a slot map is not allowed, in words; None if it is."""
    shape = (layout.layers, layout.slots)
    if slot_map.shape != shape:
        return f"a slot map of shape {slot_map.shape}; expected (layers, slots) = {shape}"
    low, high = int(slot_map.min()), int(slot_map.max())
    if low < 0 or high >= layout.experts:
        return f"expert {low if low < 0 else high} is named; experts are 0 to {layout.experts - 1}"
    counts = _replicas(layout, slot_map)
    if not counts.all():
        layer, expert = np.argwhere(counts == 0)[0]
        return f"expert {expert} of layer {layer} has no slot; every expert needs one"
    return None


def _replicas(layout: Layout, slot_map: Integers) -> Integers:
    """How many slots each expert has, by layer and expert."""
    rows = np.arange(layout.layers)[:, None] * layout.experts
    flat = np.bincount((slot_map + rows).ravel(), minlength=layout.layers * layout.experts)
    return flat.reshape(layout.layers, layout.experts).astype(np.int64)


def gpu_loads(layout: Layout, slot_map: Integers, load: Integers) -> Floats:
    """Tokens that each GPU serves, by layer and GPU.

    Args:
        slot_map: An allowed one.
        load: Tokens by layer and expert.
    """
    part = load / _replicas(layout, slot_map)
    in_slots = np.take_along_axis(part, slot_map, axis=1)
    found: Floats = in_slots.reshape(layout.layers, layout.gpus, layout.slots_per_gpu).sum(axis=2)
    return found


def balancedness(loads: Floats) -> float:
    """Mean over maximum of the GPUs' loads, both summed over the layers first: 1 is even, 1 / GPUs the worst.

    The layers of a model run one after another, and each waits for its busiest GPU. 1 if there is no load at all.
    """
    busiest = float(loads.max(axis=1).sum())
    return float(loads.mean(axis=1).sum()) / busiest if busiest > 0 else 1.0


def moved_share(before: Integers, after: Integers) -> float:
    """The share of all slots whose expert has changed, so that its weights must be fetched."""
    return float((before != after).mean())
