"""Which of several scored programs is preferred when more than one objective counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from thekla.core.problem import Objective

__all__ = ["by_preference"]


def by_preference(objectives: Sequence[Objective], scores: Sequence[Mapping[str, float]]) -> list[int]:
    """Places in `scores`, the preferred first; of equals the earlier one.

    What is within the first objective's `tolerance` of the best comes first, in order of the further objectives;
    the rest follows in order of the first objective. With one objective that is the order of its gains.
    """
    first, *further = objectives
    gains = [first.gain(each[first.name]) for each in scores]
    best = max(gains, default=0.0)
    floor = best - first.tolerance * abs(best)

    def rank(place: int) -> tuple[bool, list[float], float, int]:
        near = bool(further) and gains[place] >= floor
        later = [-objective.gain(scores[place][objective.name]) for objective in further] if near else []
        return not near, later, -gains[place], place

    return sorted(range(len(scores)), key=rank)
