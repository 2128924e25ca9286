"""Random search: the same edits without selection, as an honest baseline."""

from __future__ import annotations

from collections.abc import Sequence

from thekla.core.evaluation import Outcome
from thekla.core.problem import Problem
from thekla.core.program import Candidate
from thekla.core.rng import stream
from thekla.core.run import Ticket, Told
from thekla.search.elites import Elite, Ranking, elite_of

__all__ = ["RandomSearch"]


class RandomSearch:
    """Every ticket starts from a scored program drawn uniformly, whatever its score.

    The walk reaches the same programs as a search with selection; what selection adds is the difference between
    the two.
    """

    name = "random"
    version = "1"

    def __init__(self, problem: Problem, *, seed: int) -> None:
        self._objective = problem.objective
        self._seed = seed
        self._asked = 0
        self._pool: list[Elite] = []
        self._ranking = Ranking()

    def ask(self, n: int = 1) -> Sequence[Ticket]:
        tickets = []
        for _ in range(n):
            self._asked += 1
            rng = stream(self._seed, self.name, self._asked)
            parents = (rng.choice(self._pool).candidate,) if self._pool else ()
            tickets.append(Ticket(id=f"t{self._asked}", parents=parents))
        return tickets

    def tell(self, told: Told) -> None:
        elite = elite_of(told, self._objective)
        if elite is not None:
            self._pool.append(elite)
            self._ranking.add(elite)

    def best(self, k: int = 1) -> Sequence[tuple[Candidate, Outcome]]:
        return self._ranking.best(k)
