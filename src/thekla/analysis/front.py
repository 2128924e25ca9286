"""The front of a run with several objectives: the feasible programs that no other beats on all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from thekla.analysis.reading import CandidateView, RunView
from thekla.analysis.tables import Table
from thekla.core.constraints import constrained_value, violation
from thekla.core.evaluation import Scored
from thekla.core.preference import front
from thekla.core.problem import Objective
from thekla.core.values import Data
from thekla.core.visible import number

__all__ = ["FrontListing", "FrontPoint", "front_of", "front_table", "list_front", "points_of"]


@dataclass(frozen=True, kw_only=True)
class FrontPoint:
    """A scored program by its objectives on the train split.

    Args:
        beyond: By how much it violates the constraints; 0 if it is feasible.
    """

    candidate: CandidateView
    outcome: Scored
    beyond: float


@dataclass(frozen=True, kw_only=True)
class FrontListing:
    """The front for people and, as `data`, for programs."""

    table: Table
    data: Sequence[Mapping[str, Data]]


def points_of(view: RunView) -> list[FrontPoint]:
    """All scored candidates, in the order in which they were told."""
    return [
        FrontPoint(candidate=each, outcome=each.outcome, beyond=violation(view.settings.constraints, each.outcome))
        for each in view.candidates
        if each.id is not None and isinstance(each.outcome, Scored)
    ]


def front_of(view: RunView) -> list[FrontPoint]:
    """The front of the feasible programs, best on the first objective first; of equal scores the first program."""
    feasible = [point for point in points_of(view) if point.beyond == 0]
    objectives = view.settings.objectives
    gains = [tuple(one.gain(point.outcome.scores[one.name]) for one in objectives) for point in feasible]
    return [feasible[place] for place in front(gains)]


def front_table(view: RunView) -> Table:
    """The front with every objective and what is constrained besides."""
    found, objectives = front_of(view), view.settings.objectives
    names = {one.name for one in objectives}
    constraints = [one for one in view.settings.constraints if one.name not in names]
    rows = tuple(
        (
            str(point.candidate.id),
            *(number(point.outcome.scores[one.name]) for one in objectives),
            *(number(value) for one in constraints if (value := constrained_value(one, point.outcome)) is not None),
        )
        for point in found
    )
    heads = (*(_head(one) for one in objectives), *(str(one) for one in constraints))
    infeasible = sum(point.beyond > 0 for point in points_of(view))
    note = f"On train. {infeasible} scored programs violate a constraint." if view.settings.constraints else "On train."
    return Table(title="Front", columns=("candidate", *heads), rows=rows, note=note)


def list_front(view: RunView) -> FrontListing:
    """The front of a run, as a table and as data."""
    data: list[Mapping[str, Data]] = [
        {
            "candidate": point.candidate.id,
            "program": point.candidate.program,
            "scores": dict(point.outcome.scores),
        }
        for point in front_of(view)
    ]
    return FrontListing(table=front_table(view), data=data)


def _head(objective: Objective) -> str:
    better = "lower" if objective.direction == "minimize" else "higher"
    return f"{objective.name}, {objective.unit} ({better} is better)"
