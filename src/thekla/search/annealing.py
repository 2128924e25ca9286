"""Simulated annealing: a worse child may replace the current program, less and less often."""

from __future__ import annotations

import math
from random import Random

from thekla.core.problem import Problem
from thekla.core.rng import stream
from thekla.core.run import Ticket, Told
from thekla.search.elites import Elite
from thekla.search.ranked import RankedStrategy, planted
from thekla.search.settings import at_least

__all__ = ["Annealing"]

_SMOOTHING = 0.1  # weight of the latest loss in the mean loss that sets the scale


class Annealing(RankedStrategy):
    """Metropolis acceptance under a temperature that falls geometrically over the budget.

    The temperature counts in units of the mean loss of worse children, so that it needs no knowledge of the objective's
    scale. When the budget is spent the search stays at its last temperature.

    Args:
        evaluations: The budget over which it cools.
        start, end: First and last temperature; at 1 a child of average loss is accepted with probability 1/e.

    References:
        Kirkpatrick, Gelatt & Vecchi 1983, Optimization by Simulated Annealing.
    """

    name = "annealing"

    def __init__(
        self, problem: Problem, *, seed: int, evaluations: int = 200, start: float = 0.7, end: float = 0.02
    ) -> None:
        super().__init__(problem, seed=seed)
        at_least(1, evaluations=evaluations)
        at_least(1e-9, start=start, end=end)
        self._evaluations = evaluations
        self._start = start
        self._end = end
        self._told = 0
        self._loss: float | None = None
        self._current: Elite | None = None

    def _choose(self, rng: Random) -> Ticket:
        assert self._current is not None
        return self._ticket([self._current])

    def _learn(self, told: Told, elite: Elite | None) -> None:
        self._told += not planted(told)
        if elite is not None and (self._current is None or self._accepts(self._current.gain - elite.gain, told)):
            self._current = elite

    def _accepts(self, loss: float, told: Told) -> bool:
        if loss <= 0 or planted(told):
            return loss <= 0
        self._loss = loss if self._loss is None else (1 - _SMOOTHING) * self._loss + _SMOOTHING * loss
        progress = min(1.0, self._told / self._evaluations)
        temperature = self._start * (self._end / self._start) ** progress
        draw = stream(self._seed, self.name, "accept", told.ticket.id).random()
        return draw < math.exp(-loss / (temperature * max(self._loss, 1e-300)))
