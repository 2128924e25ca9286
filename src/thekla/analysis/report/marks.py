"""Markdown made of texts that may be anybody's: nothing in them becomes mark-up."""

from __future__ import annotations

import re
from collections.abc import Iterator

from thekla.analysis.tables import Table
from thekla.core.visible import visible

__all__ = ["fenced", "plain", "row_lines", "table_lines"]

_SPECIAL = re.compile(r"([\\`*_\[\]<>|#~&!])")


def fenced(text: str, language: str) -> Iterator[str]:
    """A code block whose fence is longer than any run of back-ticks inside."""
    shown = visible(text).rstrip("\n")
    longest = max((len(run) for run in re.findall(r"`+", shown)), default=0)
    fence = "`" * max(3, longest + 1)
    yield from (f"{fence}{language}", shown, fence)


def table_lines(content: Table) -> Iterator[str]:
    """A table under its title, with its note."""
    yield from (f"## {plain(content.title)}", "")
    yield from row_lines(content.columns, content.rows, left=content.left)
    if content.note:
        yield from (plain(content.note), "")


def row_lines(columns: tuple[str, ...], rows: tuple[tuple[str, ...], ...], *, left: int) -> Iterator[str]:
    """A table; columns from `left` on are set to the right."""
    if not rows:
        yield from ("None.", "")
        return
    yield f"| {' | '.join(map(_cell, columns))} |"
    yield f"|{'|'.join(' --- ' if index < left else ' ---: ' for index in range(len(columns)))}|"
    for row in rows:
        yield f"| {' | '.join(map(_cell, row))} |"
    yield ""


def plain(text: str) -> str:
    """`text` on one line, with nothing in it that Markdown or HTML would act on."""
    return _SPECIAL.sub(r"\\\1", visible(text).replace("\n", " "))


def _cell(text: str) -> str:
    return plain(text) or " "
