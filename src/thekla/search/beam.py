"""Beam search: a few good programs that differ, and the next parent drawn among them by merit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random

from thekla.core.problem import Problem
from thekla.core.run import Ticket, Told
from thekla.search.distance import Outline, jaccard, outline, spread
from thekla.search.elites import Elite
from thekla.search.ranked import RankedStrategy
from thekla.search.settings import at_least, share

__all__ = ["Beam"]

_POOL = 4  # programs considered for each place of the beam


class Beam(RankedStrategy):
    """A beam of `width` programs, chosen one after the other by gain and by distance to those chosen before.

    Gains are scaled to the spread among the programs considered, so that they compare with distances, which are shares
    of different lines. Parents are drawn with probability proportional to exp(merit / temperature).

    Args:
        diversity: Weight of the distance; the gain has the rest.
        temperature: Of the draw; small values go for the best.

    References:
        Vijayakumar et al. 2018, Diverse Beam Search; settings as in SkyDiscover.
    """

    name = "beam"

    def __init__(
        self, problem: Problem, *, seed: int, width: int = 5, diversity: float = 0.3, temperature: float = 1.0
    ) -> None:
        super().__init__(problem, seed=seed)
        at_least(1, width=width)
        at_least(1e-9, temperature=temperature)
        share(diversity=diversity)
        self._width = width
        self._diversity = diversity
        self._temperature = temperature
        self._pool: list[tuple[Elite, Outline]] = []
        self._beam: list[tuple[Elite, float]] = []

    def _choose(self, rng: Random) -> Ticket:
        weights = [math.exp(merit / self._temperature) for _, merit in self._beam]
        (drawn,) = rng.choices([elite for elite, _ in self._beam], weights)
        return self._ticket([drawn], [elite for elite, _ in self._beam])

    def _learn(self, told: Told, elite: Elite | None) -> None:
        most = self._width * _POOL
        if elite is None or (len(self._pool) == most and elite.gain <= self._pool[-1][0].gain):
            return
        pool = [*self._pool, (elite, outline(elite.candidate.program.text))]
        self._pool = sorted(pool, key=lambda entry: -entry[0].gain)[:most]
        self._beam = self._selected(self._pool)

    def _selected(self, pool: Sequence[tuple[Elite, Outline]]) -> list[tuple[Elite, float]]:
        width, best = spread([elite for elite, _ in pool]), pool[0][0].gain
        chosen: list[tuple[Elite, float]] = []
        left = list(pool)
        nearest = [1.0] * len(left)
        while left and len(chosen) < self._width:
            merits = [
                (1 - self._diversity) * (1 + (elite.gain - best) / width) + self._diversity * distance
                for (elite, _), distance in zip(left, nearest, strict=True)
            ]
            place = max(range(len(left)), key=merits.__getitem__)
            (elite, text), merit = left.pop(place), merits[place]
            del nearest[place]
            chosen.append((elite, merit))
            nearest = [min(distance, jaccard(text, other)) for distance, (_, other) in zip(nearest, left, strict=True)]
        return chosen
