"""Runs as others see them: lists, views, reports and differences. Nothing here writes to a run."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from thekla.analysis.description import Description
from thekla.analysis.description import describe as describe_view
from thekla.analysis.diff import diff_candidates, program_named
from thekla.analysis.front import FrontListing, list_front
from thekla.analysis.reading import RunView, read_run
from thekla.assembly.places import folder
from thekla.core.errors import StorageError
from thekla.core.events import EventKind
from thekla.core.journal import HoldoutOpened, payload_of
from thekla.core.program import Program
from thekla.storage import RunFile
from thekla.storage.lease import is_held

_CLOSING_EVENTS = 500  # more than a run writes after it opened its hold-out: a row of the ladder each

__all__ = ["RunRow", "describe", "diff", "front", "list_runs", "program", "replace_file", "view", "write_report"]


@dataclass(frozen=True, kw_only=True)
class RunRow:
    """A run in a list.

    Args:
        status: `running`, `waiting` (for answers from outside), `interrupted`, `closed` or `unreadable`.
        started_at: ISO 8601, UTC; empty if it is not known.
        fault: Why the file cannot be read; empty if it can.
    """

    run_id: str
    path: Path
    problem: str
    suite: str
    status: str
    evaluations: int
    best: float | None
    objective: str
    unit: str
    started_at: str
    size_bytes: int
    fault: str = ""


def list_runs(runs: Path | None) -> list[RunRow]:
    """All runs of the folder, newest first; an unreadable file is listed with the reason."""
    rows = []
    for summary in folder(runs).list():
        if summary.fault or summary.first is None:
            rows.append(_unreadable(summary.run_id, summary.path, summary.size_bytes, summary.fault or "no event yet"))
            continue
        try:
            seen = view(str(summary.path), runs)
        except StorageError as error:
            rows.append(_unreadable(summary.run_id, summary.path, summary.size_bytes, str(error)))
            continue
        best = seen.best
        rows.append(
            RunRow(
                run_id=summary.run_id,
                path=summary.path,
                problem=seen.settings.problem.name,
                suite=seen.settings.problem.suite,
                status=seen.status,
                evaluations=seen.ledger.evaluations,
                best=seen.score(best.outcome) if best is not None else None,
                objective=seen.objective.name,
                unit=seen.objective.unit,
                started_at=_iso(seen.started_at_s),
                size_bytes=summary.size_bytes,
            )
        )
    return rows[::-1]


def view(run: str, runs: Path | None) -> RunView:
    """A run as its journal tells it; a run that is being written may be looked at.

    Raises:
        ConfigError: No run is meant by `run`, or several are.
        StorageError: Its file cannot be read.
    """
    with _reading(run, runs) as store:
        seen = read_run(store.events(store.run_id), store.blob, live=is_held(store.path))
        if seen.holdout is None or not seen.holdout.fixed:
            return seen
        return replace(seen, earlier_openings=_other_openings(seen.holdout, store.run_id, runs))


def describe(run: str, runs: Path | None) -> Description:
    """A run in sentences and tables, and as plain data."""
    return describe_view(view(run, runs))


def front(run: str, runs: Path | None) -> FrontListing:
    """The feasible programs of a run that none beats on all objectives."""
    return list_front(view(run, runs))


def program(run: str, name: str, runs: Path | None) -> Program:
    """A program of a run: `winner`, `seed`, a candidate's or a program's id, or a baseline's name.

    Raises:
        ConfigError: Nothing, or more than one thing, is meant.
        StorageError: The file cannot be read.
    """
    with _reading(run, runs) as store:
        return program_named(read_run(store.events(store.run_id), store.blob), name, store.blob)


def diff(run: str, before: str, after: str, runs: Path | None) -> str:
    """The patch between two programs of a run, each named as in `program`."""
    with _reading(run, runs) as store:
        return diff_candidates(read_run(store.events(store.run_id), store.blob), store.blob, before, after)


def write_report(run: str, runs: Path | None, html: Path | None, markdown: Path | None) -> list[Path]:
    """Write a run's report; without a path, as HTML beside the run file.

    Raises:
        StorageError: The run cannot be read, or the report not be written.
    """
    from thekla.analysis.report import render_html, render_markdown

    seen = view(run, runs)
    path = folder(runs).find(run)
    if html is None and markdown is None:
        html = path.with_suffix(".html")
    written = []
    for target, render in ((html, render_html), (markdown, render_markdown)):
        if target is not None:
            replace_file(target, render(seen, run=path.stem))
            written.append(target)
    return written


def _other_openings(opened: HoldoutOpened, run_id: str, runs: Path | None) -> int:
    """In how many other runs of the folder a hold-out was opened that shares an instance with this one."""
    ours = {instance.digest for instance in opened.instances}
    count = 0
    for summary in folder(runs).list():
        if summary.run_id == run_id or summary.first is None or summary.fault:
            continue
        with RunFile.open(summary.path, read_only=True) as store:
            last = store.events(summary.run_id, after=summary.events - _CLOSING_EVENTS)
            payloads = [payload_of(event) for event in last if event.kind is EventKind.HOLDOUT_OPENED]
        theirs = {each.digest for one in payloads if isinstance(one, HoldoutOpened) for each in one.instances}
        count += bool(ours & theirs)
    return count


@contextmanager
def _reading(run: str, runs: Path | None) -> Iterator[RunFile]:
    with RunFile.open(folder(runs).find(run), read_only=True) as store:
        yield store


def _iso(at_s: float | None) -> str:
    return "" if at_s is None else f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%dT%H:%M:%SZ}"


def replace_file(target: Path, text: str) -> None:
    """Write `text` whole or not at all.

    Raises:
        StorageError: The disk refuses.
    """
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=target.parent, prefix=target.name, suffix=".part", delete=False
        ) as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).chmod(0o644)
        Path(file.name).replace(target)
    except OSError as error:
        raise StorageError(
            f"the report {target} cannot be written: {error.strerror}; name another place with --html or --markdown"
        ) from error


def _unreadable(run_id: str, path: Path, size_bytes: int, fault: str) -> RunRow:
    return RunRow(
        run_id=run_id,
        path=path,
        problem="",
        suite="",
        status="unreadable",
        evaluations=0,
        best=None,
        objective="",
        unit="",
        started_at="",
        size_bytes=size_bytes,
        fault=fault,
    )
