"""Scored candidates in order of merit, and the counter that names tickets."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from thekla.core.evaluation import Outcome, Scored
from thekla.core.problem import Objective
from thekla.core.program import Candidate
from thekla.core.run import Told

__all__ = ["Elite", "Ranking", "elite_of", "tournament"]


@dataclass(frozen=True, kw_only=True)
class Elite:
    """A candidate that was scored.

    Args:
        gain: Its score as a number of which more is better.
    """

    candidate: Candidate
    outcome: Scored
    gain: float


def elite_of(told: Told, objective: Objective) -> Elite | None:
    """The candidate of `told` with its gain, None if it has no score."""
    if told.candidate is None or not isinstance(told.outcome, Scored):
        return None
    gain = objective.gain(told.outcome.scores[objective.name])
    return Elite(candidate=told.candidate, outcome=told.outcome, gain=gain)


class Ranking:
    """Elites, best first; of equals the earlier one comes first.

    Adding costs O(log n) comparisons.
    """

    def __init__(self) -> None:
        self._elites: list[Elite] = []

    def __len__(self) -> int:
        return len(self._elites)

    def __iter__(self) -> Iterator[Elite]:
        return iter(self._elites)

    def __getitem__(self, rank: int) -> Elite:
        return self._elites[rank]

    def add(self, elite: Elite) -> int:
        """Enter `elite`; returns its rank, 0 for a new best."""
        rank = bisect.bisect_right(self._elites, -elite.gain, key=lambda other: -other.gain)
        self._elites.insert(rank, elite)
        return rank

    def best(self, k: int = 1) -> Sequence[tuple[Candidate, Outcome]]:
        """At most `k` of them, as strategies report them."""
        return [(elite.candidate, elite.outcome) for elite in self._elites[:k]]


def tournament(pool: Sequence[Elite], *, size: int, rng: Random) -> Elite:
    """Best of `size` elites drawn without replacement (all of them if the pool is smaller); the first of equals."""
    drawn = rng.sample(range(len(pool)), min(size, len(pool)))
    return max((pool[i] for i in sorted(drawn)), key=lambda elite: elite.gain)
