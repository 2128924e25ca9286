"""Benchmarks on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thekla.cli import output
from thekla.cli.options import JsonFlag
from thekla.core.errors import ConfigError
from thekla.core.values import Data

if TYPE_CHECKING:
    from thekla.assembly import Interval, Standing, Summary

__all__ = ["ablation", "app", "strategies"]

app = typer.Typer(help="Benchmarks that run on this machine, without a sandbox or a model.", no_args_is_help=True)


@app.command()
def strategies(
    names: Annotated[
        list[str] | None, typer.Argument(help="Strategies or presets, with +tune after a name to tune constants.")
    ] = None,
    *,
    problem: Annotated[list[str] | None, typer.Option(help="A problem of the laboratory; may be repeated.")] = None,
    seeds: Annotated[int, typer.Option(min=1, max=1000, help="Seeds per strategy and problem.")] = 5,
    proposals: Annotated[int, typer.Option(min=1, help="Proposals of a search, trials of constants included.")] = 200,
    in_flight: Annotated[int, typer.Option(min=1, max=4096, help="Tickets asked before one is told.")] = 1,
    figure: Annotated[Path | None, typer.Option(help="Write the curves of the medians as SVG.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Compare strategies on problems by formula, where all get the same proposals."""
    if figure is not None and not figure.parent.is_dir():
        raise ConfigError(f"the folder {str(figure.parent)!r} does not exist; make it, or name another file")
    from rich.progress import Progress

    from thekla import assembly

    with Progress(console=output.errors(), transient=True) as progress:
        task = progress.add_task("trials", total=None)
        summary = assembly.bench_strategies(
            names or [],
            problem or [],
            seeds=seeds,
            proposals=proposals,
            in_flight=in_flight,
            observer=lambda done, total: progress.update(task, completed=done, total=total),
        )
    if figure is not None:
        assembly.write_figure(summary, figure)
    if as_json:
        output.print_json({"in_flight": in_flight, **asdict(summary)})
    else:
        _show(summary)


@app.command()
def ablation(
    name: Annotated[str, typer.Argument(help="A strategy with mechanisms that can be switched off.")] = "thekla",
    *,
    problem: Annotated[list[str] | None, typer.Option(help="A problem of the laboratory; may be repeated.")] = None,
    seeds: Annotated[int, typer.Option(min=1, max=1000, help="Seeds per mechanism and problem.")] = 10,
    proposals: Annotated[int, typer.Option(min=1, help="Proposals of a search.")] = 200,
    in_flight: Annotated[int, typer.Option(min=1, max=4096, help="Tickets asked before one is told.")] = 1,
    as_json: JsonFlag = False,
) -> None:
    """Say what each mechanism of a strategy is worth, on problems by formula."""
    from rich.progress import Progress

    from thekla import assembly

    with Progress(console=output.errors(), transient=True) as progress:
        task = progress.add_task("trials", total=None)
        found = assembly.bench_ablation(
            name,
            problem or [],
            seeds=seeds,
            proposals=proposals,
            in_flight=in_flight,
            observer=lambda done, total: progress.update(task, completed=done, total=total),
        )
    if as_json:
        about: dict[str, Data] = {"strategy": name, "seeds": seeds, "proposals": proposals, "in_flight": in_flight}
        output.print_json({**about, "worths": [asdict(one) for one in found]})
        return
    rows = [
        (one.mechanism, one.problem, f"{one.added:+.3f}", _range(one.interval), f"{one.p_value:.3f}") for one in found
    ]
    output.table(("mechanism", "problem", "adds", "95 %", "p"), rows, left=2, title=f"what {name} has of it")
    output.note(f"{seeds} seeds, {proposals} proposals each: the mean of the best score with it minus without it.")


def _show(summary: Summary) -> None:
    for problem in dict.fromkeys(one.problem for one in summary.standings):
        found = sorted((one for one in summary.standings if one.problem == problem), key=lambda one: -one.median)
        output.table(("strategy", "median", "95 %", "area", "p"), [_cells(one) for one in found], left=1, title=problem)
    rows = [
        (name, f"{rank:.2f}", *(f"{share:.0%}" for share in summary.profiles[name]))
        for name, rank in summary.ranks.items()
    ]
    factors = _factors()
    output.table(("strategy", "mean rank", *factors), rows, left=1, title="over all problems and seeds")
    if summary.critical_difference is not None:
        output.note(f"Mean ranks differ significantly (95 %) from {summary.critical_difference:.2f} on.")
    output.note(
        f"{summary.seeds} seeds, {summary.proposals} proposals each. area: mean of the best score over the budget; "
        "p: of the difference to the best on that problem; x2: share solved within twice the proposals of the fastest."
    )


def _factors() -> Sequence[str]:
    from thekla.assembly import PROFILE_FACTORS

    return [f"x{factor:g}" for factor in PROFILE_FACTORS]


def _cells(one: Standing) -> tuple[str, ...]:
    return (one.contender, f"{one.median:.3f}", _range(one.interval), f"{one.area:.3f}", f"{one.p_value:.3f}")


def _range(interval: Interval | None) -> str:
    return f"{interval.low:.3f} to {interval.high:.3f}" if interval else "-"
