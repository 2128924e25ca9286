"""What was tried on a program and around it: changes that were scored, repeats, lines that came and went."""

from __future__ import annotations

from thekla.core.evaluation import Scored
from thekla.core.problem import Problem
from thekla.core.run import Section, Ticket
from thekla.prompting.blocks import data_block
from thekla.prompting.history import Fold, head_of
from thekla.prompting.sections import lineage, section

__all__ = ["latest_section", "siblings_section", "undone_section"]

_SIBLINGS = 6  # earlier changes of the same program that are told
_LATEST = 30  # outcomes that are told to who writes notes on them
_UNDONE = 8  # lines that came and went
_TELLING = 12  # characters from which a line says something by itself


def siblings_section(ticket: Ticket, fold: Fold, problem: Problem) -> Section:
    """What earlier changes of the same program came to, best first (their heads say what they tried), and repeats."""
    if not ticket.parents:
        return section("siblings", "")
    parent, objective = ticket.parents[0].program.id, problem.objective
    rows = [
        f"- {objective.name} = {told.outcome.scores[objective.name]:.6g}: {head_of(told.candidate.program)}"
        for told in fold.children.get(parent, ())[:_SIBLINGS]
        if told.candidate is not None and isinstance(told.outcome, Scored)
    ]
    lines = ["## Changes of it that were tried, best first", data_block("changes", "\n".join(rows))] if rows else []
    if repeats := fold.repeats.get(parent, 0):
        many = "answer was a program that was" if repeats == 1 else "answers were programs that were"
        lines.append(f"{repeats} more {many} known already and not evaluated again: write a new one.")
    return section("siblings", "\n".join(lines), {"repeats": repeats})


def latest_section(fold: Fold, problem: Problem) -> Section:
    """What the latest programs came to, oldest first."""
    objective = problem.objective
    rows = []
    for told in fold.told[-_LATEST:]:
        if told.candidate is None:
            continue
        if isinstance(told.outcome, Scored):
            became = f"{objective.name} = {told.outcome.scores[objective.name]:.6g}"
        else:
            became = f"failed ({told.outcome.kind})"
        rows.append(f"- {became}: {head_of(told.candidate.program)}")
    return section("latest", f"## The latest programs, oldest first\n{data_block('programs', chr(10).join(rows))}")


def undone_section(ticket: Ticket, fold: Fold) -> Section:
    """Lines that the program's ancestors took up and gave up again, the latest first.

    Of the lines that models add, three in ten had been deleted before (EvoTrace, in method.md 2.3).
    """
    texts = [one.program.text for one in lineage(ticket, fold)]
    if len(texts) < 3:
        return section("undone", "")
    ends = {line for text in (texts[0], texts[-1]) for line in text.split("\n")}
    known = {line.strip() for line in ends}
    gone: dict[str, None] = {}
    for text in texts[1:-1]:
        changed = (line.strip() for line in text.split("\n") if line not in ends)
        gone.update((line, None) for line in changed if len(line) >= _TELLING and line not in known)
        if len(gone) >= _UNDONE:
            break
    shown = list(gone)[:_UNDONE]
    head = "## Lines that its ancestors had and gave up; bring none back without a new reason"
    return section("undone", f"{head}\n{data_block('lines', chr(10).join(shown))}" if shown else "", shown)
