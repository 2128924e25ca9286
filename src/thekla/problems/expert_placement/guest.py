"""The guest's side: what a balancer knows of the model and its slots. Its source travels.

It needs numpy and the standard library only. Nothing here is trusted: the host takes a matrix of integers from it
and computes the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy


class Balancer:
    """The model and its slots, and whatever a program keeps in further attributes."""

    def __init__(self, layers: int, experts: int, slots: int, gpus: int, nodes: int, groups: int) -> None:
        self.layers = layers
        self.experts = experts
        self.slots = slots
        self.gpus = gpus
        self.nodes = nodes
        self.groups = groups
        self.slots_per_gpu = slots // gpus
        self.step = 0
        self.last: Any = None

    def rows(self, load: Any) -> list[list[int]]:
        found: list[list[int]] = load.tolist()
        return found


def _integers(answer: Any) -> Any:
    """The answer as an array, smaller where that loses nothing."""
    matrix = numpy.asarray(answer)
    if matrix.dtype.kind in "iu":
        small = matrix.astype(numpy.int32)
        return small if (small == matrix).all() else matrix.astype(numpy.int64)
    return matrix.astype(numpy.float64)


def names() -> dict[str, Any]:
    """Nothing is given to a program besides its arguments."""
    return {}


def connect(namespace: dict[str, Any]) -> dict[str, Callable[..., Any]]:
    """The two functions that the host calls."""
    balancers: list[Balancer] = []

    def start(sizes: list[int]) -> None:
        balancers.append(Balancer(*sizes))
        if "init" in namespace:
            namespace["init"](balancers[0])

    def plan(load: Any) -> Any:
        balancer = balancers[0]
        answer = _integers(namespace["plan"](balancer, load.astype(numpy.int64)))
        balancer.step += 1
        balancer.last = answer.copy()
        return answer

    return {"start": start, "plan": plan}
