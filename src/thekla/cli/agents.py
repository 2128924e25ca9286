"""Commands for coding agents: a server of their protocol, and the skill that tells them how to work."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from thekla.cli import output
from thekla.cli.options import Runs, Workers
from thekla.cli.runs import RunName, where
from thekla.core.errors import ConfigError

__all__ = ["mcp", "skill"]


def mcp(
    run: RunName,
    *,
    by: Annotated[str, typer.Option(help="Who answers, as the run records it.")] = "agent",
    workers: Workers = 2,
    runs: Runs = None,
) -> None:
    """Serve a run that waits for answers to a coding agent, by the Model Context Protocol on stdin and stdout."""
    from thekla.mcp import serve

    try:
        serve(run, by=by, runs=runs, workers=workers, observer=lambda progress: None)
    except KeyboardInterrupt:  # the usual end of a server; Ctrl-C or SIGTERM
        output.note(f"the server was stopped and nothing is lost; go on with: thekla mcp {run}{where(runs)}")


def skill(
    *,
    out: Annotated[
        Path | None, typer.Option(help="Folder of skills: writes thekla/SKILL.md into it instead of printing.")
    ] = None,
) -> None:
    """Print the skill that tells a coding agent how to work on a run."""
    from thekla.mcp import skill_text

    text = skill_text(front_matter=True)
    if out is None:
        typer.echo(text, nl=False)
        return
    if not out.is_dir():
        raise ConfigError(f"the folder {str(out)!r} does not exist; make it, or name another")
    path = out / "thekla" / "SKILL.md"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    output.say(str(path))
