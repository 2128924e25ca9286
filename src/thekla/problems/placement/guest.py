"""The guest's side: GPUs and shards as a policy sees them. Its source travels; standard library only.

Nothing here is trusted: the host takes the numbers of GPUs from it and computes the rest.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

FULL = 1e9  # what the pressure of a GPU without memory reads


class Shard:
    """A whole model, or an equal part of one that several GPUs serve together."""

    def __init__(self, index: int, model: int, size_gb: float, rate: float, slo_s: float) -> None:
        self.index = index
        self.model = model
        self.size_gb = size_gb
        self.rate = rate
        self.slo_s = slo_s
        self.load = rate / slo_s
        self.parts: list[Shard] = [self]
        self.gpu: Gpu | None = None
        self.before: Gpu | None = None


class Gpu:
    """A GPU and what lies on it."""

    def __init__(self, index: int, node: int, memory_gb: float) -> None:
        self.index = index
        self.node = node
        self.memory_gb = memory_gb
        self.free_gb = memory_gb
        self.load = 0.0
        self.shards: list[Shard] = []

    @property
    def pressure(self) -> float:
        return _pressure(self.load, self.free_gb)

    def pressure_with(self, shard: Shard) -> float:
        return _pressure(self.load + shard.load, self.free_gb - shard.size_gb)

    def pressure_without(self, shard: Shard) -> float:
        return _pressure(self.load - shard.load, self.free_gb + shard.size_gb)

    def fits(self, shard: Shard) -> bool:
        if shard.size_gb > self.free_gb:
            return False
        for part in shard.parts:
            if part is not shard and part.gpu is not None and (part.gpu is self or part.gpu.node != self.node):
                return False
        return True

    def add(self, shard: Shard) -> None:
        if shard.gpu is not None:
            shard.gpu.remove(shard)
        shard.gpu = self
        self.shards.append(shard)
        self.free_gb -= shard.size_gb
        self.load += shard.load

    def remove(self, shard: Shard) -> None:
        self.shards.remove(shard)
        shard.gpu = None
        self.free_gb += shard.size_gb
        self.load -= shard.load


def _pressure(load: float, free_gb: float) -> float:
    return load / free_gb if free_gb > 0 else FULL


def _chosen(answer: Any, shards: list[Shard]) -> Iterator[int]:
    """The number of each shard's GPU: the answer's if there is one, else where `add` has put it; -1 is nowhere."""
    if answer is None:
        for shard in shards:
            yield -1 if shard.gpu is None else shard.gpu.index
    else:
        for gpu in answer:
            yield gpu.index if isinstance(gpu, Gpu) else operator.index(gpu)


def names() -> dict[str, Any]:
    """Nothing is given to a program besides its arguments."""
    return {}


def connect(namespace: dict[str, Any]) -> dict[str, Callable[..., Any]]:
    """The one function that the host calls, once per epoch."""

    def place(gpus: list[list[float]], shards: list[list[float]], before: list[int]) -> list[int]:
        fleet = [Gpu(index, int(node), memory_gb) for index, (node, memory_gb) in enumerate(gpus)]
        served = [
            Shard(index, int(model), size_gb, rate, slo_s) for index, (model, size_gb, rate, slo_s) in enumerate(shards)
        ]
        parts: dict[int, list[Shard]] = {}
        for shard in served:
            shard.parts = parts.setdefault(shard.model, [])
            shard.parts.append(shard)
        for shard, gpu in zip(served, before, strict=False):
            shard.before = fleet[gpu]
        return list(_chosen(namespace["place"](list(fleet), list(served)), served))

    return {"place": place}
