"""The command that tries models and strategies before the money is spent."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from thekla.cli import output
from thekla.cli.options import JsonFlag, Runs, Sandbox, Workers, sandbox_tier
from thekla.cli.progress import ProgressDisplay
from thekla.core.visible import number

__all__ = ["pilot"]


def pilot(
    problem: Annotated[str | None, typer.Argument(help="A problem of `thekla problems`.")] = None,
    *,
    model: Annotated[list[str] | None, typer.Option("--model", help="A model to try; several times.")] = None,
    strategy: Annotated[list[str] | None, typer.Option("--strategy", help="A strategy to try; several times.")] = None,
    suite: Annotated[str | None, typer.Option(help="Suite of the problem.", show_default="default")] = None,
    evaluations: Annotated[int, typer.Option(min=2, help="Evaluations of each trial.")] = 20,
    repeats: Annotated[int, typer.Option(min=1, help="Trials of each pair, with seeds of their own.")] = 2,
    cost_usd: Annotated[float | None, typer.Option("--cost-usd", help="Money that each trial may spend.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the first trials.")] = 0,
    sandbox: Sandbox = "strict",
    config: Annotated[Path | None, typer.Option(help="TOML file of options, as for `thekla run`.")] = None,
    workers: Workers = 2,
    runs: Runs = None,
    as_json: JsonFlag = False,
) -> None:
    """Try models and strategies in short searches, and say which to take; no hold-out is opened."""
    from thekla import assembly

    given: dict[str, Any] = {"problem": problem, "suite": suite, "evaluations": evaluations}
    given |= {"cost_usd": cost_usd, "seed": seed}
    options = assembly.load_options(config, **given, workers=workers, sandbox=sandbox_tier(sandbox))
    with ProgressDisplay(output.errors()) as display:
        found = assembly.pilot(
            options,
            models=model or [],
            strategies=strategy or [],
            repeats=repeats,
            runs=runs,
            observer=display,
        )
    if as_json:
        output.print_json({"pilot": found.data})
        return
    rows = [
        (
            trial.model,
            trial.strategy,
            str(trial.seed),
            f"{number(trial.percent, digits=3)} %",
            f"{trial.failed:.0%}",
            "not known" if trial.cost_usd is None else f"${trial.cost_usd:,.3f}",
        )
        for trial in found.trials
    ]
    output.table(("model", "strategy", "seed", "better than seed (train)", "failed", "cost"), rows, left=2)
    doubt = "" if found.clear else "; the trials overlap, so this is a guess: more --repeats or --evaluations decide"
    output.say(f"Take {found.model} with --strategy {found.strategy}{doubt}.")
