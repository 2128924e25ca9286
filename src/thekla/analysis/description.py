"""A run described for the terminal: a few tables, and the same as plain data for programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from thekla.analysis.front import front_table, list_front
from thekla.analysis.generalisation import gap_along, gap_table
from thekla.analysis.ladder import Ladder, Rung, Standing, compare_with_seed, generalisation, ladder
from thekla.analysis.price import price_of_improvement
from thekla.analysis.reading import CandidateView, RunView
from thekla.analysis.tables import (
    Table,
    failures_table,
    ladder_table,
    ledger_table,
    models_table,
    operators_table,
    quarantine_table,
    readability_table,
    summary_table,
)
from thekla.analysis.wording import findings
from thekla.core.codec import encode
from thekla.core.evaluation import Failed
from thekla.core.values import Data

__all__ = ["Description", "describe"]


@dataclass(frozen=True, kw_only=True)
class Description:
    """What `thekla show` prints: sentences and tables for people, `data` for programs."""

    headline: str
    warnings: tuple[str, ...]
    caveats: tuple[str, ...]
    tables: tuple[Table, ...]
    data: Mapping[str, Data]


def describe(view: RunView) -> Description:
    """The run in a page of text."""
    steps = ladder(view)
    said = findings(view, steps)
    tables = (
        summary_table(view, steps),
        ladder_table(view, steps),
        gap_table(view),
        quarantine_table(view),
        failures_table(view),
        readability_table(view),
        operators_table(view),
        models_table(view),
        ledger_table(view),
        *((front_table(view),) if len(view.settings.objectives) > 1 else ()),
    )
    return Description(
        headline=said.headline,
        warnings=said.warnings,
        caveats=said.caveats,
        tables=tuple(table for table in tables if table.rows),
        data=_data(view, steps, said.headline),
    )


def _data(view: RunView, steps: Ladder, headline: str) -> dict[str, Data]:
    settings = view.settings
    return {
        "problem": settings.problem.name,
        "suite": settings.problem.suite,
        "problem_version": settings.problem_version,
        "objective": view.objective.name,
        "unit": view.objective.unit,
        "direction": view.objective.direction,
        "headline": headline,
        "status": view.status,
        "stop_reason": view.stop_reason,
        "tier": settings.tier,
        "seed": settings.seed,
        "evaluator": settings.evaluator,
        "components": encode(settings.components),
        "best": _candidate(view, view.best),
        "holdout": _opening(view),
        "constraints": [str(constraint) for constraint in settings.constraints],
        "front": [dict(point) for point in list_front(view).data] if len(settings.objectives) > 1 else [],
        "ladder": [_rung(rung) for rung in steps.rungs],
        "generalisation": [encode(row) for row in generalisation(view, steps)],
        "gap_along": [encode(point) for point in gap_along(view)],
        "against_seed": {split: encode(row) for split, row in compare_with_seed(view, steps).items()},
        "curve": [encode(point) for point in view.curve],
        "failures": [
            {"kind": row.kind, "stage": row.stage, "count": row.count, "cpu_s": row.cpu_s} for row in view.failures
        ],
        "steered": [encode(decision) for decision in view.steered],
        "quarantined": [encode(fact) for fact in view.quarantined],
        "screening": encode(view.screening),
        "operators": [encode(row) for row in view.operators],
        "ledger": encode(view.ledger),
        "price_of_one_percent": encode(price_of_improvement(view)),
        "models": [encode(calls) for calls in view.models],
        "events": view.events,
        "chain": view.chain,
    }


def _opening(view: RunView) -> Data:
    """The opening of the hold-out; None if it was not opened."""
    if view.holdout is None:
        return None
    ids: list[Data] = [each.id for each in view.holdout.instances]
    return {"instances": ids, "fixed": view.holdout.fixed, "key": view.holdout.key}


def _candidate(view: RunView, candidate: CandidateView | None) -> dict[str, Data] | None:
    if candidate is None:
        return None
    return {
        "id": candidate.id,
        "program": candidate.program,
        "operator": candidate.operator,
        "generation": candidate.generation,
        "parents": list(candidate.parents),
        "evaluation": candidate.evaluation,
        "train": view.score(candidate.outcome),
        "failed": candidate.outcome.kind if isinstance(candidate.outcome, Failed) else None,
    }


def _rung(rung: Rung) -> dict[str, Data]:
    return {
        "name": rung.name,
        "role": rung.role,
        "source": rung.source,
        "as_published": rung.stated,
        "splits": {split: _standing(standing) for split, standing in rung.standings.items()},
    }


def _standing(standing: Standing) -> dict[str, Data]:
    interval = standing.interval
    return {
        "score": standing.score,
        "failed": standing.failed,
        "low": interval.low if interval else None,
        "high": interval.high if interval else None,
        "instances": dict(standing.instances),
        "measures": dict(standing.measures),
    }
