"""Programs in a prompt: the one to change, the one to cross it with, and others for ideas."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import unified_diff

from thekla.core.evaluation import Scored
from thekla.core.program import Candidate, Program
from thekla.core.run import Section, Ticket
from thekla.prompting.blocks import code_block
from thekla.prompting.history import Fold
from thekla.prompting.sections import section

__all__ = ["further_parents", "inspirations", "program_section"]

_INSPIRATIONS = 4
_AROUND = 1  # unchanged lines around a change


def program_section(ticket: Ticket) -> Section:
    """The program to change."""
    if not ticket.parents:
        return section("parent", "There is no program yet: write one.")
    parent = ticket.parents[0]
    return section("parent", f"## The program to improve\n{code_block(parent.program.text)}", {"id": parent.id})


def further_parents(ticket: Ticket, fold: Fold) -> Iterator[Section]:
    """The other parents of a ticket that asks for a crossover, whole: it cannot be made of a part."""
    for number, other in enumerate(ticket.parents[1:], start=2):
        text = f"## Parent {number}, to join with it{_scores(other, fold)}\n{code_block(other.program.text)}"
        yield section(f"parent {number}", text, {"id": other.id})


def inspirations(ticket: Ticket, fold: Fold) -> Iterator[tuple[Section, Section]]:
    """Other programs that the strategy thinks worth a look: each whole, and as changes of the parent."""
    parent = ticket.parents[0].program if ticket.parents else Program.from_text("")
    shown = {one.program.id for one in ticket.parents}
    number = 0
    for other in ticket.inspirations:
        if other.program.id in shown or number == _INSPIRATIONS:
            continue
        shown.add(other.program.id)
        number += 1
        head, name = f"## Another program, for ideas{_scores(other, fold)}", f"inspiration {number}"
        whole = section(name, f"{head}\n{code_block(other.program.text)}", {"id": other.id})
        changes = code_block(_changes(parent.text, other.program.text), language="diff")
        yield whole, section(name, f"{head}, as changes of the program above\n{changes}", {"id": other.id})


def _scores(candidate: Candidate, fold: Fold) -> str:
    told = fold.by_candidate.get(candidate.id)
    if told is None or not isinstance(told.outcome, Scored):
        return ""
    return " (" + ", ".join(f"{name} = {score:.6g}" for name, score in told.outcome.scores.items()) + ")"


def _changes(before: str, after: str) -> str:
    """A unified diff without the names of files."""
    lines = unified_diff(before.split("\n"), after.split("\n"), n=_AROUND, lineterm="")
    return "\n".join([*lines][2:])
