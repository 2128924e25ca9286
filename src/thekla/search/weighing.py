"""Constraints and lexicographic order for any strategy: it is told of one merit that both are folded into."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from thekla.core.constraints import violation
from thekla.core.evaluation import InstanceResult, Outcome, Scored
from thekla.core.preference import Gains
from thekla.core.problem import Objective, Problem
from thekla.core.program import Candidate, CandidateId
from thekla.core.protocols import Strategy
from thekla.core.run import Ticket, Told

__all__ = ["Merits", "Weighed", "needs_weighing"]

_FAR = 10.0  # times as bad as the first program: from there on gains are compressed to make room below them
_FINEST = 1e-6  # relative difference below which two scores are equal where the next objective decides
_MERIT = Objective(name="merit", unit="1", direction="maximize")


def needs_weighing(problem: Problem) -> bool:
    """Whether the first objective alone does not say which of two programs is better."""
    return bool(problem.constraints) or (problem.order == "lexicographic" and len(problem.objectives) > 1)


class Weighed:
    """A strategy around one that knows of no constraint: it is told merits instead of scores.

    A merit is the gain of its objective, unchanged as long as it is not ten times as bad as the first program's;
    every infeasible program has less merit than every feasible one, and the less the more it violates. So "feasible
    first" and constrained domination hold for whatever compares merits. In lexicographic order there is one objective,
    whose merit orders as the list of gains does.

    Args:
        make: Builds the strategy inside, for the problem that it is shown.

    References:
        Deb 2000, An efficient constraint handling method for genetic algorithms; Deb et al. 2002, NSGA-II.
    """

    name = "weighed"
    version = "1"

    def __init__(self, make: Callable[[Problem], Strategy], problem: Problem) -> None:
        self._problem = problem
        self._lexicographic = problem.order == "lexicographic"
        shown = (
            (_MERIT,)
            if self._lexicographic
            else tuple(replace(_MERIT, name=one.name, unit=one.unit) for one in problem.objectives)
        )
        self._inner = make(replace(problem, objectives=shown, constraints=(), order="first"))
        self._merits: Merits | None = None
        self._outcomes: dict[CandidateId, Scored] = {}

    @property
    def inner(self) -> Strategy:
        """The strategy inside."""
        return self._inner

    def ask(self, n: int = 1) -> Sequence[Ticket]:
        return self._inner.ask(n)

    def tell(self, told: Told) -> None:
        if told.candidate is not None and isinstance(told.outcome, Scored):
            self._outcomes[told.candidate.id] = told.outcome
            told = replace(told, outcome=self._weigh(told.outcome))
        self._inner.tell(told)

    def best(self, k: int = 1) -> Sequence[tuple[Candidate, Outcome]]:
        return [(candidate, self._outcomes[candidate.id]) for candidate, _ in self._inner.best(k)]

    def _weigh(self, outcome: Scored) -> Scored:
        beyond = violation(self._problem.constraints, outcome)
        if self._merits is None:
            self._merits = Merits(self._problem.objectives, first=outcome.scores)
        merits = self._merits

        def weighed(scores: Mapping[str, float]) -> dict[str, float]:
            if self._lexicographic:
                return {_MERIT.name: merits.joint(scores, beyond)}
            return {one.name: merits.of(one, scores, beyond) for one in self._problem.objectives if one.name in scores}

        instances = {
            name: InstanceResult(
                scores=weighed({**outcome.scores, **result.scores}),
                measures=result.measures,
                feedback=result.feedback,
                behaviour=result.behaviour,
            )
            for name, result in outcome.instances.items()
        }
        return replace(outcome, scores=weighed(outcome.scores), instances=instances)


@dataclass(frozen=True, kw_only=True)
class _Scale:
    """The merit of one objective; `unit` is the size of the first program's gain, `floor` ten times worse than it."""

    floor: float
    unit: float

    @classmethod
    def around(cls, gain: float) -> _Scale:
        unit = abs(gain) or 1.0
        return cls(floor=gain - _FAR * unit, unit=unit)

    def merit(self, gain: float, beyond: float) -> float:
        if beyond > 0:  # below all that is feasible, as that ends one unit under the floor
            return self.floor - 2 * self.unit - self.unit * (1 - 1 / (1 + beyond))
        below = self.floor - gain
        return gain if below <= 0 else self.floor - self.unit * (1 - self.unit / (self.unit + below))


class Merits:
    """Scores and violations as merits, on scales that the first scored program gives.

    Args:
        first: The scores of that program.
    """

    def __init__(self, objectives: Sequence[Objective], *, first: Mapping[str, float]) -> None:
        self._objectives = tuple(objectives)
        self._scales = {one.name: _Scale.around(one.gain(first[one.name])) for one in objectives}

    def of(self, objective: Objective, scores: Mapping[str, float], beyond: float) -> float:
        """The merit of one objective's score; `beyond` is the violation of the constraints."""
        return self._scales[objective.name].merit(objective.gain(scores[objective.name]), beyond)

    def joint(self, scores: Mapping[str, float], beyond: float) -> float:
        """One merit in which each objective decides between equals of those before it."""
        gains = tuple(one.gain(scores[one.name]) for one in self._objectives)
        return self._scales[self._objectives[0].name].merit(self._nested(gains), beyond)

    def _nested(self, gains: Gains, place: int = 0) -> float:
        objective = self._objectives[place]
        unit = self._scales[objective.name].unit
        if place == len(gains) - 1:
            return gains[place]
        low, width = _cell(gains[place], max(objective.tolerance, _FINEST), 1e-9 * unit)
        following = self._nested(gains, place + 1) / self._scales[self._objectives[place + 1].name].unit
        share = 0.5 + 0.5 * following / (1 + abs(following))
        return low + width * (0.001 + 0.998 * share)


def _cell(gain: float, relative: float, least: float) -> tuple[float, float]:
    """The lower end and the width of the cell of equal gains: of relative width, around nought of twice `least`."""
    if abs(gain) < least:
        return -least, 2 * least
    steps = math.floor(math.log(abs(gain) / least) / math.log1p(relative))
    inner, outer = least * (1 + relative) ** steps, least * (1 + relative) ** (steps + 1)
    return (inner, outer - inner) if gain > 0 else (-outer, outer - inner)
