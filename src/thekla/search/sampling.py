"""Repeated sampling with the whole history: one thread of improvement (Bauplan's loop)."""

from __future__ import annotations

from collections.abc import Sequence

from thekla.core.evaluation import Outcome
from thekla.core.problem import Problem
from thekla.core.program import Candidate
from thekla.core.run import Ticket, Told
from thekla.search.elites import Ranking, elite_of

__all__ = ["Sampling"]


class Sampling:
    """Each ticket starts from the best program so far and shows the earlier attempts.

    A strictly better score replaces the best. A prompt builder sees the whole history in any case; the inspirations
    are the scored attempts that a generator without memory may draw on.

    Args:
        window: How many of the latest scored attempts each ticket carries; a ticket that carried all of them would
            make the journal grow with the square of the run.

    References:
        Bauplan, AI for Distributed System Design: the loop of `main.py`, specified in lakehouse.md 2.1.
    """

    name = "sampling"
    version = "1"

    def __init__(self, problem: Problem, *, seed: int, window: int = 20) -> None:
        if window < 0:
            raise ValueError(f"window is {window}; it must not be negative")
        self._objective = problem.objective
        self._window = window
        self._asked = 0
        self._ranking = Ranking()
        self._attempts: list[Candidate] = []

    def ask(self, n: int = 1) -> Sequence[Ticket]:
        return [self._ticket() for _ in range(n)]

    def tell(self, told: Told) -> None:
        elite = elite_of(told, self._objective)
        if elite is not None:
            self._ranking.add(elite)
            self._attempts.append(elite.candidate)

    def best(self, k: int = 1) -> Sequence[tuple[Candidate, Outcome]]:
        return self._ranking.best(k)

    def _ticket(self) -> Ticket:
        self._asked += 1
        best = tuple(candidate for candidate, _ in self._ranking.best())
        earlier = self._attempts[max(0, len(self._attempts) - self._window) :] if self._window else []
        inspirations = tuple(candidate for candidate in earlier if candidate not in best)
        return Ticket(id=f"t{self._asked}", parents=best, inspirations=inspirations)
