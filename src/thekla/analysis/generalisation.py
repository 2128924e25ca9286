"""The generalisation gap along a run: what those who led on train were worth on validation."""

from __future__ import annotations

from dataclasses import dataclass

from thekla.analysis.reading import RunView
from thekla.analysis.tables import Table
from thekla.core.evaluation import Outcome, Scored
from thekla.core.problem import Split
from thekla.core.visible import number, visible

__all__ = ["GapPoint", "gap_along", "gap_table"]


@dataclass(frozen=True, kw_only=True)
class GapPoint:
    """A candidate that led, or was a finalist, on both splits.

    Args:
        evaluation: How many evaluations the budget had been charged with when it was told.
        kept: What is left on validation of its relative gain over the seed on train: 1 is all of it, 0 nothing,
            negative a loss; None where it gained nothing, or a seed's score is 0.
    """

    candidate: str
    evaluation: int
    train: float
    validation: float
    kept: float | None


def gap_along(view: RunView) -> tuple[GapPoint, ...]:
    """The candidates that were judged on validation, in the order in which they were told."""
    judged = {row.name: row.outcome for row in view.judged if row.split is Split.VALIDATION and row.role != "winner"}
    seed = view.seed
    before = _score(view, seed.outcome) if seed is not None else None
    there = _score(view, judged[seed.id]) if seed is not None and seed.id in judged else None
    points = []
    for candidate in view.candidates:
        if candidate.id is None or candidate.id not in judged:
            continue
        train, validation = _score(view, candidate.outcome), _score(view, judged[candidate.id])
        if train is None or validation is None:
            continue
        points.append(
            GapPoint(
                candidate=candidate.id,
                evaluation=candidate.evaluation,
                train=train,
                validation=validation,
                kept=_kept(view, before, train, there, validation),
            )
        )
    return tuple(points)


def gap_table(view: RunView) -> Table:
    """The gap along the run as a table; without rows before the run is closed."""
    rows = [
        (
            visible(point.candidate),
            f"{point.evaluation:,}",
            number(point.train),
            number(point.validation),
            "-" if point.kept is None else f"{point.kept:.0%}".replace("%", " %"),
        )
        for point in gap_along(view)
    ]
    return Table(
        title="Generalisation along the run",
        columns=("candidate", "evaluation", "train", "validation", "gain kept"),
        rows=tuple(rows),
        note="The seed, some that led on train, and the finalists. Gain kept: the relative gain over the seed on "
        "validation, as a share of that on train; where it falls, the search fits train only.",
    )


def _score(view: RunView, outcome: Outcome) -> float | None:
    return outcome.scores.get(view.objective.name) if isinstance(outcome, Scored) else None


def _kept(view: RunView, before: float | None, train: float, there: float | None, validation: float) -> float | None:
    if not before or not there:
        return None
    gain = view.objective.gain
    trained = (gain(train) - gain(before)) / abs(before)
    return (gain(validation) - gain(there)) / abs(there) / trained if trained > 0 else None
