"""A problem's own hints: off at first, and switched on one by one where the search stands still."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from thekla.core.evaluation import Failed, FailureKind, Outcome
from thekla.core.problem import Problem
from thekla.core.program import Candidate
from thekla.core.protocols import Strategy
from thekla.core.run import HINTED, TUNE, Ticket, Told
from thekla.search.elites import elite_of
from thekla.search.line import Line
from thekla.search.ranked import planted, used_budget
from thekla.search.settings import at_least

__all__ = ["Hinted"]


class Hinted:
    """A strategy whose tickets carry the hints that are on.

    Where the best has not improved by 1 % for as long as its patience, the next hint of the list goes on, and the
    patience begins anew; a hint that is on stays on. The strategy inside hears of outcomes as of its own tickets. How
    many hints are on is in the route of a ticket.

    Args:
        inner: The strategy inside.
        version: The version of the list that the run began with.
        patience: Outcomes that used the budget, or repeated a known program, without an improvement.

    Raises:
        ValueError: The problem's list has another version now, or patience is below 1.

    References:
        Cheng et al. 2025, Barbarians at the Gate (2510.06189): a hint from the beginning cost one search what is new;
        two that had stood still after 8 and 12 iterations went on by one.
    """

    name = "hints"
    version = "1"

    def __init__(self, inner: Strategy, problem: Problem, *, version: str, patience: int) -> None:
        at_least(1, patience=patience)
        if version != problem.hints.version:
            raise ValueError(
                f"the run began with version {version!r} of the hints of {problem.name!r}, and this installation has "
                f"{problem.hints.version!r}"
            )
        self._inner = inner
        self._objective = problem.objective
        self._listed = problem.hints.texts
        self._patience = patience
        self._on = 0
        self._line: Line | None = None
        self._own: dict[str, Ticket] = {}

    @property
    def inner(self) -> Strategy:
        """The strategy inside."""
        return self._inner

    def ask(self, n: int = 1) -> Sequence[Ticket]:
        return [self._hinted(ticket) for ticket in self._inner.ask(n)]

    def tell(self, told: Told) -> None:
        own = self._own.pop(told.ticket.id, told.ticket)
        self._inner.tell(told if own is told.ticket else replace(told, ticket=own))
        self._watch(told)

    def best(self, k: int = 1) -> Sequence[tuple[Candidate, Outcome]]:
        return self._inner.best(k)

    def _hinted(self, ticket: Ticket) -> Ticket:
        """The ticket with the hints; trials of constants are left alone."""
        if not self._on or ticket.operator == TUNE:
            return ticket
        self._own[ticket.id] = ticket
        hints = (*ticket.hints, *self._listed[: self._on])
        return replace(ticket, hints=hints, route={**ticket.route, HINTED: self._on})

    def _watch(self, told: Told) -> None:
        """Take note of an outcome, and switch the next hint on if it was the last of too many."""
        elite = elite_of(told, self._objective)
        if self._line is None:
            self._line = Line(elite, patience=self._patience) if elite is not None else None
            return
        repeats = isinstance(told.outcome, Failed) and told.outcome.kind is FailureKind.DUPLICATE
        counts = not planted(told) and (used_budget(told) or repeats)
        self._line.offer(elite, new=not repeats, counts=counts)
        if self._line.stalled and self._on < len(self._listed):
            self._on += 1
            self._line = Line(self._line.best, patience=self._patience)
