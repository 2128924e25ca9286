"""EvoX-like: the way of selecting is itself evolved, as a few numbers and never as code."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from random import Random

from thekla.core.problem import Problem
from thekla.core.program import CandidateId
from thekla.core.rng import stream
from thekla.core.run import Ticket, Told
from thekla.core.values import Data
from thekla.search.elites import Elite
from thekla.search.ranked import RankedStrategy, planted
from thekla.search.settings import at_least, share

__all__ = ["EvoX", "Selection"]

_POOL = 64  # programs at the head of the ranking that a parent is drawn from
_STEP = 1.0  # sigma of a change of one number


@dataclass(frozen=True, kw_only=True)
class Selection:
    """How a parent is drawn: with probability proportional to the exponential of a weighted sum.

    Args:
        merit: Weight of the rank, from 0 for the last of the pool to 1 for the best.
        youth: Weight of how late the program came, from 0 to 1.
        rest: Weight of how few children it has: 1 / (1 + children).
        company: Probability that other programs are shown, as the logistic function of this.
    """

    merit: float = 0.0
    youth: float = 0.0
    rest: float = 0.0
    company: float = 0.0

    def varied(self, rng: Random) -> Selection:
        """The same with one number changed."""
        name = rng.choice([one.name for one in fields(self)])
        return replace(self, **{name: getattr(self, name) + rng.gauss(0.0, _STEP)})

    @property
    def data(self) -> dict[str, Data]:
        """The numbers, for the journal."""
        return {one.name: round(getattr(self, one.name), 4) for one in fields(self)}


class EvoX(RankedStrategy):
    """Selection begins uniform, and is changed when the best stands still.

    After `switch_share` of the budget without a relative rise of `worthwhile`, the running selection is scored by what
    the best has gained under it, divided by the root of its outcomes; the next one is a variation of the best scored so
    far. The published engine has a model write a class that it imports; here a selection is four numbers, which nothing
    can hide in. The route of each ticket holds them.

    Args:
        evaluations: The budget.

    References:
        EvoX, as in SkyDiscover's strategy of that name.
    """

    name = "evox"

    def __init__(
        self,
        problem: Problem,
        *,
        seed: int,
        evaluations: int = 200,
        switch_share: float = 0.1,
        worthwhile: float = 0.01,
        context: int = 2,
    ) -> None:
        super().__init__(problem, seed=seed)
        at_least(1, evaluations=evaluations)
        at_least(0, context=context)
        share(switch_share=switch_share, worthwhile=worthwhile)
        self._window = max(1, round(switch_share * evaluations))
        self._worthwhile = worthwhile
        self._context = context
        self._selection = Selection()
        self._scores: dict[Selection, float] = {}
        self._children: dict[CandidateId, int] = {}
        self._came: dict[CandidateId, int] = {}
        self._told = 0
        self._outcomes = 0
        self._since = 0
        self._at_start: float | None = None

    def _choose(self, rng: Random) -> Ticket:
        pool = [self._ranking[rank] for rank in range(min(_POOL, len(self._ranking)))]
        parent = rng.choices(pool, [self._weight(elite, rank, len(pool)) for rank, elite in enumerate(pool)])[0]
        shown = rng.random() < 1 / (1 + math.exp(-self._selection.company))
        others = rng.sample(pool, min(self._context, len(pool))) if shown else []
        route: Mapping[str, Data] = {"selection": self._selection.data}
        return self._ticket([parent], others, route=route)

    def _learn(self, told: Told, elite: Elite | None) -> None:
        if elite is not None:
            self._came[elite.candidate.id] = self._told
            for parent in elite.candidate.parents[:1]:
                self._children[parent] = self._children.get(parent, 0) + 1
        if planted(told) or not len(self._ranking):
            return
        self._told += 1
        self._outcomes += 1
        best = self._ranking[0].gain
        if self._at_start is None:
            self._at_start = best
        rise = best - self._at_start
        self._since = (
            0 if self._ranking[0] is elite and rise > self._worthwhile * abs(self._at_start) else self._since + 1
        )
        if self._since >= self._window:
            self._switch(rise)

    def _weight(self, elite: Elite, rank: int, size: int) -> float:
        candidate, selection = elite.candidate.id, self._selection
        merit = 1 - rank / max(1, size - 1)
        youth = self._came.get(candidate, 0) / max(1, self._told)
        rest = 1 / (1 + self._children.get(candidate, 0))
        total = selection.merit * merit + selection.youth * youth + selection.rest * rest
        return math.exp(max(-50.0, min(50.0, total)))

    def _switch(self, rise: float) -> None:
        """Score the running selection, and go on with a variation of the best."""
        score = rise / math.sqrt(self._outcomes)
        self._scores[self._selection] = max(score, self._scores.get(self._selection, score))
        founder = max(self._scores, key=lambda one: self._scores[one])
        self._selection = founder.varied(stream(self._seed, self.name, "switch", self._told))
        self._outcomes, self._since, self._at_start = 0, 0, self._ranking[0].gain
