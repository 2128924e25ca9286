"""Commands on problems: what there is, how the ladder stands, and what a program file scores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thekla.cli import output
from thekla.cli.errors import BAD_INPUT, FAILED
from thekla.cli.options import (
    JsonFlag,
    ObjectiveName,
    ParamsFile,
    Sandbox,
    Suite,
    Traces,
    Workers,
    open_split,
    problem_arguments,
    sandbox_tier,
)
from thekla.core.errors import ConfigError
from thekla.core.evaluation import Failed, Scored
from thekla.core.values import Data
from thekla.core.visible import inset, number

if TYPE_CHECKING:
    from thekla.assembly import LadderRow

__all__ = ["evaluate", "ladder", "ladder_data", "problems"]

ProblemName = Annotated[str, typer.Argument(help="A problem of `thekla problems`, or the path of a problem's folder.")]
SplitName = Annotated[str, typer.Option("--split", help="train, validation or public; never the hold-out.")]


def problems(*, as_json: JsonFlag = False) -> None:
    """List the problems and their suites."""
    from thekla import assembly

    rows = assembly.problems()
    if as_json:
        output.print_json(
            [
                {
                    "name": row.name,
                    "suites": dict(row.suites),
                    "objective": row.objective,
                    "unit": row.unit,
                    "direction": row.direction,
                }
                for row in rows
            ]
        )
        return
    cells = [
        (row.name if index == 0 else "", suite, about, f"{row.direction} {row.objective}" if index == 0 else "")
        for row in rows
        for index, (suite, about) in enumerate(row.suites.items())
    ]
    output.table(("problem", "suite", "about", "objective"), cells, left=4)


def ladder(
    problem: ProblemName,
    *,
    suite: Suite = "default",
    split: SplitName = "train",
    traces: Traces = None,
    objective: ObjectiveName = None,
    params: ParamsFile = None,
    sandbox: Sandbox = "strict",
    workers: Workers = 2,
    as_json: JsonFlag = False,
) -> None:
    """Score every baseline, and show published figures and the bound beside them."""
    from thekla import assembly

    chosen = open_split(split)
    rows = assembly.ladder(
        problem,
        suite,
        chosen,
        sandbox=sandbox_tier(sandbox),
        workers=workers,
        arguments=problem_arguments(traces, objective, params),
    )
    if as_json:
        output.print_json(ladder_data(rows))
    else:
        output.ladder(rows, title=f"{problem}, {_place(suite, traces)}, {chosen}")


def _place(suite: str, traces: Path | None) -> str:
    return f"suite {suite}" if traces is None else f"traces of {traces.name or traces}"


def ladder_data(rows: Sequence[LadderRow]) -> Data:
    """Rungs as plain data."""
    names = ("name", "role", "score", "failed", "low", "high", "source", "objective", "unit")
    return [{**{name: getattr(row, name) for name in names}, "instances": dict(row.instances)} for row in rows]


def evaluate(
    problem: ProblemName,
    file: Annotated[Path, typer.Argument(help="A program file.")],
    *,
    suite: Suite = "default",
    split: SplitName = "train",
    traces: Traces = None,
    objective: ObjectiveName = None,
    params: ParamsFile = None,
    sandbox: Sandbox = "strict",
    workers: Workers = 2,
    as_json: JsonFlag = False,
) -> None:
    """Score a program file; exit code 1 if it fails, 2 if it is no program of the problem (syntax, interface)."""
    from thekla import assembly

    chosen = open_split(split)
    if not file.is_file():
        raise ConfigError(f"{str(file)!r} is no file; name a program to evaluate")
    outcome = assembly.evaluate(
        problem,
        file,
        suite,
        chosen,
        sandbox=sandbox_tier(sandbox),
        workers=workers,
        arguments=problem_arguments(traces, objective, params),
    )
    if isinstance(outcome, Failed):
        _say_failed(outcome, as_json=as_json)
        raise typer.Exit(BAD_INPUT if outcome.stage == "check" else FAILED)  # before anything ran, or after
    if as_json:
        output.print_json(_scored_data(outcome))
        return
    rows = [(name, number(value)) for name, value in [*outcome.scores.items(), *outcome.measures.items()]]
    output.table(("on all instances", "value"), rows, title=f"{problem}, {_place(suite, traces)}, {chosen}")
    names = list(outcome.scores)
    cells = [
        (instance, *(number(result.scores.get(name)) for name in names))
        for instance, result in outcome.instances.items()
    ]
    output.table(("instance", *names), cells)


def _say_failed(outcome: Failed, *, as_json: bool) -> None:
    if as_json:
        failed = {"kind": str(outcome.kind), "stage": outcome.stage, "message": outcome.message}
        output.print_json({"failed": {**failed, "traceback": outcome.traceback}})
        return
    output.say(f"failed ({outcome.kind} in {outcome.stage}): {inset(outcome.message)}")
    if outcome.traceback:
        output.note(f"  {inset(outcome.traceback.rstrip())}")


def _scored_data(outcome: Scored) -> dict[str, Data]:
    return {
        "scores": dict(outcome.scores),
        "measures": dict(outcome.measures),
        "tier": outcome.tier,
        "cpu_s": outcome.cost.cpu_s,
        "instances": {
            name: {"scores": dict(result.scores), "measures": dict(result.measures)}
            for name, result in outcome.instances.items()
        },
    }
