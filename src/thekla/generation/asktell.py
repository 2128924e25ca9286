"""Answers from outside: tickets wait on a desk until somebody, a person or an agent, replies."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from thekla.core.problem import Problem
from thekla.core.program import Program
from thekla.core.run import Prompt, Proposal, Section, Spending, Ticket
from thekla.generation.edits import Unusable, read_answer
from thekla.prompting import estimate_tokens

__all__ = ["AskTell", "Desk", "Reply", "Waiting", "label_of"]

_WITHOUT_NAME = "outside"
_MOST_NAME = 64  # characters of a label; it is shown in tables


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What somebody outside answers to a ticket: a program, a text that amounts to one, or nothing.

    Args:
        by: Who answers; shown wherever the run shows what made a candidate.
        text: An answer as models write it: SEARCH/REPLACE edits, a unified diff, or a whole program in a block.
        note: What was changed and why, in the answerer's own words.
        decline: Why there is no program.
        stops: Whether the search ends with this reply.
        spending: What the answer cost, as the answerer says; a cost that is not known is None.
    """

    by: str = ""
    program: Program | None = None
    text: str = ""
    note: str = ""
    decline: str = ""
    stops: bool = False
    spending: Spending = field(default_factory=lambda: Spending(cost_usd=None))

    def __post_init__(self) -> None:
        if sum((self.program is not None, bool(self.text), bool(self.decline))) != 1:
            raise ValueError("a reply holds exactly one of a program, a text, or a reason why there is none")


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """A ticket on the desk, and all that its answerer is told."""

    ticket: Ticket
    prompt: Prompt


class Desk:
    """Where tickets lie until they are answered; belongs to one event loop."""

    def __init__(self) -> None:
        self._waiting: dict[str, Waiting] = {}
        self._replies: dict[str, asyncio.Future[Reply]] = {}
        self._expecting: list[asyncio.Event] = []

    @property
    def waiting(self) -> Mapping[str, Waiting]:
        """The tickets that nobody has answered, by id, in the order in which they came."""
        return MappingProxyType(self._waiting)

    async def reply_to(self, waiting: Waiting) -> Reply:
        """The reply to a ticket, whenever it comes."""
        name = waiting.ticket.id
        self._waiting[name] = waiting
        self._replies[name] = asyncio.get_running_loop().create_future()
        self.ring()
        try:
            return await self._replies[name]
        finally:
            self._waiting.pop(name, None)
            del self._replies[name]

    def give(self, ticket: str, reply: Reply) -> None:
        """Answer a ticket.

        Raises:
            KeyError: No such ticket waits.
        """
        del self._waiting[ticket]
        self._replies[ticket].set_result(reply)

    def ring(self) -> None:
        """Wake those who wait for something to change."""
        for rung in self._expecting:
            rung.set()
        self._expecting.clear()

    def expect(self) -> asyncio.Event:
        """An event that the next ticket, or the next ring, sets."""
        rung = asyncio.Event()
        self._expecting.append(rung)
        return rung


class AskTell:
    """A generator that answers nothing itself: it lays each ticket on a desk.

    Args:
        desk: Where somebody else finds the tickets.
        by: Who answers if a reply does not say.
    """

    name = "asktell"
    version = "1"

    def __init__(self, *, desk: Desk, by: str = "") -> None:
        self._desk = desk
        self._by = by

    def full_prompt(self, problem: Problem, ticket: Ticket, prompt: Prompt, *, seed: int) -> Prompt:
        """The prompt with how to answer at its end."""
        return replace(prompt, sections=(*prompt.sections, _answer_section(problem)))

    async def propose(self, problem: Problem, ticket: Ticket, prompt: Prompt, *, seed: int) -> Proposal:
        """What somebody outside makes of the ticket."""
        full = self.full_prompt(problem, ticket, prompt, seed=seed)
        reply = await self._desk.reply_to(Waiting(ticket=ticket, prompt=full))
        return self._proposal(problem, ticket, reply)

    def _proposal(self, problem: Problem, ticket: Ticket, reply: Reply) -> Proposal:
        program, reason = _program_of(reply, ticket, problem)
        label = label_of(reply.by.strip() or self._by)
        raw = {
            "by": label,
            "note": reply.note,
            "text": reply.text,
            "files": dict(reply.program.files) if reply.program is not None else {},
            "decline": reply.decline,
        }
        return Proposal(
            raw=json.dumps(raw, ensure_ascii=False),
            program=program,
            operator=label,
            generator=f"ask/tell@{self.version}",
            reason=reason,
            exhausted=f"stopped by {label}" if reply.stops else "",
            spending=reply.spending,
        )


def label_of(by: str) -> str:
    """Who answered, as the name of an operator: a plus would join two of them."""
    name = "".join(one if one.isalnum() or one in "-_.@:" else "-" for one in by.strip())
    return name[:_MOST_NAME] or _WITHOUT_NAME


def _program_of(reply: Reply, ticket: Ticket, problem: Problem) -> tuple[Program | None, str]:
    """The program of a reply, or why there is none."""
    if not reply.text:
        return reply.program, reply.decline
    parent = ticket.parents[0].program if ticket.parents else Program.from_text("")
    functions = problem.interface.functions
    read = read_answer(
        reply.text, parent, _names(problem), optional=[one.name for one in functions if not one.required]
    )
    return (None, read.reason) if isinstance(read, Unusable) else (read.program, "")


def _names(problem: Problem) -> Sequence[str]:
    return [one.name for one in problem.interface.functions if one.required]


def _answer_section(problem: Problem) -> Section:
    functions = " and ".join(f"`{name}`" for name in _names(problem))
    text = (
        f"## Your answer\nAnswer with the whole new program. It must define {functions}; write it so that people can "
        "read it, with a comment at its head that says what is new in it and why. You need not start from the program "
        "shown above. Nothing but the programs you hand in is scored, and only the scores of the run count."
    )
    return Section(name="answer", text=text, tokens=estimate_tokens(text))
