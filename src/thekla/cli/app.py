"""The commands, and the border at which every error becomes a message and an exit code."""

from __future__ import annotations

import functools
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from thekla import __version__
from thekla.cli import (
    agents,
    authoring,
    bench,
    data,
    gallery,
    house,
    judgement,
    lakehouse,
    output,
    outside,
    pilot,
    runs,
    steering,
)
from thekla.cli.errors import FAILED, OK, exit_code, message_of
from thekla.cli.logs import logging_without_secrets
from thekla.core.redaction import Redactor, secrets_of
from thekla.core.visible import inset

__all__ = ["app", "execute"]

app = typer.Typer(
    name="thekla",
    help="AI-driven research for systems: search for better programs, and trust what comes out.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


@dataclass
class Settings:
    """What the options before the command say."""

    debug: bool = False


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"thekla {__version__}")
        raise typer.Exit


@app.callback()
def _settings(
    context: typer.Context,
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
) -> None:
    context.ensure_object(Settings).debug = debug


app.command("run")(runs.run)
app.command("resume")(runs.resume)
app.command("pilot")(pilot.pilot)
app.command("replay")(runs.replay)
app.command("ask")(outside.ask)
app.command("tell")(outside.tell)
app.add_typer(steering.app, name="steer")
app.command("mcp")(agents.mcp)
app.command("skill")(agents.skill)
app.command("list")(runs.list_runs)
app.command("show")(runs.show)
app.command("best")(runs.best)
app.command("diff")(runs.diff)
app.command("report")(runs.report)
app.command("prompt")(runs.prompt)
app.command("compare")(judgement.compare)
app.command("verdict")(judgement.verdict)
app.command("promote")(judgement.promote)
app.command("problems")(gallery.problems)
app.command("ladder")(gallery.ladder)
app.command("evaluate")(gallery.evaluate)
app.command("new")(authoring.new)
app.command("lint")(authoring.lint)
app.command("audit")(authoring.audit)
app.add_typer(bench.app, name="bench")
app.add_typer(data.app, name="data")
app.command("doctor")(house.doctor)
app.command("demo")(house.demo)
app.add_typer(lakehouse.app, name="lakehouse")


@functools.cache
def _command() -> Callable[..., Any]:
    """All commands, with what their signatures say of options: a fifth of a second, paid once."""
    return typer.main.get_command(app)


def execute(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code, with at most one message on stderr."""
    settings = Settings()
    given = sys.argv[1:] if arguments is None else list(arguments)
    redactor = Redactor(secrets_of(os.environ))
    try:
        with logging_without_secrets(redactor):
            _command()(given, prog_name="thekla", obj=settings)
    except SystemExit as left:
        # Typer ends in silence where Ctrl-C meets no command that says more; its own exit is the context of the other.
        cause = left.__context__ and left.__context__.__cause__
        if isinstance(cause, KeyboardInterrupt):
            raise cause from None
        return left.code if isinstance(left.code, int) else OK if left.code is None else FAILED
    except Exception as error:  # border: the user's terminal
        if settings.debug:
            traceback.print_exc()
        output.note(f"thekla: error: {inset(redactor(message_of(error)))}")
        return exit_code(error)
    return OK
