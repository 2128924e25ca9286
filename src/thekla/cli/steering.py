"""Commands that turn a run, whether it is under way or not: `thekla steer VERB RUN ...`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thekla.cli import output
from thekla.cli.options import JsonFlag, Runs
from thekla.cli.runs import RunName, where
from thekla.core.visible import visible

if TYPE_CHECKING:
    from thekla.assembly import Listing

__all__ = ["app"]

app = typer.Typer(
    help="Turn a run: hints, notes, pins, bans, a pause, programs of your own, a fork.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Drop = Annotated[bool, typer.Option("--drop", help="Take it back.")]


@app.command("hint")
def hint(
    run: RunName,
    text: Annotated[str, typer.Argument(help="What to try; every ticket says it from now on.")],
    *,
    drop: Drop = False,
    runs: Runs = None,
) -> None:
    """Give every ticket a hint."""
    _line(run, "hint", text, drop=drop, runs=runs)


@app.command("note")
def note(
    run: RunName,
    text: Annotated[str, typer.Argument(help="What you found out; every prompt says it from now on.")],
    *,
    drop: Drop = False,
    runs: Runs = None,
) -> None:
    """Add a note to every prompt."""
    _line(run, "note", text, drop=drop, runs=runs)


@app.command("pin")
def pin(
    run: RunName,
    candidate: Annotated[str, typer.Argument(help="The candidate that every ticket is to start from.")],
    *,
    drop: Drop = False,
    runs: Runs = None,
) -> None:
    """Let every ticket start from one candidate."""
    _line(run, "pin", candidate, drop=drop, runs=runs)


@app.command("ban")
def ban(
    run: RunName,
    candidate: Annotated[str, typer.Argument(help="The candidate that no ticket is to start from.")],
    *,
    drop: Drop = False,
    runs: Runs = None,
) -> None:
    """Let no ticket start from, or look at, a candidate; it stays in the record."""
    _line(run, "ban", candidate, drop=drop, runs=runs)


@app.command("pause")
def pause(run: RunName, *, runs: Runs = None) -> None:
    """Ask for no more tickets; those that are out are finished."""
    from thekla import assembly

    output.say(str(assembly.pause(run, paused=True, runs=runs)))


@app.command("continue")
def resume(run: RunName, *, runs: Runs = None) -> None:
    """Go on after a pause."""
    from thekla import assembly

    output.say(str(assembly.pause(run, paused=False, runs=runs)))


@app.command("inject")
def inject(
    run: RunName,
    program: Annotated[Path, typer.Argument(help="A program file.")],
    *,
    by: Annotated[str, typer.Option(help="Who wrote it, as the run records it.")] = "person",
    runs: Runs = None,
) -> None:
    """Put a program of your own into a run: it answers the next ticket."""
    from thekla import assembly

    output.say(str(assembly.inject(run, program, by=by, runs=runs)))


@app.command("fork")
def fork(
    run: RunName,
    *,
    at: Annotated[int, typer.Option("--at", min=1, help="How many events the fork shares with the run.")],
    runs: Runs = None,
    as_json: JsonFlag = False,
) -> None:
    """Start a run that shares the first events of another, and goes its own way from there."""
    from thekla import assembly

    name, path = assembly.fork(run, at=at, runs=runs)
    if as_json:
        output.print_json({"run": name, "path": str(path)})
        return
    output.say(name)
    output.note(f"steer it, then: thekla resume {name}{where(runs)}")


@app.command("show")
def show(run: RunName, *, runs: Runs = None, as_json: JsonFlag = False) -> None:
    """Show what people want of a run, and the folder in which an editor can say it."""
    from thekla import assembly

    path, wanted, question = assembly.steering(run, runs)
    if as_json:
        data = {"hints": list(wanted.hints), "notes": wanted.notes, "pinned": wanted.pinned, "paused": wanted.paused}
        output.print_json(
            {"folder": str(path), **data, "banned": list(wanted.banned), "fork": wanted.fork, "question": question}
        )
        return
    output.say(str(path))
    if question:
        output.note(f"\n{visible(question)}\n")
    rows = [("hint", text) for text in wanted.hints]
    rows += [("note", wanted.notes)] if wanted.notes else []
    rows += [("pinned", wanted.pinned)] if wanted.pinned else []
    rows += [("banned", candidate) for candidate in wanted.banned]
    rows += [("paused", "yes")] if wanted.paused else []
    rows += [("program", f"{one.program[:16]} by {one.by}") for one in wanted.injected]
    output.table(("what", "is wanted"), rows, left=2)


def _line(run: str, listing: Listing, text: str, *, drop: bool, runs: Path | None) -> None:
    from thekla import assembly

    output.say(str(assembly.steer_line(run, listing, text, drop=drop, runs=runs)))
