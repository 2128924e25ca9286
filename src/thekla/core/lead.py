"""Who is best so far: on the first objective, and feasible programs before all others."""

from __future__ import annotations

from collections.abc import Sequence

from thekla.core.constraints import violation
from thekla.core.evaluation import Scored
from thekla.core.problem import Constraint, Objective

__all__ = ["Lead"]


class Lead:
    """The lead of a search, outcome by outcome; of equals the earlier keeps it.

    Of programs that are not feasible the one that violates its constraints least leads, whatever it scores.
    """

    def __init__(self, objective: Objective, constraints: Sequence[Constraint] = ()) -> None:
        self._objective = objective
        self._constraints = tuple(constraints)
        self._best: tuple[float, float] | None = None  # how feasible, and its gain

    @property
    def is_open(self) -> bool:
        """Whether nobody leads yet."""
        return self._best is None

    def is_lost_to(self, outcome: Scored) -> bool:
        """Whether a program with that outcome would lead."""
        return self._best is None or self._standing(outcome) > self._best

    def take(self, outcome: Scored) -> bool:
        """Take in an outcome; returns whether its program leads from now on."""
        leads = self.is_lost_to(outcome)
        if leads:
            self._best = self._standing(outcome)
        return leads

    def _standing(self, outcome: Scored) -> tuple[float, float]:
        gain = self._objective.gain(outcome.scores[self._objective.name])
        return -violation(self._constraints, outcome), gain
