"""Best of n: n children of one program, then the best of them all is the next one."""

from __future__ import annotations

from random import Random

from thekla.core.problem import Problem
from thekla.core.run import Ticket, Told
from thekla.search.elites import Elite
from thekla.search.ranked import RankedStrategy, planted
from thekla.search.settings import at_least

__all__ = ["BestOfN"]


class BestOfN(RankedStrategy):
    """(1+n): the parent changes after every n outcomes, to the best program so far.

    With `n` at the budget or above it is plain repeated sampling from the best seed.

    Args:
        n: Outcomes of a round, failures and duplicates included.

    References:
        Beyer & Schwefel 2002, Evolution strategies: a comprehensive introduction.
    """

    name = "best_of_n"

    def __init__(self, problem: Problem, *, seed: int, n: int = 5) -> None:
        super().__init__(problem, seed=seed)
        at_least(1, n=n)
        self._n = n
        self._outcomes = 0
        self._parent: Elite | None = None

    def idle_within(self, evaluations: int) -> list[str]:
        if evaluations <= self._n:
            return [f"n is {self._n}: the parent never changes within {evaluations} evaluations"]
        return []

    def _choose(self, rng: Random) -> Ticket:
        return self._ticket([self._parent or self._ranking[0]])

    def _learn(self, told: Told, elite: Elite | None) -> None:
        self._outcomes += not planted(told)
        if (planted(told) or self._outcomes % self._n == 0) and len(self._ranking):
            self._parent = self._ranking[0]
