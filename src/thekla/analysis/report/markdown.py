"""The report as Markdown, with foreign text where it cannot become mark-up."""

from __future__ import annotations

from collections.abc import Iterator

from thekla.analysis.diff import unified_diff
from thekla.analysis.front import front_table
from thekla.analysis.generalisation import gap_table
from thekla.analysis.ladder import ladder
from thekla.analysis.reading import RunView
from thekla.analysis.report.heat import heat_maps
from thekla.analysis.report.html import command_of, facts_of
from thekla.analysis.report.marks import fenced, plain, row_lines, table_lines
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


def render_markdown(view: RunView, *, run: str) -> str:
    """The report of the run called `run`, for a repository or an issue."""
    return "\n".join(_lines(view, run)).rstrip() + "\n"


def _lines(view: RunView, run: str) -> Iterator[str]:
    steps = ladder(view)
    said = findings(view, steps)
    yield from (f"# {plain(view.settings.problem.title)}: run {plain(run)}", "")
    for warning in said.warnings:
        yield from (f"> **Warning.** {plain(warning)}", "")
    yield from (f"**{plain(said.headline)}**", "")
    if said.evidence:
        yield from ("## Evidence", "", *(f"- {plain(line)}" for line in said.evidence), "")
    yield from ("## Caveats", "", *(f"- {plain(line)}" for line in said.caveats), "")
    yield from table_lines(ladder_table(view, steps))
    if view.quarantined:
        yield from table_lines(quarantine_table(view))
    yield from _curve(view)
    if (gap := gap_table(view)).rows:
        yield from table_lines(gap)
    yield from _program(view)
    if len(view.settings.objectives) > 1:
        yield from table_lines(front_table(view))
    for map_ in heat_maps(steps, view.objective):
        rows = tuple((label, *(cell.text for cell in cells)) for label, cells in map_.rows)
        title = f"Instance by instance: {map_.split}"
        listed = "; ".join(f"{place} {name}" for place, name in enumerate(map_.names, start=1))
        note = f"Instances {map_.stem}… {listed}".strip() if map_.stem or listed else ""
        yield from table_lines(Table(title=title, columns=("policy", *map_.columns), rows=rows, note=note))
    measures = measures_table(view, steps)
    models = models_table(view)
    for table in (failures_table(view), measures, operators_table(view), models, ledger_table(view)):
        if table is not None and (table is not models or models.rows):
            yield from table_lines(table)
    yield from ("## Building blocks", "")
    for name, text in view.settings.vocabulary.items():
        yield from (f"- {plain(name)}", "", *(f"      {line}" for line in visible(text).split("\n")), "")
    if not view.settings.vocabulary:
        yield from ("The problem declares none.", "")
    yield from ("## How to reproduce", "", *fenced(command_of(view), "sh"), "")
    yield from row_lines(("what", "value"), facts_of(view, run=run), left=2)


def _curve(view: RunView) -> Iterator[str]:
    rows = tuple((f"{point.evaluation:,}", point.candidate, number(point.score)) for point in view.curve)
    head = f"best {view.objective.name}, {view.objective.unit}".rstrip(", ")
    yield from table_lines(Table(title="Best so far", columns=("evaluation", "candidate", head), rows=rows, left=2))


def _program(view: RunView) -> Iterator[str]:
    before, after = view.seed_program, view.best_program
    yield from ("## Program", "")
    if after is None:
        yield from ("No program was scored.", "")
        return
    if before is not None:
        patch = unified_diff(before, after, names=("seed", "winner" if view.winner else "leader"))
        yield from ("Against the seed:", "", *fenced(patch or "(no difference)", "diff"), "")
    yield from ("Full text:", "")
    for path, text in after.files:
        if len(after.files) > 1:
            yield from (f"`{visible(path)}`", "")
        yield from (*fenced(text, "python" if after.language == "python" else ""), "")
