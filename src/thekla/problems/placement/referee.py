"""The trusted side of model placement: it holds the clusters, checks every placement and computes the score."""

from __future__ import annotations

import hashlib
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

from thekla.core.errors import GuestFault
from thekla.core.evaluation import FailureKind, Fault, InstanceResult
from thekla.core.problem import Instance, Split
from thekla.core.protocols import Guest
from thekla.core.values import Value
from thekla.simulators.placement import Cluster, fault_of, largest_pressure, moved_gb, pressures

from .bound import fluid_pressure, pressure_bound
from .exact import least_pressure
from .workloads import Scene, scene

__all__ = ["BOUNDS", "EFFICIENCY", "POINTS", "PlacementReferee", "efficiency", "points"]

EFFICIENCY = "efficiency"
"""Objective of the suites `default` and `epochs`: a bound on the pressure over the pressure reached, in [0, 1]."""

POINTS = "points"
"""Objective of suite `public`: the public evaluator's score of a case, in [0, 100]."""

_FULL = 1e6  # pressure of a GPU without free memory in the public evaluator
_SHOWN = 5  # shards named in the feedback


class PlacementReferee:
    """Judges one program on one instance; equal arguments give equal results.

    Args:
        objective: `EFFICIENCY` or `POINTS`.
    """

    def __init__(self, objective: str) -> None:
        if objective not in _SCORES:
            raise ValueError(f"objective is {objective!r}; use one of {', '.join(_SCORES)}")
        self._objective = objective

    def judge(self, guest: Guest, instance: Instance, *, seed: int) -> InstanceResult:
        """The guest's placement of every epoch, checked and scored. Nothing is random, so `seed` has no effect.

        Raises:
            ProblemError: The instance is none of the problem's.
            MissingExtraError: A public case needs numpy, and it is not installed.
        """
        setting = scene(instance.id)
        try:
            placements = _placements(guest, setting)
        except GuestFault as fault:
            return InstanceResult(
                fault=Fault(kind=FailureKind(fault.kind), message=fault.message, traceback=fault.traceback)
            )
        except _InvalidPlacement as error:
            return InstanceResult(fault=Fault(kind=FailureKind.INVALID, message=str(error)))
        last = setting.epochs[-1]
        return InstanceResult(
            scores={self._objective: _SCORES[self._objective](instance.id, placements)},
            measures=_measures(setting, placements),
            feedback="" if instance.split is Split.HOLDOUT else _feedback(last, placements[-1]),
            behaviour=hashlib.sha256(repr(placements).encode()).hexdigest(),
        )


class _InvalidPlacement(Exception):
    """A placement that the rules forbid; the text says which and why."""


def _placements(guest: Guest, setting: Scene) -> list[list[int]]:
    """The guest's answers, epoch by epoch; it is told the epoch's rates and where its shards are now."""
    placements: list[list[int]] = []
    for number, cluster in enumerate(setting.epochs):
        gpus: Value = [[gpu.node, gpu.memory_gb] for gpu in cluster.gpus]
        shards: Value = [[shard.model, shard.size_gb, shard.rate, shard.slo_s] for shard in cluster.shards]
        answer = guest.call("place", gpus, shards, placements[-1] if placements else [])
        where = f"epoch {number}: " if len(setting.epochs) > 1 else ""
        if not isinstance(answer, list) or not all(type(gpu) is int for gpu in answer):
            raise _InvalidPlacement(f"{where}place gave {str(answer)[:80]}; expected the number of a GPU per shard")
        placement = [gpu for gpu in answer if isinstance(gpu, int)]
        if (reason := fault_of(cluster, placement)) is not None:
            raise _InvalidPlacement(where + reason)
        placements.append(placement)
    return placements


def _cost(setting: Scene, placements: Sequence[Sequence[int]]) -> float:
    """Mean over the epochs of the largest pressure plus what moving cost; the first epoch moves nothing."""
    moved = (
        moved_gb(cluster, before, after)
        for cluster, before, after in zip(setting.epochs[1:], placements, placements[1:], strict=False)
    )
    pressure = (largest_pressure(cluster, each) for cluster, each in zip(setting.epochs, placements, strict=True))
    total = math.fsum(pressure) + setting.move_cost * math.fsum(moved) / len(setting.epochs[0].gpus)
    return total / len(setting.epochs)


