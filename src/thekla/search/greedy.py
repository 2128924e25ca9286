"""(1+1) greedy: always change the current program, and keep a child that is no worse."""

from __future__ import annotations

from collections.abc import Sequence

from thekla.core.evaluation import Outcome
from thekla.core.problem import Problem
from thekla.core.program import Candidate
from thekla.core.run import Ticket, Told
from thekla.search.elites import Elite, Ranking, elite_of

__all__ = ["Greedy"]


class Greedy:
    """Hill climbing with neutral drift: an equal score replaces the current program.

    References:
        Droste, Jansen & Wegener 2002, On the analysis of the (1+1) evolutionary algorithm.
    """

    name = "greedy"
    version = "1"

    def __init__(self, problem: Problem, *, seed: int) -> None:
        self._objective = problem.objective
        self._asked = 0
        self._current: Elite | None = None
        self._ranking = Ranking()

    def ask(self, n: int = 1) -> Sequence[Ticket]:
        tickets = []
        for _ in range(n):
            self._asked += 1
            parents = (self._current.candidate,) if self._current else ()
            tickets.append(Ticket(id=f"t{self._asked}", parents=parents))
        return tickets

    def tell(self, told: Told) -> None:
        elite = elite_of(told, self._objective)
        if elite is None:
            return
        self._ranking.add(elite)
        if self._current is None or elite.gain >= self._current.gain:
            self._current = elite

    def best(self, k: int = 1) -> Sequence[tuple[Candidate, Outcome]]:
        return self._ranking.best(k)
