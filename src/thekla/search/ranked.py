"""What most strategies share: names for tickets, a random stream for each, and all scored candidates in order."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from random import Random
from typing import ClassVar

from thekla.core.evaluation import Failed, Outcome
from thekla.core.problem import Problem, Split
from thekla.core.program import Candidate
from thekla.core.rng import stream
from thekla.core.run import IMPORT, SEED, Ticket, Told
from thekla.core.values import Data
from thekla.search.elites import Elite, Ranking, elite_of

__all__ = ["RankedStrategy", "candidates_of", "planted", "used_budget"]


def planted(told: Told) -> bool:
    """Whether the candidate is a starting point that the strategy did not ask for."""
    return told.ticket.operator in (SEED, IMPORT)


def used_budget(told: Told) -> bool:
    """Whether the outcome used the budget: a program that no check stopped before the train split."""
    return not (isinstance(told.outcome, Failed) and told.outcome.stage != Split.TRAIN)


def candidates_of(elites: Sequence[Elite], *, but: Elite) -> tuple[Candidate, ...]:
    """The candidates of some elites, each once, without those of `but`."""
    distinct = {elite.candidate.id: elite.candidate for elite in elites if elite.candidate.id != but.candidate.id}
    return tuple(distinct.values())


class RankedStrategy(ABC):
    """A strategy that ranks all scored candidates and keeps whatever else it needs beside the ranking.

    A subclass chooses in `_choose` and takes note in `_learn`. Draws depend on the seed and on the number of the ticket
    alone.
    """

    name: ClassVar[str]
    version: ClassVar[str] = "1"

    def __init__(self, problem: Problem, *, seed: int) -> None:
        self._objective = problem.objective
        self._seed = seed
        self._asked = 0
        self._ranking = Ranking()

    def ask(self, n: int = 1) -> Sequence[Ticket]:
        return [self._next() for _ in range(n)]

    def tell(self, told: Told) -> None:
        elite = elite_of(told, self._objective)
        if elite is not None:
            self._ranking.add(elite)
        self._learn(told, elite)

    def best(self, k: int = 1) -> Sequence[tuple[Candidate, Outcome]]:
        return self._ranking.best(k)

    def idle_within(self, evaluations: int) -> list[str]:  # most have no such setting
        """The settings that would never act within a budget, each with the reason."""
        return []

    @abstractmethod
    def _choose(self, rng: Random) -> Ticket:
        """The next ticket; there is a scored candidate."""

    def _learn(self, told: Told, elite: Elite | None) -> None:  # noqa: B027  # most keep nothing but the ranking
        """Take note of an outcome; `elite` is None if it has no score."""

    def _next(self) -> Ticket:
        self._asked += 1
        if not len(self._ranking):
            return Ticket(id=f"t{self._asked}")
        return self._choose(stream(self._seed, self.name, self._asked))

    def _ticket(
        self,
        parents: Sequence[Elite],
        inspirations: Sequence[Elite] = (),
        *,
        hints: Sequence[str] = (),
        route: Mapping[str, Data] | None = None,
    ) -> Ticket:
        """The ticket that is being chosen, for changing the first of `parents`."""
        return Ticket(
            id=f"t{self._asked}",
            parents=tuple(parent.candidate for parent in parents),
            inspirations=candidates_of(inspirations, but=parents[0]),
            hints=tuple(hints),
            route=route or {},
        )