@lru_cache(maxsize=256)
def _cost_bound(id: str) -> float:
    """Mean of the epochs' bounds: no policy can do better, even if moving were free."""
    return statistics.fmean(map(pressure_bound, scene(id).epochs))


@lru_cache(maxsize=256)
def _least_pressure(id: str) -> float:
    low, _ = least_pressure(scene(id).epochs[0])
    return low


def efficiency(id: str, placements: Sequence[Sequence[int]]) -> float:
    """A proven bound on the cost over the cost, in [0, 1]; 0 if a GPU has no memory left."""
    return _cost_bound(id) / _cost(scene(id), placements)


def points(id: str, placements: Sequence[Sequence[int]]) -> float:
    """The public evaluator's score of a case: 100 sqrt((r - v) / (r - f)), clamped to [0, 100].

    v is the largest pressure, r that of round robin, f the fluid bound, which no placement of whole models need reach.
    """
    (cluster,) = scene(id).epochs
    return _points(cluster, min(_FULL, largest_pressure(cluster, placements[0])))


def _points(cluster: Cluster, pressure: float) -> float:
    turns = largest_pressure(cluster, [number % len(cluster.gpus) for number in range(len(cluster.shards))])
    best = fluid_pressure(cluster)
    return 100 * math.sqrt(min(1.0, max(0.0, (turns - pressure) / (turns - best))))


def efficiency_bound(id: str) -> float:
    """1 for every instance, since the score is relative to a bound."""
    return 1.0


def points_bound(id: str) -> float:
    """The points of the proven optimum."""
    return _points(scene(id).epochs[0], _least_pressure(id))


_SCORES: Mapping[str, Callable[[str, Sequence[Sequence[int]]], float]] = {EFFICIENCY: efficiency, POINTS: points}

BOUNDS: Mapping[str, Callable[[str], float]] = {EFFICIENCY: efficiency_bound, POINTS: points_bound}
"""By objective: the best score that any program could have on an instance."""


def _measures(setting: Scene, placements: Sequence[Sequence[int]]) -> dict[str, float]:
    fills, loads, over = [], [], []
    for cluster, placement in zip(setting.epochs, placements, strict=True):
        size, load = [0.0] * len(cluster.gpus), [0.0] * len(cluster.gpus)
        for shard, gpu in zip(cluster.shards, placement, strict=True):
            size[gpu] += shard.size_gb
            load[gpu] += shard.load
        fills.append(statistics.pstdev(used / gpu.memory_gb for used, gpu in zip(size, cluster.gpus, strict=True)))
        loads.append(statistics.pstdev(load) / statistics.fmean(load))
        over.append(min(99.0, largest_pressure(cluster, placement) / fluid_pressure(cluster) - 1))
    pairs = zip(setting.epochs[1:], placements, placements[1:], strict=False)
    moved = math.fsum(moved_gb(cluster, before, after) / cluster.size_gb for cluster, before, after in pairs)
    return {
        "fill_spread": statistics.fmean(fills),
        "load_spread": statistics.fmean(loads),
        "over_fluid": statistics.fmean(over),
        "moved_share": moved / max(1, len(setting.epochs) - 1),
    }


def _feedback(cluster: Cluster, placement: Sequence[int]) -> str:
    """The most and the least pressed GPU of the (last) placement, as the policy could have computed them."""
    found = pressures(cluster, placement)
    lines = []
    for word, gpu in (("most", found.index(max(found))), ("least", found.index(min(found)))):
        on = [shard for shard, at in zip(cluster.shards, placement, strict=True) if at == gpu]
        names = ", ".join(f"{shard.size_gb:g} GB with load {shard.load:.2f}" for shard in on[:_SHOWN])
        more = f" and {len(on) - _SHOWN} more" if len(on) > _SHOWN else ""
        free = cluster.gpus[gpu].memory_gb - math.fsum(shard.size_gb for shard in on)
        lines.append(f"{word} pressed: GPU {gpu}, {found[gpu]:.4f} with {free:g} GB free ({names}{more})")
    return "\n".join(lines)
