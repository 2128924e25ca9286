"""Meta-notes: from time to time a model is asked for words and not for a program."""

from __future__ import annotations

from collections.abc import Sequence

from thekla.core.evaluation import Outcome
from thekla.core.problem import Problem
from thekla.core.program import Candidate
from thekla.core.protocols import Strategy
from thekla.core.run import NOTE, Ticket, Told
from thekla.search.ranked import planted
from thekla.search.settings import at_least

__all__ = ["Noted"]


class Noted:
    """A strategy that asks for a note on the search so far, once in so many outcomes.

    A note is an ordinary ticket with the operator `note`, whose answer is words: it is journaled and paid for like any
    other, and prompt builders find it in the history. The strategy inside never hears of it.

    Args:
        inner: The strategy inside.
        every: Outcomes from one note to the next; seeds, imports and notes are none.

    Raises:
        ValueError: `every` is below 1.

    References:
        Lange et al. 2025, ShinkaEvolve: a scratchpad that is written from the latest programs.
    """

    name = "notes"
    version = "1"

    def __init__(self, inner: Strategy, problem: Problem, *, every: int) -> None:
        at_least(1, every=every)
        self._inner = inner
        self._every = every
        self._since = 0
        self._asked = 0

    @property
    def inner(self) -> Strategy:
        """The strategy inside."""
        return self._inner

    def ask(self, n: int = 1) -> Sequence[Ticket]:
        return [self._note() or self._inner.ask(1)[0] for _ in range(n)]

    def tell(self, told: Told) -> None:
        if told.ticket.operator == NOTE:
            return
        self._since += not planted(told)
        self._inner.tell(told)

    def best(self, k: int = 1) -> Sequence[tuple[Candidate, Outcome]]:
        return self._inner.best(k)

    def _note(self) -> Ticket | None:
        """A ticket for a note on the best program, if it is time."""
        if self._since < self._every:
            return None
        self._since = 0
        self._asked += 1
        best = tuple(candidate for candidate, _ in self._inner.best(1))
        return Ticket(id=f"n{self._asked}", parents=best, operator=NOTE)
