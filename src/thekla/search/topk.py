"""Top k: always change the best program, and show those that come after it."""

from __future__ import annotations

from random import Random

from thekla.core.problem import Problem
from thekla.core.run import Ticket
from thekla.search.ranked import RankedStrategy
from thekla.search.settings import at_least

__all__ = ["TopK"]


class TopK(RankedStrategy):
    """The parent is the best, the inspirations are the ranks from 2 to `k`.

    References:
        SkyDiscover's strategy of that name: parent rank 1, context ranks 2 to 5.
    """

    name = "topk"

    def __init__(self, problem: Problem, *, seed: int, k: int = 5) -> None:
        super().__init__(problem, seed=seed)
        at_least(1, k=k)
        self._k = k

    def _choose(self, rng: Random) -> Ticket:
        others = [self._ranking[rank] for rank in range(1, min(self._k, len(self._ranking)))]
        return self._ticket([self._ranking[0]], others)
