"""What the gate says, as one HTML file without scripts, as Markdown, and as plain data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from thekla.analysis.report.marks import fenced, plain, table_lines
from thekla.analysis.tables import Table
from thekla.core.values import Data
from thekla.core.visible import visible
from thekla.promotion.gate import Promotion
from thekla.promotion.statements import source_of

__all__ = ["answer_of", "data_of", "overview", "render_html", "render_markdown"]

_WORDS: Mapping[bool | None, str] = {True: "passed", False: "FAILED", None: "not made"}


def answer_of(promotion: Promotion) -> str:
    """The gate's answer in a sentence."""
    failed = [check.name for check in promotion.checks if check.passed is False]
    skipped = [check.name for check in promotion.checks if check.passed is None]
    rest = f"; not made: {', '.join(skipped)}" if skipped else ""
    if failed:
        return f"Not promoted: it failed {', '.join(failed)}{rest}."
    return f"Promoted: it passed every check against {promotion.baseline} that could be made{rest}."


def overview(promotion: Promotion) -> Table:
    """A row for each check."""
    rows = tuple((check.name, _WORDS[check.passed], check.summary) for check in promotion.checks)
    return Table(title="Checks", columns=("check", "", "what was found"), rows=rows, left=3)


def data_of(promotion: Promotion) -> dict[str, Data]:
    """All of it for programs."""
    return {
        "promoted": promotion.passed,
        "answer": answer_of(promotion),
        "baseline": promotion.baseline,
        "program": promotion.program.id,
        "simplified": source_of(promotion.simplified),
        "checks": [
            {"name": check.name, "passed": check.passed, "summary": check.summary, "data": check.data}
            for check in promotion.checks
        ],
    }


def render_html(promotion: Promotion, *, problem: str, run: str) -> str:
    """One self-contained page."""
    environment = Environment(
        loader=ChoiceLoader(
            [
                PackageLoader("thekla.promotion", "templates"),
                PackageLoader("thekla.analysis.report", "templates"),
            ]
        ),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["visible"] = visible
    return environment.get_template("promotion.html.j2").render(
        problem=problem,
        run=run,
        answer=answer_of(promotion),
        overview=overview(promotion),
        checks=promotion.checks,
        simplified=source_of(promotion.simplified),
    )


def render_markdown(promotion: Promotion, *, problem: str, run: str) -> str:
    """The same for a repository or an issue."""
    return "\n".join(_lines(promotion, problem, run)).rstrip() + "\n"


def _lines(promotion: Promotion, problem: str, run: str) -> Iterator[str]:
    yield from (f"# {plain(problem)}: promotion of run {plain(run)}", "", f"**{plain(answer_of(promotion))}**", "")
    yield from table_lines(overview(promotion))
    for check in promotion.checks:
        if check.table is not None and check.table.rows:
            yield from table_lines(check.table)
    yield from ("## The program, simplified", "", *fenced(source_of(promotion.simplified), "python"), "")
