"""(1+1) greedy: always change the current program, and keep a child that is no worse."""

from __future__ import annotations

from random import Random

from thekla.core.problem import Problem
from thekla.core.run import Ticket, Told
from thekla.search.elites import Elite
from thekla.search.ranked import RankedStrategy

__all__ = ["Greedy"]


class Greedy(RankedStrategy):
    """Hill climbing with neutral drift: an equal score replaces the current program.

    References:
        Droste, Jansen & Wegener 2002, On the analysis of the (1+1) evolutionary algorithm.
    """

    name = "greedy"

    def __init__(self, problem: Problem, *, seed: int) -> None:
        super().__init__(problem, seed=seed)
        self._current: Elite | None = None

    def _choose(self, rng: Random) -> Ticket:
        assert self._current is not None
        return self._ticket([self._current])

    def _learn(self, told: Told, elite: Elite | None) -> None:
        if elite is not None and (self._current is None or elite.gain >= self._current.gain):
            self._current = elite
