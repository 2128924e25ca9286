"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from thekla.cli import output
from thekla.core import registry
from thekla.core.errors import ConfigError
from thekla.core.problem import Split

__all__ = [
    "MOST_SEED",
    "TIERS_HELP",
    "JsonFlag",
    "ObjectiveName",
    "ParamsFile",
    "Runs",
    "Sandbox",
    "Suite",
    "Traces",
    "Workers",
    "known_tier",
    "open_split",
    "problem_arguments",
    "sandbox_tier",
    "say_risk",
]

MOST_SEED = 2**63 - 1  # what a run file can hold as an integer

_RISKS = {
    "trusted": "programs run without a sandbox (tier trusted), with all that your user may do on this machine",
    "process": "programs may read what your user may read (tier process), unless namespaces can be had",
}

TIERS_HELP = (
    "`strict`; `bubblewrap` or `container` around it; `process` without Landlock; `trusted` for no protection at all. "
    "Every score is marked with it."
)

Runs: TypeAlias = Annotated[
    Path | None,
    typer.Option("--runs", help="Folder of the run files.", show_default="THEKLA_RUNS, or your data directory"),
]
JsonFlag: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
Suite: TypeAlias = Annotated[str, typer.Option("--suite", help="Suite of the problem.")]
Workers: TypeAlias = Annotated[int, typer.Option("--workers", min=1, help="Processes that evaluate.")]
Sandbox: TypeAlias = Annotated[
    str,
    typer.Option("--sandbox", help=TIERS_HELP),
]


Traces: TypeAlias = Annotated[
    Path | None, typer.Option("--traces", help="Folder of your own traces, for problems that take them.")
]
ObjectiveName: TypeAlias = Annotated[
    str | None, typer.Option("--objective", help="What your traces are scored by, as in p99_query.")
]
ParamsFile: TypeAlias = Annotated[
    Path | None, typer.Option("--params", help="Parameters of your cluster.", show_default="params.toml in --traces")
]


def problem_arguments(traces: Path | None, objective: str | None, params: Path | None) -> dict[str, str]:
    """The arguments of a problem that options name; paths are absolute, so that a run can be resumed anywhere."""
    given = {
        "traces": traces and str(traces.resolve()),
        "objective": objective,
        "params": params and str(params.resolve()),
    }
    return {name: value for name, value in given.items() if value}


def sandbox_tier(name: str) -> str:
    """The tier of that name; what it risks is said on stderr.

    Raises:
        ConfigError: There is none.
    """
    say_risk(known_tier(name))
    return name


def known_tier(name: str) -> str:
    """The tier of that name.

    Raises:
        ConfigError: There is none.
    """
    known = registry.names("sandboxes")
    if name not in known:
        raise ConfigError(f"--sandbox {name!r} is unknown; use {', '.join(known[:-1])} or {known[-1]}")
    return name


def say_risk(tier: str) -> None:
    """On stderr, what a tier leaves open that others close."""
    if tier in _RISKS:
        output.note(f"Warning: {_RISKS[tier]}")


def open_split(name: str) -> Split:
    """The split of that name, if a command may look at it.

    Raises:
        ConfigError: There is none, or it is the hold-out.
    """
    open_splits = [str(split) for split in Split if split is not Split.HOLDOUT]
    if name in ("holdout", "hold-out"):
        raise ConfigError(
            "the hold-out is drawn and opened once, when a run closes; no command shows it. "
            f"Use --split {', '.join(open_splits[:-1])} or {open_splits[-1]}"
        )
    if name not in open_splits:
        raise ConfigError(f"--split {name!r} is unknown; use {', '.join(open_splits[:-1])} or {open_splits[-1]}")
    return Split(name)
