"""What commands print: data on stdout, everything else on stderr, foreign text made visible."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from thekla.core.values import Data
from thekla.core.visible import inset, number, visible

if TYPE_CHECKING:
    from thekla.assembly import Description, LadderRow
    from thekla.assembly import Table as TextTable

__all__ = [
    "description",
    "errors",
    "interval",
    "ladder",
    "narrow",
    "note",
    "out",
    "print_json",
    "say",
    "table",
    "tables",
]

_NARROW = 100  # columns below which a ladder shows no intervals: they would break every cell
_INTERVAL = re.compile(r" \[[^\]]*\]$")

_ROLES = {"oracle": "oracle (hidden truth)", "state_of_the_art": "state of the art", "published": "published figure"}


def out() -> Console:
    """The console of stdout, as wide as the terminal (80 columns if there is none)."""
    return Console(file=sys.stdout, highlight=False, markup=False, emoji=False)


def narrow() -> bool:
    """Whether the terminal has no room for an interval beside every number."""
    return out().width < _NARROW


def errors() -> Console:
    """The console of stderr."""
    return Console(file=sys.stderr, highlight=False, markup=False, emoji=False)


def say(text: str) -> None:
    """A line on stdout."""
    out().print(Text(visible(text)), soft_wrap=True)


def note(text: str) -> None:
    """A line on stderr."""
    errors().print(Text(visible(text)), soft_wrap=True)


def print_json(data: Data) -> None:
    """`data` as one line of JSON on stdout, in ASCII, so that no text in it can act on a terminal."""
    sys.stdout.write(json.dumps(data, allow_nan=False) + "\n")
    sys.stdout.flush()


def interval(low: float | None, high: float | None) -> str:
    """A confidence interval as text; empty if it is not known."""
    return f"[{number(low, digits=4)}, {number(high, digits=4)}]" if low is not None and high is not None else ""


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, left: int = 1, title: str = "") -> None:
    """A table on stdout; columns from `left` on are set to the right."""
    grid = Table(
        box=box.SIMPLE_HEAD if any(columns) else None,
        show_header=any(columns),
        title=Text(title) if title else None,
        title_justify="left",
        title_style="bold",
        pad_edge=False,
    )
    for index, name in enumerate(columns):
        grid.add_column(
            Text(visible(name)), justify="right" if index >= left else "left", overflow="fold", vertical="top"
        )
    for row in rows:
        grid.add_row(*(Text(visible(cell)) for cell in row))
    out().print(grid)


def tables(found: Iterable[TextTable]) -> None:
    """Tables with their titles and notes; intervals are left out where the terminal is narrow."""
    shorter = narrow()
    for item in found:
        rows = [[_INTERVAL.sub("", cell) if shorter else cell for cell in row] for row in item.rows]
        table(item.columns, rows, left=item.left, title=item.title)
        if item.note:
            out().print(Text(visible(item.note), style="dim"))
            out().print()


def description(found: Description, *, only: Sequence[str] = ()) -> None:
    """A run in a page: warnings, headline, tables (those of the titles in `only`, if any), caveats."""
    for warning in found.warnings:
        say(f"Warning: {warning}")
    say(found.headline)
    tables(item for item in found.tables if not only or item.title in only)
    for caveat in found.caveats:
        say(f"- {caveat}")


def ladder(rows: Sequence[LadderRow], *, title: str) -> None:
    """Rungs of one split."""
    head = f"{rows[0].objective} ({rows[0].unit})" if rows and rows[0].unit else "score"
    cells = [
        (
            row.name,
            _ROLES.get(row.role, row.role),
            number(row.score) if row.score is not None else "failed",
            interval(row.low, row.high),
        )
        for row in rows
    ]
    table(("policy", "role", head, "95 % interval"), cells, left=2, title=title)
    for row in rows:
        if row.failed:
            out().print(Text(visible(inset(f"{row.name}: {row.failed}")), style="dim"))
