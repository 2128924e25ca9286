"""Which of several scored programs is preferred when constraints, or more than one objective, count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from thekla.core.problem import Objective

__all__ = ["Gains", "by_preference", "dominates", "front"]

Gains = tuple[float, ...]
"""A number for each objective, of which more is better."""


def by_preference(
    objectives: Sequence[Objective], scores: Sequence[Mapping[str, float]], violations: Sequence[float] = ()
) -> list[int]:
    """Places in `scores`, the preferred first; of equals the earlier one.

    Feasible programs come before all others, and those in order of their violations. What is within the first
    objective's `tolerance` of the best feasible one comes first, in order of the further objectives; the rest follows
    in order of the first objective. With one objective and no violations that is the order of its gains.

    Args:
        violations: One for each of `scores` (`core.constraints.violation`); none means that all are feasible.
    """
    first, *further = objectives
    beyond = list(violations) or [0.0] * len(scores)
    gains = [first.gain(each[first.name]) for each in scores]
    least = min(beyond, default=0.0)
    best = max((gain for gain, amount in zip(gains, beyond, strict=True) if amount == least), default=0.0)
    floor = best - first.tolerance * abs(best)

    def rank(place: int) -> tuple[float, bool, list[float], float, int]:
        near = bool(further) and gains[place] >= floor
        later = [-objective.gain(scores[place][objective.name]) for objective in further] if near else []
        return beyond[place], not near, later, -gains[place], place

    return sorted(range(len(scores)), key=rank)


def dominates(one: Gains, other: Gains) -> bool:
    """Whether `one` is as good everywhere and better somewhere."""
    return one != other and all(mine >= theirs for mine, theirs in zip(one, other, strict=True))


def front(points: Sequence[Gains]) -> list[int]:
    """Places of the points that none dominates, best on the first objective first; of equal points the first.

    Costs O(n log n + n f), where f is the size of the front.
    """
    kept: list[int] = []
    for place in sorted(range(len(points)), key=lambda place: (*(-gain for gain in points[place]), place)):
        if not any(all(a >= b for a, b in zip(points[other], points[place], strict=True)) for other in kept):
            kept.append(place)
    return kept
