"""Decisions of people applied to a run: to the tickets of its strategy, its prompts and its generator."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import replace

from thekla.core.evaluation import Outcome, Scored
from thekla.core.events import Event, EventKind
from thekla.core.journal import Injected, Steered, payload_of, program_from_blob
from thekla.core.problem import Problem
from thekla.core.program import Candidate, CandidateId, ProgramId
from thekla.core.protocols import BlobStore, Generator, PromptBuilder, PromptFinisher, Strategy
from thekla.core.rng import derive_seed
from thekla.core.run import INJECT, NOTE, TUNE, Prompt, Proposal, Section, Ticket, Told

__all__ = ["Helm", "SteeredGenerator", "SteeredPrompts", "SteeredStrategy"]

_CHARACTERS_PER_TOKEN = 4
_RANKED = 64  # candidates among which one that is not banned is looked for


class Helm:
    """The decisions that hold (`core.steering.Steering`), and the programs that wait to be used.

    Args:
        read: What people want now, given what they wanted before.
        poll_s: Seconds between two looks while the run is paused.
        on_pause: Called when a paused run has nothing under way any more.
    """

    def __init__(
        self,
        read: Callable[[Steered], Steered],
        *,
        poll_s: float = 0.5,
        on_pause: Callable[[], None] = lambda: None,
    ) -> None:
        self._read = read
        self._poll_s = poll_s
        self._on_pause = on_pause
        self._used = 0
        self.state = Steered()
        self.rests = False  # paused, and nothing is under way

    @property
    def paused(self) -> bool:
        return self.state.paused

    def take(self, ahead: Event | None) -> Steered | None:
        found: object = None
        if ahead is None:
            found = self._read(self.state)
        elif ahead.kind is EventKind.STEERED:
            found = payload_of(ahead)
        if not isinstance(found, Steered) or found == self.state:
            return None
        self.state = found
        return found

    async def lifted(self) -> bool:
        if not self.paused:
            return False
        self.rests = True
        self._on_pause()
        while self._read(self.state) == self.state:
            await asyncio.sleep(self._poll_s)
        self.rests = False
        return True

    def next_injected(self) -> Injected | None:
        """The next program that waits to be used; each is given out once."""
        if self._used == len(self.state.injected):
            return None
        self._used += 1
        return self.state.injected[self._used - 1]


class SteeredStrategy:
    """A strategy whose tickets are turned as people decided; it hears of outcomes as of its own tickets."""

    def __init__(self, inner: Strategy, helm: Helm) -> None:
        self._inner = inner
        self._helm = helm
        self._asked: dict[str, Ticket] = {}
        self._known: dict[CandidateId, Candidate] = {}

    def ask(self, n: int = 1) -> Sequence[Ticket]:
        tickets = self._inner.ask(n)
        turned = [self._turned(ticket) for ticket in tickets]
        self._asked.update((own.id, own) for own, other in zip(tickets, turned, strict=True) if own is not other)
        return turned

    def tell(self, told: Told) -> None:
        if told.candidate is not None:
            self._known[told.candidate.id] = told.candidate
        own = self._asked.pop(told.ticket.id, told.ticket)
        self._inner.tell(told if own is told.ticket else replace(told, ticket=own))

    def best(self, k: int = 1) -> Sequence[tuple[Candidate, Outcome]]:
        return self._inner.best(k)

    def _turned(self, ticket: Ticket) -> Ticket:
        """The ticket as people want it; trials of constants and notes are left alone."""
        if ticket.operator in (TUNE, NOTE):
            return ticket
        injected = self._helm.next_injected()
        if injected is not None:
            route = {"program": injected.program, "by": injected.by}
            return Ticket(id=ticket.id, operator=INJECT, route=route)
        state = self._helm.state
        if not (state.hints or state.pinned or state.banned):
            return ticket
        pinned = self._known.get(state.pinned) if state.pinned is not None else None
        parents = self._allowed((*([pinned] if pinned else []), *ticket.parents))
        return replace(
            ticket,
            parents=parents or (self._substitute() if ticket.parents else ()),
            inspirations=self._allowed(ticket.inspirations),
            hints=(*ticket.hints, *state.hints),
        )

    def _allowed(self, candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
        """The candidates that are not banned, each once."""
        kept = {one.id: one for one in candidates if one.id not in self._helm.state.banned}
        return tuple(kept.values())

    def _substitute(self) -> tuple[Candidate, ...]:
        """The best candidate that is not banned, if there is one."""
        scored = [candidate for candidate, outcome in self._inner.best(_RANKED) if isinstance(outcome, Scored)]
        return self._allowed(scored)[:1]


class SteeredPrompts:
    """A prompt builder that adds the notes of people."""

    def __init__(self, inner: PromptBuilder, helm: Helm) -> None:
        self._inner = inner
        self._helm = helm

    def build(self, problem: Problem, ticket: Ticket, history: Sequence[Told]) -> Prompt:
        prompt = self._inner.build(problem, ticket, history)
        notes = self._helm.state.notes
        if not notes:
            return prompt
        text = f"## Notes of those who run this search\n{notes}"
        section = Section(name="human_notes", text=text, tokens=-(-len(text) // _CHARACTERS_PER_TOKEN))
        return replace(prompt, sections=(*prompt.sections, section))


class SteeredGenerator:
    """A generator that answers tickets for people's programs with these, and all others by the one inside."""

    name = "steering"
    version = "1"

    def __init__(self, inner: Generator, helm: Helm, blobs: BlobStore) -> None:
        self._inner = inner
        self._helm = helm
        self._blobs = blobs

    def full_prompt(self, problem: Problem, ticket: Ticket, prompt: Prompt, *, seed: int) -> Prompt:
        if not isinstance(self._inner, PromptFinisher):
            return prompt
        return self._inner.full_prompt(problem, ticket, prompt, seed=self._drawn(seed))

    async def propose(self, problem: Problem, ticket: Ticket, prompt: Prompt, *, seed: int) -> Proposal:
        if ticket.operator != INJECT:
            return await self._inner.propose(problem, ticket, prompt, seed=self._drawn(seed))
        digest, by = str(ticket.route["program"]), str(ticket.route["by"])
        return Proposal(
            raw=json.dumps({"by": by, "program": digest}),
            program=program_from_blob(self._blobs.blob(ProgramId(digest))),
            operator=by,
            generator=f"{self.name}@{self.version}",
        )

    def _drawn(self, seed: int) -> int:
        """The seed of a proposal; a fork draws anew, or it would repeat the run that it is a fork of."""
        fork = self._helm.state.fork
        return derive_seed(seed, "fork", fork) if fork else seed
