"""Pressures below which no placement of a cluster can go.

Fix a pressure T. A placement that keeps every GPU at or below T satisfies ``load <= T (memory - size)`` on each, so
``sum of d <= memory`` with the *demand* ``d = size + load / T`` of each shard: a bin packing problem. Every necessary
condition for it is monotone in T, because demands fall as T rises; so the largest T at which a condition fails, found
by bisection, is a lower bound. The conditions:

* **Volume by class of memory.** A shard whose demand exceeds the memory of the smaller GPUs lies on the larger ones:
  for every size of memory, the demands that fit only there or above take at most the memory there and above. The
  smallest size gives the fluid bound (all load over all free memory), the largest includes that of a single shard.
* **Dual feasible functions**, where all GPUs are alike. A function f with ``sum f(x_i) <= 1`` whenever
  ``sum x_i <= 1`` keeps the volume condition true for ``f(d / memory)``. Used are the step functions ``u_k`` (Fekete
  and Schepers 2001) and the thresholds of ``L2`` (Martello and Toth 1990).

Nodes and the parts of one model are ignored, which only lowers the bound.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from thekla.simulators.placement import Cluster

__all__ = ["fluid_pressure", "pressure_bound"]

_STEPS = 60  # of the bisection; the bracket shrinks to 1e-18 of itself
_MOST_PARTS = 6  # u_1 to u_6; larger ones never helped on the listed instances
_SLACK = 1e-9  # relative, for rounding: a condition fails only beyond it


def fluid_pressure(cluster: Cluster) -> float:
    """All load over all free memory: what perfectly divisible shards would reach; infinite without free memory."""
    free_gb = cluster.memory_gb - cluster.size_gb
    return cluster.load / free_gb if free_gb > 0 else math.inf


def pressure_bound(cluster: Cluster) -> float:
    """A number below which the largest pressure of no placement can lie; infinite if the shards cannot fit at all."""
    low = fluid_pressure(cluster)
    if low in (0.0, math.inf):
        return low
    low *= 1 - _SLACK
    if _possible(cluster, low * (1 + 2 * _SLACK)):  # the usual case: only volume counts
        return low
    high = 2 * low
    while not _possible(cluster, high):
        low, high = high, 2 * high
        if high > 1e12 * low or not math.isfinite(high):
            return math.inf
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if _possible(cluster, middle):
            high = middle
        else:
            low = middle
    return low


def _possible(cluster: Cluster, pressure: float) -> bool:
    """Whether no condition rules a pressure out."""
    demands = [shard.size_gb + shard.load / pressure for shard in cluster.shards]
    memories = sorted({gpu.memory_gb for gpu in cluster.gpus})
    smaller = 0.0
    for memory in memories:
        room = math.fsum(gpu.memory_gb for gpu in cluster.gpus if gpu.memory_gb >= memory)
        if math.fsum(demand for demand in demands if demand > smaller * (1 + _SLACK)) > room * (1 + _SLACK):
            return False
        smaller = memory
    if max(demands) > smaller * (1 + _SLACK):
        return False
    if len(memories) > 1:
        return True
    shares = [demand / (smaller * (1 + _SLACK)) for demand in demands]
    return all(math.fsum(map(function, shares)) <= len(cluster.gpus) + _SLACK for function in _functions(shares))


def _functions(shares: Sequence[float]) -> list[Callable[[float], float]]:
    """Dual feasible functions worth trying on these shares of a GPU."""
    thresholds = sorted({share for share in shares if share <= 0.5})
    return [_step(parts) for parts in range(1, _MOST_PARTS + 1)] + [_threshold(each) for each in thresholds]


def _step(parts: int) -> Callable[[float], float]:
    def value(share: float) -> float:
        scaled = (parts + 1) * share
        # Near a whole number rounding could take the wrong side; the share itself is always allowed there.
        return share if abs(scaled - round(scaled)) < 1e-7 else math.floor(scaled) / parts

    return value


def _threshold(least: float) -> Callable[[float], float]:
    def value(share: float) -> float:
        if share > 1 - least:
            return 1.0
        return share if share >= least else 0.0

    return value
