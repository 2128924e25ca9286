"""Commands that make, continue and read runs."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from thekla.cli import output
from thekla.cli.errors import FAILED, INTERRUPTED
from thekla.cli.estimate import say_forecast
from thekla.cli.options import (
    TIERS_HELP,
    JsonFlag,
    ObjectiveName,
    ParamsFile,
    Runs,
    Traces,
    Workers,
    known_tier,
    problem_arguments,
    say_risk,
)
from thekla.cli.progress import ProgressDisplay
from thekla.core.errors import ConfigError
from thekla.core.values import Data
from thekla.core.visible import number, visible

if TYPE_CHECKING:
    from thekla.assembly import RunResult

__all__ = ["best", "diff", "list_runs", "prompt", "replay", "report", "resume", "run", "say_resume", "show", "where"]

_ROW_FIELDS = (
    *("run_id", "problem", "suite", "status", "evaluations", "best"),
    *("objective", "unit", "started_at", "size_bytes", "fault"),
)

RunName = Annotated[str, typer.Argument(help="Id of a run (see `thekla list`), or the path of its file.")]


def run(
    problem: Annotated[
        str | None, typer.Argument(help="A problem of `thekla problems`, or the path of a problem's folder.")
    ] = None,
    *,
    suite: Annotated[str | None, typer.Option(help="Suite of the problem.", show_default="default")] = None,
    strategy: Annotated[str | None, typer.Option(help="What selects.", show_default="thekla")] = None,
    generator: Annotated[str | None, typer.Option(help="What proposes.", show_default="mutation")] = None,
    model: Annotated[
        str | None, typer.Option(help="A language model that proposes: provider:model, or https://host/v1#model.")
    ] = None,
    agent: Annotated[
        str | None, typer.Option(help="A command-line agent that proposes: claude, codex, gemini or opencode.")
    ] = None,
    by: Annotated[str | None, typer.Option(help="Who answers, with --generator asktell.")] = None,
    feedback: Annotated[
        str | None, typer.Option(help="What a model is told of outcomes: score, instances, causes or trace.")
    ] = None,
    evaluations: Annotated[
        int | None, typer.Option(min=1, help="Evaluations that may be spent.", show_default="200")
    ] = None,
    proposals: Annotated[int | None, typer.Option(min=1, help="Proposals that may be asked for.")] = None,
    cost_usd: Annotated[float | None, typer.Option("--cost-usd", help="Money that may be spent on models.")] = None,
    wall_s: Annotated[float | None, typer.Option("--wall-s", help="Seconds that may be spent.")] = None,
    cpu_s: Annotated[float | None, typer.Option("--cpu-s", help="CPU seconds that evaluations may spend.")] = None,
    seed: Annotated[int | None, typer.Option(envvar="THEKLA_SEED", help="Seed of the run.", show_default="0")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes that evaluate.", show_default="2")] = None,
    in_flight: Annotated[
        int | None, typer.Option("--in-flight", min=1, help="Tickets asked before one is told.", show_default="8")
    ] = None,
    ahead: Annotated[
        int | None,
        typer.Option(min=0, help="Tickets asked beyond those while a slow answer is waited for.", show_default="0"),
    ] = None,
    sandbox: Annotated[str | None, typer.Option(help=TIERS_HELP, show_default="strict")] = None,
    tune: Annotated[
        bool | None, typer.Option("--tune/--no-tune", help="Let an optimiser vary constants.", show_default="--no-tune")
    ] = None,
    novelty: Annotated[
        bool | None,
        typer.Option(
            "--novelty/--no-novelty",
            help="Ask again for what nearly equals a program of its island.",
            show_default="--no-novelty",
        ),
    ] = None,
    hints: Annotated[
        bool | None,
        typer.Option(
            "--hints/--no-hints",
            help="Show the problem's own hints, one by one, when the search stands still.",
            show_default="--hints",
        ),
    ] = None,
    notes_every: Annotated[
        int | None, typer.Option(min=1, help="Outcomes after which a model writes notes on the search.")
    ] = None,
    from_run: Annotated[str | None, typer.Option("--from", help="Start from the archive of a closed run.")] = None,
    readable: Annotated[
        bool | None,
        typer.Option("--readable/--any", help="Prefer simpler programs among nearly equal ones.", show_default="--any"),
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(min=0, max=0.999, help="Share of the score that --readable may give up.", show_default="0.01"),
    ] = None,
    traces: Traces = None,
    objective: ObjectiveName = None,
    params: ParamsFile = None,
    constraint: Annotated[
        list[str] | None,
        typer.Option(help="What a program must keep to, as in `misses<=0.05`; may be repeated."),
    ] = None,
    order: Annotated[
        str | None, typer.Option(help="Several objectives: `first` or `lexicographic`.", show_default="first")
    ] = None,
    unaudited: Annotated[
        bool, typer.Option("--unaudited", help="Search a problem of your own even if it fails the quick audit.")
    ] = False,
    race: Annotated[
        float | None,
        typer.Option(min=0, max=0.49, help="End evaluations that cannot reach the best ten, with this error each."),
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="Named settings (docs/reference/strategies.md); all else goes before them.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file of options; options given here go before it.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would cost and take.")] = False,
    runs: Runs = None,
    as_json: JsonFlag = False,
) -> None:
    """Search for a better program, to the end of the budget."""
    if sandbox is not None:
        known_tier(sandbox)
    given: dict[str, Any] = {
        "problem": problem,
        "suite": suite,
        "strategy": strategy,
        "generator": generator,
        "model": model,
        "agent": agent,
        "by": by,
        "feedback": feedback,
        "evaluations": evaluations,
        "proposals": proposals,
        "cost_usd": cost_usd,
        "wall_s": wall_s,
        "cpu_s": cpu_s,
        "seed": seed,
        "workers": workers,
        "in_flight": in_flight,
        "ahead": ahead,
        "sandbox": sandbox,
        "tune": tune,
        "novelty": novelty,
        "hints": hints,
        "notes_every": notes_every,
        "from_run": from_run,
        "readable": readable,
        "tolerance": tolerance,
        "constraints": constraint or None,
        "order": order,
        "problem_arguments": problem_arguments(traces, objective, params),
        "race": race,
        "preset": preset,
        "audited": False if unaudited else None,
    }
    if config is None and preset is None and problem is None:
        raise ConfigError("name a problem (see thekla problems), a file of options with --config, or a --preset")
    from thekla import assembly

    options = assembly.load_options(config, **given)
    say_risk(options.sandbox)
    if dry_run:
        say_forecast(assembly.forecast(options), as_json=as_json)
        return
    _search(lambda display: assembly.run(options, runs=runs, observer=display), runs, as_json=as_json)


def resume(run: RunName, *, workers: Workers = 2, runs: Runs = None, as_json: JsonFlag = False) -> None:
    """Continue an interrupted run; nothing is lost and nothing is done twice."""
    from thekla import assembly

    _search(lambda display: assembly.resume(run, runs=runs, workers=workers, observer=display), runs, as_json=as_json)


def replay(
    run: RunName,
    *,
    strategy: Annotated[str, typer.Option(help="The strategy that works on the recorded answers.")],
    evaluations: Annotated[
        int | None, typer.Option(min=1, help="Evaluations that may be spent.", show_default="the recorded run's")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the run.", show_default="the recorded run's")] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Answer a program only by what was made of this very program.")
    ] = False,
    workers: Workers = 2,
    runs: Runs = None,
    as_json: JsonFlag = False,
) -> None:
    """Try another strategy on the recorded answers of a run; no model is asked."""
    from thekla import assembly

    def start(display: ProgressDisplay) -> RunResult:
        return assembly.replay(
            run,
            strategy=strategy,
            evaluations=evaluations,
            seed=seed,
            elsewhere=not strict,
            runs=runs,
            workers=workers,
            observer=display,
        )

    _search(start, runs, as_json=as_json)


def _search(start: Callable[[ProgressDisplay], RunResult], runs: Path | None, *, as_json: bool) -> None:
    from thekla import assembly

    display = ProgressDisplay(output.errors())
    try:
        with display:
            result = start(display)
    except KeyboardInterrupt:
        say_resume(display.run_id, runs)
        raise typer.Exit(INTERRUPTED) from None
    described = assembly.describe(str(result.path), runs)  # a file may have been given another name
    name = result.path.stem
    if as_json:
        output.print_json({"run": result.run_id, "path": str(result.path), **described.data})
    else:
        for warning in described.warnings:
            output.note(f"Warning: {warning}")
        output.say(described.headline)
        for command in ("show", "best", "report"):
            output.say(f"  thekla {command} {name}{where(runs)}")
    if result.waiting:
        output.note(f"thekla: {name} waits for answers; ask with: thekla ask {name}{where(runs)}")
        return
    if not result.finished:
        say_resume(name, runs)
        raise typer.Exit(INTERRUPTED)
    if not result.scored:
        raise typer.Exit(FAILED)


def say_resume(run_id: str, runs: Path | None) -> None:
    """Say on stderr how an interrupted run is continued."""
    again = f"continue with: thekla resume {run_id}{where(runs)}" if run_id else f"see: thekla list{where(runs)}"
    output.note(f"thekla: interrupted; nothing is lost; {again}")


def where(runs: Path | None) -> str:
    """The option that finds the folder of the run files again."""
    return f" --runs {shlex.quote(str(runs))}" if runs is not None else ""


def list_runs(*, runs: Runs = None, as_json: JsonFlag = False) -> None:
    """List the runs, newest first."""
    from thekla import assembly

    rows = assembly.list_runs(runs)
    if as_json:
        output.print_json([{name: getattr(row, name) for name in _ROW_FIELDS} for row in rows])
        return
    if not rows:
        output.note("no runs yet; start one with: thekla run PROBLEM")
        return
    cells = [
        (
            row.run_id,
            f"{row.problem}/{row.suite}" if row.problem else "-",
            row.status,
            str(row.evaluations),
            f"{number(row.best)} {row.unit}".strip(),
        )
        for row in rows
    ]
    output.table(("run", "problem", "status", "evals", "best"), cells, left=3)
    for row in rows:
        if row.fault:
            output.note(f"{row.run_id}: {row.fault}")


def show(run: RunName, *, runs: Runs = None, as_json: JsonFlag = False) -> None:
    """Show a run: what it found, the ladder, failures, operators and what was spent."""
    from thekla import assembly

    described = assembly.describe(run, runs)
    if as_json:
        output.print_json({"run": run, **described.data})
    else:
        output.description(described)


def best(
    run: RunName,
    *,
    front: Annotated[
        bool, typer.Option("--front", help="List the programs that none beats on all objectives.")
    ] = False,
    candidate: Annotated[str | None, typer.Option(help="Print this one instead, as in `t17`.")] = None,
    runs: Runs = None,
    as_json: JsonFlag = False,
) -> None:
    """Print the best program of a run, or the front of its objectives.

    A terminal is shown hidden characters by their number; a file or pipe gets the text as it is.
    """
    from thekla import assembly

    if front:
        _print_front(run, runs, as_json=as_json)
        return
    program = assembly.view(run, runs).best_program if candidate is None else assembly.program(run, candidate, runs)
    if program is None:
        output.note(f"thekla: run {run} has scored no program")
        raise typer.Exit(FAILED)
    if as_json:
        output.print_json({"run": run, "program": program.id, "files": dict(program.files)})
        return
    for index, (path, text) in enumerate(program.files):
        if len(program.files) > 1:
            typer.echo(f"{'' if index == 0 else chr(10)}# --- {visible(path)}")
        if sys.stdout.isatty():
            typer.echo(visible(text), nl=False)
        else:
            typer.echo(text.encode("utf-8", errors="surrogatepass"), nl=False)


def _print_front(run: str, runs: Path | None, *, as_json: bool) -> None:
    from thekla import assembly

    found = assembly.front(run, runs)
    if as_json:
        output.print_json({"run": run, "front": list(found.data)})
    elif not found.table.rows:
        output.note(f"thekla: run {run} has scored no program that keeps to its constraints")
        raise typer.Exit(FAILED)
    else:
        output.tables([found.table])
        output.note(f"print one with: thekla best {run} --candidate ID{where(runs)}")


def prompt(
    run: RunName,
    ticket: Annotated[str, typer.Argument(help="A ticket of the run, as in `t17`; candidates bear their ticket's id.")],
    *,
    runs: Runs = None,
    as_json: JsonFlag = False,
) -> None:
    """Print the prompt of a ticket, section by section with estimated tokens."""
    from thekla import assembly

    built = assembly.prompt(run, ticket, runs)
    if as_json:
        sections: list[Data] = [
            {"name": one.name, "role": one.role, "tokens": one.tokens, "text": one.text} for one in built.sections
        ]
        output.print_json({"run": run, "ticket": ticket, "tokens": built.tokens, "sections": sections})
        return
    for section in built.sections:
        if section.text:
            output.note(f"--- {section.name} ({section.role}, about {section.tokens:,} tokens)")
            typer.echo(visible(section.text))
    output.note(f"--- about {built.tokens:,} tokens in all")


def diff(
    run: RunName,
    a: Annotated[str, typer.Argument(help="`seed`, `winner`, a candidate, or a baseline.")] = "seed",
    b: Annotated[str, typer.Argument(help="The same, after the change.")] = "winner",
    *,
    runs: Runs = None,
    as_json: JsonFlag = False,
) -> None:
    """Print what turns one program of a run into another: the seed into the winner, if none is named."""
    from thekla import assembly

    patch = assembly.diff(run, a, b, runs)
    if as_json:
        output.print_json({"run": run, "a": a, "b": b, "diff": patch})
    elif not patch:
        output.note("the programs are equal")
    elif sys.stdout.isatty():
        colours = {"+": typer.colors.GREEN, "-": typer.colors.RED, "@": typer.colors.CYAN}
        for line in visible(patch).rstrip("\n").split("\n"):
            typer.secho(line, fg=colours.get(line[:1]))
    else:
        typer.echo(patch.encode("utf-8", errors="surrogatepass"), nl=False)


def report(
    run: RunName,
    *,
    html: Annotated[Path | None, typer.Option(help="Write one self-contained HTML file.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write Markdown.")] = None,
    runs: Runs = None,
    as_json: JsonFlag = False,
) -> None:
    """Write the report of a run; without options, as HTML beside the run's file."""
    from thekla import assembly

    for path in (html, markdown):
        if path is not None and not path.parent.is_dir():
            raise ConfigError(f"the folder {str(path.parent)!r} does not exist; make it, or name another file")
    written = [str(path) for path in assembly.write_report(run, runs, html=html, markdown=markdown)]
    if as_json:
        output.print_json({"run": run, "written": written})
    else:
        for name in written:
            output.say(name)
