"""The report as Markdown, with foreign text where it cannot become mark-up."""

from __future__ import annotations

import re
from collections.abc import Iterator

from thekla.analysis.diff import unified_diff
from thekla.analysis.front import front_table
from thekla.analysis.generalisation import gap_table
from thekla.analysis.ladder import ladder
from thekla.analysis.reading import RunView
from thekla.analysis.report.heat import heat_maps
from thekla.analysis.report.html import command_of, facts_of
from thekla.analysis.tables import (
    Table,
    failures_table,
    ladder_table,
    ledger_table,
    measures_table,
    models_table,
    operators_table,
    quarantine_table,
)
from thekla.analysis.wording import findings
from thekla.core.visible import number, visible

__all__ = ["render_markdown"]

_SPECIAL = re.compile(r"([\\`*_\[\]<>|#~&!])")


def render_markdown(view: RunView, *, run: str) -> str:
    """The report of the run called `run`, for a repository or an issue."""
    return "\n".join(_lines(view, run)).rstrip() + "\n"


def _lines(view: RunView, run: str) -> Iterator[str]:
    steps = ladder(view)
    said = findings(view, steps)
    yield from (f"# {_plain(view.settings.problem.name)}: run {_plain(run)}", "")
    for warning in said.warnings:
        yield from (f"> **Warning.** {_plain(warning)}", "")
    yield from (f"**{_plain(said.headline)}**", "")
    if said.evidence:
        yield from ("## Evidence", "", *(f"- {_plain(line)}" for line in said.evidence), "")
    yield from ("## Caveats", "", *(f"- {_plain(line)}" for line in said.caveats), "")
    yield from _table(ladder_table(view, steps))
    if view.quarantined:
        yield from _table(quarantine_table(view))
    yield from _curve(view)
    if (gap := gap_table(view)).rows:
        yield from _table(gap)
    yield from _program(view)
    if len(view.settings.objectives) > 1:
        yield from _table(front_table(view))
    for map_ in heat_maps(steps, view.objective):
        rows = tuple((label, *(cell.text for cell in cells)) for label, cells in map_.rows)
        title = f"Instance by instance: {map_.split}"
        listed = "; ".join(f"{place} {name}" for place, name in enumerate(map_.names, start=1))
        note = f"Instances {map_.stem}… {listed}".strip() if map_.stem or listed else ""
        yield from _table(Table(title=title, columns=("policy", *map_.columns), rows=rows, note=note))
    measures = measures_table(view, steps)
    models = models_table(view)
    for table in (failures_table(view), measures, operators_table(view), models, ledger_table(view)):
        if table is not None and (table is not models or models.rows):
            yield from _table(table)
    yield from ("## Building blocks", "")
    for name, text in view.settings.vocabulary.items():
        yield from (f"- {_plain(name)}", "", *(f"      {line}" for line in visible(text).split("\n")), "")
    if not view.settings.vocabulary:
        yield from ("The problem declares none.", "")
    yield from ("## How to reproduce", "", *_fenced(command_of(view), "sh"), "")
    yield from _rows(("what", "value"), facts_of(view, run=run), left=2)


def _curve(view: RunView) -> Iterator[str]:
    rows = tuple((f"{point.evaluation:,}", point.candidate, number(point.score)) for point in view.curve)
    head = f"best {view.objective.name}, {view.objective.unit}".rstrip(", ")
    yield from _table(Table(title="Best so far", columns=("evaluation", "candidate", head), rows=rows, left=2))


def _program(view: RunView) -> Iterator[str]:
    before, after = view.seed_program, view.best_program
    yield from ("## Program", "")
    if after is None:
        yield from ("No program was scored.", "")
        return
    if before is not None:
        patch = unified_diff(before, after, names=("seed", "winner" if view.winner else "leader"))
        yield from ("Against the seed:", "", *_fenced(patch or "(no difference)", "diff"), "")
    yield from ("Full text:", "")
    for path, text in after.files:
        if len(after.files) > 1:
            yield from (f"`{visible(path)}`", "")
        yield from (*_fenced(text, "python" if after.language == "python" else ""), "")


def _fenced(text: str, language: str) -> Iterator[str]:
    """A code block whose fence is longer than any run of back-ticks inside."""
    shown = visible(text).rstrip("\n")
    longest = max((len(run) for run in re.findall(r"`+", shown)), default=0)
    fence = "`" * max(3, longest + 1)
    yield from (f"{fence}{language}", shown, fence)


def _table(table: Table) -> Iterator[str]:
    yield from (f"## {_plain(table.title)}", "")
    yield from _rows(table.columns, table.rows, left=table.left)
    if table.note:
        yield from (_plain(table.note), "")


def _rows(columns: tuple[str, ...], rows: tuple[tuple[str, ...], ...], *, left: int) -> Iterator[str]:
    if not rows:
        yield from ("None.", "")
        return
    yield f"| {' | '.join(map(_cell, columns))} |"
    yield f"|{'|'.join(' --- ' if index < left else ' ---: ' for index in range(len(columns)))}|"
    for row in rows:
        yield f"| {' | '.join(map(_cell, row))} |"
    yield ""


def _plain(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", visible(text).replace("\n", " "))


def _cell(text: str) -> str:
    return _plain(text) or " "
