"""`make demo`: discover a lakehouse scheduling policy on this machine, and show what it is worth."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from thekla.analysis.ladder import Ladder, Rung
from thekla.analysis.ladder import ladder as ladder_of
from thekla.analysis.reading import RunView
from thekla.assembly.gallery import LadderRow
from thekla.assembly.options import RunOptions
from thekla.assembly.reading import view, write_report
from thekla.assembly.sessions import run
from thekla.core.errors import TheklaError
from thekla.core.problem import Split
from thekla.core.values import Data
from thekla.engine import Observer

__all__ = ["DEMO", "DemoResult", "demo"]

DEMO = RunOptions(
    problem="lakehouse",
    suite="siblings",
    strategy="islands",
    evaluations=150,
    in_flight=12,
    wall_s=225.0,  # `make demo` must end within six minutes on two cores, set-up and closing included
)
"""The demo's settings: search on siblings of the ten public traces, never on those themselves."""

REPORTED = "public"  # the suite whose figures are published


@dataclass(frozen=True, kw_only=True)
class DemoResult:
    """The demo's run, the ladder on the ten public traces, and the summary as one object.

    Args:
        policy: The text of the winner.
    """

    run_id: str
    ladder: Sequence[LadderRow]
    summary: Mapping[str, Data]
    policy: str
    report: Path


def demo(*, runs: Path | None, seed: int = 0, observer: Observer) -> DemoResult:
    """Search, judge the winner and the ladder where the search never was, and write the report.

    Raises:
        SandboxError: The sandbox cannot be had.
        StorageError: The run file or the report cannot be written.
        KeyboardInterrupt: Ctrl-C; the run can be resumed.
    """
    begun_s = time.monotonic()
    ended = run(DEMO.model_copy(update={"seed": seed}), runs=runs, observer=observer)
    seen = view(ended.run_id, runs)
    (report,) = write_report(ended.run_id, runs, html=ended.path.with_suffix(".html"), markdown=None)
    program = seen.best_program
    if program is None:
        raise TheklaError(f"run {ended.run_id} found nothing that has a score; its report says why: {report}")
    return DemoResult(
        run_id=ended.run_id,
        ladder=_rows(seen, Split.PUBLIC),
        summary=_summary(seen, ended.run_id, report, wall_s=time.monotonic() - begun_s),
        policy=program.text,
        report=report,
    )


def _summary(seen: RunView, run_id: str, report: Path, *, wall_s: float) -> dict[str, Data]:
    """The last line of the demo. `seed_score` and `best_score` are on the ten public traces, which the search never
    saw; `holdout_*` on traces that did not exist before the winner was chosen."""
    steps = ladder_of(seen)
    seed, winner = steps.of_role("seed"), steps.of_role("winner")
    return {
        "problem": seen.settings.problem.name,
        "suite": REPORTED,
        "searched_on": seen.settings.problem.suite,
        "objective": seen.objective.name,
        "unit": seen.objective.unit,
        "direction": seen.objective.direction,
        "seed_score": _score(seed, Split.PUBLIC),
        "best_score": _score(winner, Split.PUBLIC),
        "train_seed_score": _score(seed, Split.TRAIN),
        "train_best_score": _score(winner, Split.TRAIN),
        "holdout_seed_score": _score(seed, Split.HOLDOUT),
        "holdout_best_score": _score(winner, Split.HOLDOUT),
        "measured": _measured_rungs(steps, Split.PUBLIC),
        "evaluations": seen.ledger.evaluations,
        "run_seed": seen.settings.seed,
        "run": run_id,
        "sandbox": seen.settings.tier,
        "wall_s": round(wall_s, 1),
        "report": str(report),
    }


def _score(rung: Rung | None, split: Split) -> float | None:
    standing = rung.standings.get(split) if rung is not None else None
    return standing.score if standing is not None else None


def _rows(seen: RunView, split: Split) -> list[LadderRow]:
    """The ladder on one split, worst first."""
    rows = []
    for rung in ladder_of(seen).rungs:
        standing = rung.standings.get(split)
        if standing is None:
            continue
        interval = standing.interval
        rows.append(
            LadderRow(
                name=rung.name,
                role=rung.role,
                score=standing.score,
                objective=seen.objective.name,
                unit=seen.objective.unit,
                failed=standing.failed,
                low=interval.low if interval else None,
                high=interval.high if interval else None,
                instances=standing.instances,
                source=rung.source or rung.description,
            )
        )
    return rows


def _measured_rungs(steps: Ladder, split: Split) -> dict[str, Data]:
    """The scores of all rungs that this run measured on a split."""
    scores = {rung.name: _score(rung, split) for rung in steps.rungs if rung.role != "published"}
    return {name: score for name, score in scores.items() if score is not None}
