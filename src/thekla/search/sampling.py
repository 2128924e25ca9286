"""Repeated sampling with the whole history: one thread of improvement (Bauplan's loop)."""

from __future__ import annotations

from collections import deque
from random import Random

from thekla.core.problem import Problem
from thekla.core.run import Ticket, Told
from thekla.search.elites import Elite
from thekla.search.ranked import RankedStrategy

__all__ = ["Sampling"]


class Sampling(RankedStrategy):
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

    def __init__(self, problem: Problem, *, seed: int, window: int = 20) -> None:
        super().__init__(problem, seed=seed)
        if window < 0:
            raise ValueError(f"window is {window}; it must not be negative")
        self._attempts: deque[Elite] = deque(maxlen=window)

    def _choose(self, rng: Random) -> Ticket:
        return self._ticket([self._ranking[0]], list(self._attempts))

    def _learn(self, told: Told, elite: Elite | None) -> None:
        if elite is not None:
            self._attempts.append(elite)
