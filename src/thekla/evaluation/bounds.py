"""Proven bounds, computed once per instance, and the scores that are better than them, which cannot be."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator, Mapping, Sequence

from thekla.core.evaluation import Breach, Scored
from thekla.core.problem import Instance, Objective
from thekla.core.protocols import ProblemPackage

__all__ = ["Bounds", "breaches"]

_ROUNDING = 1e-9  # relative: bound and score add the same numbers in another order
_TINY = 1e-12  # the same near zero


class Bounds:
    """What no program can beat, per instance and objective; of one event loop."""

    def __init__(self, package: ProblemPackage) -> None:
        self._package = package
        self._known: dict[Instance, Mapping[str, float]] = {}
        self._computing = asyncio.Lock()

    async def of(self, instances: Sequence[Instance]) -> dict[str, Mapping[str, float]]:
        """The bounds by instance id; those that are not known yet are computed in a thread."""
        for instance in instances:
            if instance not in self._known:
                await self._compute(instance)
        return {instance.id: self._known[instance] for instance in instances}

    async def _compute(self, instance: Instance) -> None:
        async with self._computing:
            if instance not in self._known:
                loop = asyncio.get_running_loop()
                self._known[instance] = dict(await loop.run_in_executor(None, self._package.bound, instance))


def breaches(
    objectives: Sequence[Objective], outcome: Scored, bounds: Mapping[str, Mapping[str, float]]
) -> tuple[Breach, ...]:
    """The scores of `outcome` that are better than a bound by more than rounding.

    Args:
        bounds: Per instance id and objective; where one is missing, none is known.
    """
    return tuple(breach for objective in objectives for breach in _of_objective(objective, outcome, bounds))


def _of_objective(objective: Objective, outcome: Scored, bounds: Mapping[str, Mapping[str, float]]) -> Iterator[Breach]:
    name = objective.name
    for instance, result in outcome.instances.items():
        bound = bounds.get(instance, {}).get(name)
        if bound is not None and _beats(objective, result.scores[name], bound):
            yield Breach(objective=name, instance=instance, score=result.scores[name], bound=bound)
    if objective.bound is not None and _beats(objective, outcome.scores[name], objective.bound):
        yield Breach(objective=name, instance="", score=outcome.scores[name], bound=objective.bound)


def _beats(objective: Objective, score: float, bound: float) -> bool:
    better = objective.gain(score) > objective.gain(bound)
    return better and not math.isclose(score, bound, rel_tol=_ROUNDING, abs_tol=_TINY)
