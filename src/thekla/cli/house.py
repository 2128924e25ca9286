"""Commands on the house itself: its health, and its demonstration."""

from __future__ import annotations

from typing import Annotated

import typer

from thekla.cli import output
from thekla.cli.errors import FAILED, INTERRUPTED, NO_SANDBOX
from thekla.cli.options import MOST_SEED, JsonFlag, Runs
from thekla.cli.progress import ProgressDisplay
from thekla.cli.runs import say_resume, where

__all__ = ["demo", "doctor"]

_MARKS = {True: "ok", False: "PROBLEM", None: ""}


def doctor(
    *,
    model: Annotated[
        list[str] | None, typer.Option(help="A language model to ask for one word; may be given several times.")
    ] = None,
    runs: Runs = None,
    as_json: JsonFlag = False,
) -> None:
    """Say what this machine offers: sandbox, versions, folders. Exit code 3 without a sandbox, 1 for other trouble."""
    from thekla import assembly

    found = assembly.doctor(runs, models=model or ())
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
    if not found.ok:
        raise typer.Exit(NO_SANDBOX)
    if any(row.ok is False for section in found.sections for row in section.rows):
        raise typer.Exit(FAILED)


def demo(
    *,
    seed: Annotated[int, typer.Option(envvar="THEKLA_SEED", min=0, max=MOST_SEED, help="Seed of the run.")] = 0,
    runs: Runs = None,
    as_json: JsonFlag = False,
) -> None:
    """Discover a scheduling policy, without a key or a network; the last line is one JSON object."""
    from thekla import assembly

    display = ProgressDisplay(output.errors())
    try:
        with display:
            result = assembly.demo(runs=runs, seed=seed, observer=display)
    except KeyboardInterrupt:
        say_resume(display.run_id, runs)
        raise typer.Exit(INTERRUPTED) from None
    if not as_json:
        described = assembly.describe(result.run_id, runs)
        output.description(described, only=("Run", "Ladder", "Failures"))
        output.say(f"The report: {result.report}")
        output.say(f"The program: thekla best {result.run_id}{where(runs)}")
    output.print_json(dict(result.summary))
