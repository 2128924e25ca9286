"""Racing: an evaluation ends early when its candidate cannot be among the best any more."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from thekla.core.evaluation import Scored
from thekla.core.problem import Objective
from thekla.core.rng import stream

__all__ = ["Cutoff", "Race", "cutoff_of"]

_FEWEST = 4  # told scores from which on it is known which instances tell good programs from bad ones
_LATEST = 200  # of them decide on that: they are most like what comes next, and the cost of a ticket stays the same


@dataclass(frozen=True, kw_only=True)
class Race:
    """When an evaluation on the train split may end early.

    Args:
        keep: How many of the best so far a candidate must be able to join.
        error: The chance, for each candidate, of stopping one that would have joined them, as long as its differences
            are normal; 0 stops only where bounds prove that it cannot.

    Raises:
        ValueError: A number is outside its range.
    """

    keep: int = 10
    error: float = 0.0

    def __post_init__(self) -> None:
        if self.keep < 1 or not 0 <= self.error < 0.5:
            raise ValueError(f"a race keeps at least one and errs in [0, 0.5); found {self.keep} and {self.error!r}")


@dataclass(frozen=True, kw_only=True)
class Cutoff:
    """What a candidate must be able to beat, fixed when its ticket is asked.

    Args:
        rival: The scores, by instance, of the last one that is kept.
        order: The order of the instances: those that tell most first, or random where an error is allowed, since then
            those that were met must stand for the rest.
    """

    rival: Mapping[str, float]
    order: tuple[str, ...]
    keep: int
    error: float


def cutoff_of(race: Race, objective: Objective, told: Sequence[Scored], *, seed: int, ticket: str) -> Cutoff | None:
    """The cutoff of a ticket; None as long as there are fewer scores than are kept.

    Args:
        told: All scores so far; of equal ones the earlier is ahead.
    """
    if len(told) < race.keep:
        return None
    name = objective.name
    kept = heapq.nsmallest(race.keep, told, key=lambda outcome: -objective.gain(outcome.scores[name]))
    rival = {one: result.scores[name] for one, result in kept[-1].instances.items()}
    order = list(rival)
    if race.error > 0:
        stream(seed, "race", ticket).shuffle(order)
    elif len(told) >= _FEWEST:
        agreement = {one: _agreement(told[-_LATEST:], objective, one) for one in order}
        order.sort(key=lambda one: -agreement[one])
    return Cutoff(rival=rival, order=tuple(order), keep=race.keep, error=race.error)


def _agreement(told: Sequence[Scored], objective: Objective, instance: str) -> float:
    """How well one instance ranks programs as all of them do: Spearman's rho."""
    name = objective.name
    whole = _ranks([outcome.scores[name] for outcome in told])
    part = _ranks([outcome.instances[instance].scores[name] for outcome in told])
    middle = (len(told) + 1) / 2
    along = sum((x - middle) * (y - middle) for x, y in zip(whole, part, strict=True))
    spread = sum((x - middle) ** 2 for x in whole) * sum((y - middle) ** 2 for y in part)
    return along / spread**0.5 if spread else 0.0


def _ranks(scores: Sequence[float]) -> list[float]:
    """The rank of each score, from 1; equals share the mean of theirs."""
    ordered = sorted(scores)
    places: dict[float, list[int]] = {}
    for place, score in enumerate(ordered, start=1):
        places.setdefault(score, []).append(place)
    return [sum(places[score]) / len(places[score]) for score in scores]
