"""A cluster of GPUs, the shards of models that it serves, and the pressure of a placement.

The *pressure* of a GPU is the load of its shards over the memory that they leave free for key-value caches ("KVPR" in
the Prism papers): requests per second and second of latency objective, per GB. A placement is as good as its most
pressed GPU.

References:
    Yu et al. 2025, Prism: Unleashing GPU Sharing for Cost-Efficient Multi-LLM Serving, Algorithm 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Cluster", "Gpu", "Shard", "fault_of", "largest_pressure", "moved_gb", "pressures"]


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """A GPU. Shards of one model need GPUs of one node."""

    memory_gb: float
    node: int = 0


@dataclass(frozen=True, kw_only=True)
class Shard:
    """What lies on one GPU: a whole model, or an equal part of one that several GPUs serve together.

    Args:
        model: Shards with equal numbers are parts of one model.
        rate: Requests per second of the shard's part of the work.
        slo_s: Latency objective of a request.
    """

    model: int
    size_gb: float
    rate: float
    slo_s: float

    @property
    def load(self) -> float:
        """Rate over latency objective: what the shard adds to the pressure's numerator."""
        return self.rate / self.slo_s


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """GPUs and the shards that they serve.

    Raises:
        ValueError: There is no GPU or no shard, or a size, rate or memory is out of range.
    """

    gpus: tuple[Gpu, ...]
    shards: tuple[Shard, ...]

    def __post_init__(self) -> None:
        if not self.gpus or not self.shards:
            raise ValueError(f"{len(self.gpus)} GPUs and {len(self.shards)} shards; a cluster needs at least one each")
        if not all(0 < gpu.memory_gb < math.inf for gpu in self.gpus):
            raise ValueError("the memory of every GPU must be positive and finite")
        for number, shard in enumerate(self.shards):
            if not (0 < shard.size_gb < math.inf and 0 <= shard.rate < math.inf and 0 < shard.slo_s < math.inf):
                raise ValueError(
                    f"shard {number} is {shard}; size and objective must be positive, the rate not negative"
                )

    @property
    def memory_gb(self) -> float:
        """Memory of all GPUs."""
        return math.fsum(gpu.memory_gb for gpu in self.gpus)

    @property
    def size_gb(self) -> float:
        """Sizes of all shards."""
        return math.fsum(shard.size_gb for shard in self.shards)

    @property
    def load(self) -> float:
        """Loads of all shards."""
        return math.fsum(shard.load for shard in self.shards)


def fault_of(cluster: Cluster, placement: Sequence[int]) -> str | None:
    """Why the placement is not allowed, in words; None if it is.

    Args:
        placement: The number of a GPU for every shard.
    """
    if len(placement) != len(cluster.shards):
        return f"{len(placement)} GPUs named for {len(cluster.shards)} shards; name one for each"
    used_gb = [0.0] * len(cluster.gpus)
    places: dict[int, list[int]] = {}
    for number, (shard, gpu) in enumerate(zip(cluster.shards, placement, strict=True)):
        if not 0 <= gpu < len(cluster.gpus):
            return f"shard {number} is on GPU {gpu}; GPUs are 0 to {len(cluster.gpus) - 1}"
        used_gb[gpu] += shard.size_gb
        places.setdefault(shard.model, []).append(gpu)
    for number, (gpu_, used) in enumerate(zip(cluster.gpus, used_gb, strict=True)):
        if used > gpu_.memory_gb:
            return f"GPU {number} holds {used:g} GB; it has {gpu_.memory_gb:g}"
    for model, gpus in places.items():
        if len(set(gpus)) < len(gpus):
            return f"shards of model {model} are on GPUs {gpus}; each needs a GPU of its own"
        if len({cluster.gpus[gpu].node for gpu in gpus}) > 1:
            return f"shards of model {model} are on GPUs {gpus}, which are not on one node"
    return None


def pressures(cluster: Cluster, placement: Sequence[int]) -> list[float]:
    """The pressure of every GPU; infinite where a loaded GPU has no memory left."""
    load = [0.0] * len(cluster.gpus)
    free_gb = [gpu.memory_gb for gpu in cluster.gpus]
    for shard, gpu in zip(cluster.shards, placement, strict=True):
        load[gpu] += shard.load
        free_gb[gpu] -= shard.size_gb
    return [on / left if left > 0 else (math.inf if on > 0 else 0.0) for on, left in zip(load, free_gb, strict=True)]


def largest_pressure(cluster: Cluster, placement: Sequence[int]) -> float:
    """The pressure of the most pressed GPU."""
    return max(pressures(cluster, placement))


def moved_gb(cluster: Cluster, before: Sequence[int], after: Sequence[int]) -> float:
    """Sizes of the shards that lie elsewhere than before."""
    return math.fsum(shard.size_gb for shard, old, new in zip(cluster.shards, before, after, strict=True) if old != new)
