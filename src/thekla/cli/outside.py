"""Commands for those who answer a run's tickets from outside: people, scripts, coding agents."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thekla.cli import output
from thekla.cli.options import JsonFlag, Runs, Workers
from thekla.cli.progress import ProgressDisplay
from thekla.cli.runs import RunName, where
from thekla.core.errors import ConfigError
from thekla.core.values import Data
from thekla.core.visible import number, visible

if TYPE_CHECKING:
    from thekla.assembly import Heard, Offer, RunState

__all__ = ["ask", "tell"]

By = Annotated[str, typer.Option("--by", help="Who answers; the run's own --by if not given.")]
Patience = Annotated[
    float, typer.Option("--patience-s", min=0, help="Seconds to wait for another process that writes the run.")
]


def ask(
    run: RunName,
    *,
    n: Annotated[int, typer.Option("-n", min=1, help="Tickets, at the most.")] = 1,
    by: By = "",
    lease_s: Annotated[float, typer.Option("--lease-s", help="Seconds for which nobody else gets them.")] = 3600.0,
    again: Annotated[bool, typer.Option("--again", help="Tickets that you hold already, too.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder that gets a folder of files for each ticket.")] = None,
    workers: Workers = 2,
    patience_s: Patience = 600.0,
    runs: Runs = None,
    as_json: JsonFlag = False,
) -> None:
    """Get tickets of a run that was started with --generator asktell: each asks for one program."""
    from thekla import assembly

    with ProgressDisplay(output.errors()) as display:
        offers, state = assembly.ask(
            run,
            n=n,
            by=by,
            lease_s=lease_s,
            again=again,
            runs=runs,
            workers=workers,
            observer=display,
            patience_s=patience_s,
        )
    written = [_write(offer, out) for offer in offers] if out is not None else []
    if as_json:
        output.print_json({"run": state.data, "tickets": [offer.data for offer in offers]})
        return
    for offer in offers if out is None else ():
        output.note(f"--- {offer.ticket.id} (about {offer.prompt.tokens:,} tokens)")
        typer.echo(visible(offer.prompt.text))
    for folder in written:
        output.say(str(folder))
    if state.status == "closed":
        output.note(f"the run is closed; see: thekla show {state.run_id}{where(runs)}")
    elif state.status == "paused" and not offers:
        output.note(f"the run is paused; see: thekla steer show {state.run_id}{where(runs)}")
    elif not offers:
        held = ", ".join(f"{lease.ticket} by {lease.by or 'somebody'}" for lease in state.leased)
        output.note(f"every ticket is on lease ({held}); answer one, or wait")
    else:
        output.note(f"answer with: thekla tell {state.run_id} {offers[0].ticket.id} FILE{where(runs)}")


def tell(
    run: RunName,
    ticket: Annotated[str, typer.Argument(help="The ticket that is answered; with --json-file in the file.")] = "",
    program: Annotated[
        Path | None, typer.Argument(help="A program file, or a folder of them; `-` reads a program from stdin.")
    ] = None,
    *,
    by: By = "",
    note: Annotated[str, typer.Option(help="What is new in it, and why.")] = "",
    answer: Annotated[
        Path | None, typer.Option(help="A file with SEARCH/REPLACE edits, a diff, or a program in a block, instead.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json-file", help="A file with ticket, program (or answer), by, note, cost_usd.")
    ] = None,
    decline: Annotated[str, typer.Option(help="Why there is no program.")] = "",
    cost_usd: Annotated[float | None, typer.Option("--cost-usd", min=0, help="What the answer cost, if known.")] = None,
    stop: Annotated[bool, typer.Option("--stop", help="End the search instead: the run closes.")] = False,
    workers: Workers = 2,
    patience_s: Patience = 600.0,
    runs: Runs = None,
    as_json: JsonFlag = False,
) -> None:
    """Answer a ticket, and hear what came of it; the answer is safe before it is evaluated."""
    from thekla import assembly

    if stop:
        with ProgressDisplay(output.errors()) as display:
            state = assembly.stop(run, by=by, runs=runs, workers=workers, observer=display, patience_s=patience_s)
        _say_state(state, runs, as_json=as_json)
        return
    given = {"program": program, "answer": answer, "decline": decline}
    entries = _entries(json_file) if json_file is not None else _stated(given, note=note, cost_usd=cost_usd)
    named, reply = assembly.reply_of(entries, by=by)
    if ticket and named and ticket != named:
        raise ConfigError(f"the command names ticket {ticket!r}, and {json_file} names {named!r}")
    ticket = ticket or named
    if not ticket:
        raise ConfigError("name the ticket that is answered (see thekla ask)")
    with ProgressDisplay(output.errors()) as display:
        heard = assembly.tell(run, ticket, reply, runs=runs, workers=workers, observer=display, patience_s=patience_s)
    _say_heard(heard, runs, as_json=as_json)


def _stated(given: Mapping[str, Path | str | None], *, note: str, cost_usd: float | None) -> dict[str, object]:
    """The reply that the options state, as a file of JSON would."""
    from thekla import assembly

    named = {name: value for name, value in given.items() if value}
    if len(named) != 1:
        raise ConfigError("give one of a program, --answer FILE and --decline WHY")
    ((name, value),) = named.items()
    if name == "program" and isinstance(value, Path) and str(value) != "-":
        content: object = dict(assembly.read_program(value).files)
    else:
        content = _text(value) if isinstance(value, Path) else value
    return {name: content, "note": note, "cost_usd": cost_usd}


def _entries(path: Path) -> object:
    """The content of a JSON file."""
    try:
        return json.loads(_text(path))
    except ValueError as error:
        raise ConfigError(f"{path} is no JSON: {error}") from error


def _text(path: Path) -> str:
    try:
        return sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error


def _say_heard(heard: Heard, runs: Path | None, *, as_json: bool) -> None:
    if as_json:
        output.print_json(heard.data)
        return
    output.say(heard.words)
    if not heard.told:
        output.note("an older ticket must be answered before the search hears of it")
    _say_state(heard.state, runs, as_json=False)


def _say_state(state: RunState, runs: Path | None, *, as_json: bool) -> None:
    if as_json:
        output.print_json({"run": state.data})
        return
    of = f"/{state.budget}" if state.budget is not None else ""
    unit = f" {state.unit}" if state.unit else ""
    output.note(f"{state.evaluations}{of} evaluations, best {state.objective} {number(state.best)}{unit}")
    if state.status == "closed":
        output.note(f"the run is closed; see: thekla show {state.run_id}{where(runs)}")


def _write(offer: Offer, out: Path) -> Path:
    """A folder with the prompt, the program to change, and the ticket as JSON."""
    folder = out / offer.ticket.id
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "prompt.md").write_text(offer.prompt.text + "\n", encoding="utf-8")
    data: dict[str, Data] = {name: value for name, value in offer.data.items() if name != "prompt"}
    (folder / "ticket.json").write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    for name, text in offer.parent.files if offer.parent is not None else ():
        path = folder / "program" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder
