"""Tickets that name numbers are answered here; all others by the generator inside."""

from __future__ import annotations

import json

from thekla.core.literals import literals_of, with_literals
from thekla.core.problem import Problem
from thekla.core.program import Program
from thekla.core.protocols import Generator
from thekla.core.run import TUNE, Prompt, Proposal, Ticket

__all__ = ["Tuned"]


class Tuned:
    """A generator that writes the numbers of a `tune` ticket into the literals of its first parent, at no cost.

    Only the numbers change: comments, layout and lines marked `# thekla: fixed` stay as they are.

    Args:
        inner: Answers every other ticket.
    """

    name = "tuned"
    version = "1"

    def __init__(self, inner: Generator) -> None:
        self._inner = inner

    async def propose(self, problem: Problem, ticket: Ticket, prompt: Prompt, *, seed: int) -> Proposal:
        """The parent with other constants, or what the generator inside answers."""
        if ticket.operator != TUNE:
            return await self._inner.propose(problem, ticket, prompt, seed=seed)
        values = _values_of(ticket)
        parent = ticket.parents[0].program if ticket.parents else None
        literals = literals_of(parent.text) if parent is not None else ()
        if parent is None or values is None or len(values) != len(literals):
            given = ticket.route.get("constants")
            reason = f"the ticket names {given!r} for the {len(literals)} literals of its parent; give one for each"
            return self._answer(None, reason=reason)
        return self._answer(parent.with_text(with_literals(parent.text, literals, values)), values=values)

    def _answer(self, program: Program | None, *, values: list[float] | None = None, reason: str = "") -> Proposal:
        return Proposal(
            raw=json.dumps({"operator": TUNE, "constants": values, "reason": reason}),
            program=program,
            operator=TUNE,
            generator=f"{self.name}@{self.version}",
            reason=reason,
        )


def _values_of(ticket: Ticket) -> list[float] | None:
    """The numbers that a ticket names, None if they are none."""
    given = ticket.route.get("constants")
    if not isinstance(given, list | tuple):
        return None
    values = [float(value) for value in given if isinstance(value, int | float) and not isinstance(value, bool)]
    return values if len(values) == len(given) else None
