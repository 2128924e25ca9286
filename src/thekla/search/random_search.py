"""Random search: the same edits without selection, as an honest baseline."""

from __future__ import annotations

from random import Random

from thekla.core.problem import Problem
from thekla.core.run import Ticket, Told
from thekla.search.elites import Elite
from thekla.search.ranked import RankedStrategy

__all__ = ["RandomSearch"]


class RandomSearch(RankedStrategy):
    """Every ticket starts from a scored program drawn uniformly, whatever its score.

    The walk reaches the same programs as a search with selection; what selection adds is the difference between
    the two.
    """

    name = "random"

    def __init__(self, problem: Problem, *, seed: int) -> None:
        super().__init__(problem, seed=seed)
        self._pool: list[Elite] = []

    def _choose(self, rng: Random) -> Ticket:
        return self._ticket([rng.choice(self._pool)])

    def _learn(self, told: Told, elite: Elite | None) -> None:
        if elite is not None:
            self._pool.append(elite)
