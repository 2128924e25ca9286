"""Commands on the house itself: its health, and its demonstration."""

from __future__ import annotations

from typing import Annotated

import typer

from thekla.cli import output
from thekla.cli.errors import FAILED, INTERRUPTED
from thekla.cli.options import JsonFlag, Runs
from thekla.cli.progress import ProgressDisplay
from thekla.cli.results import assembly

__all__ = ["demo", "doctor"]

_MARKS = {True: "ok", False: "PROBLEM", None: ""}


def doctor(*, as_json: JsonFlag = False) -> None:
    """Say what this machine offers: sandbox tier, versions, folders; exit code 1 if something is wrong."""
    found = assembly().doctor()
    if as_json:
        output.print_json(
            [
                {
                    "title": section.title,
                    "rows": [{"name": row.name, "value": row.value, "ok": row.ok} for row in section.rows],
                }
                for section in found.sections
            ]
        )
    else:
        for section in found.sections:
            rows = [(row.name, row.value, _MARKS[row.ok]) for row in section.rows]
            output.table(("", "", ""), rows, left=3, title=section.title)
    if any(row.ok is False for section in found.sections for row in section.rows):
        raise typer.Exit(FAILED)


def demo(
    *,
    seed: Annotated[int, typer.Option(envvar="THEKLA_SEED", help="Seed of the run.")] = 0,
    runs: Runs = None,
    as_json: JsonFlag = False,
) -> None:
    """Discover a scheduling policy, without a key or a network; the last line is one JSON object."""
    display = ProgressDisplay(output.errors())
    try:
        with display:
            result = assembly().demo(runs=runs, seed=seed, observer=display)
    except KeyboardInterrupt:
        output.note(f"thekla: interrupted; continue with: thekla resume {display.run_id}".rstrip())
        raise typer.Exit(INTERRUPTED) from None
    if not as_json:
        output.ladder(result.ladder, title="The ladder")
    output.print_json(dict(result.summary))
