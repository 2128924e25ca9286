"""The generator that asks language models: a prompt becomes an answer, an answer a program or a reason."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from thekla.core.problem import Problem
from thekla.core.program import Program
from thekla.core.run import NOTE, Completion, Prompt, Proposal, Spending, Ticket
from thekla.core.values import Data
from thekla.generation.edits import Edited, Unusable, read_answer
from thekla.generation.formats import answer_section, format_for, note_section, repair_prompt, shorter_prompt
from thekla.llm import (
    REAL_TIME,
    TOO_LONG,
    Ensemble,
    FaultKind,
    Member,
    ModelFault,
    ModelSource,
    Time,
    remaining_s,
    settings_of,
    within,
)

__all__ = ["Rewriter"]

Plain: TypeAlias = bool | int | float | str

_LONGER = 2  # an answer that was cut off gets this many times the room, once
_LONGEST_TOKENS = 128_000
_LONGEST_NOTE = 2_000  # characters: it is in every prompt from then on
_WITHOUT_TEXT = {
    "refusal": "the model refused to answer",
    "content_filter": "the provider's filter stopped the answer",
    "no_choices": "the provider sent no answer at all",
    "length": "the answer was cut off at the limit of tokens before any text",
}


@dataclass
class _Asked:
    """What a proposal has heard and spent so far."""

    answers: list[Completion] = field(default_factory=list)
    spending: Spending = field(default_factory=Spending)
    repairs: int = 0

    def take(self, answer: Completion) -> Completion:
        """Take note of an answer."""
        self.answers.append(answer)
        self.spending = self.spending + answer.spending
        return answer


class Rewriter:
    """Asks a model of an ensemble to change the ticket's first parent.

    A fault of form (an edit that fits nowhere, a program that does not parse) gets a second, cheap call that asks for
    the whole program. A proposal is a function of its arguments and of the models' answers.

    Args:
        ensemble: The models with their settings, as a file of options lists them; see `ModelSettings`.
        rules: Settings by name of the model, see `ModelRule`; the first that fits counts.
        deadline_s: Seconds for one proposal, with all requests, waits and repetitions.
        repairs: Second calls for an answer that is no program, at the most.
        bandit: Whether models get tickets by what they have earned so far, and not by fixed shares.

    Raises:
        ConfigError: A model cannot be used as it is set.
        ValueError: A number is out of range.
    """

    name = "rewrite"
    version = "1"

    def __init__(
        self,
        *,
        models: ModelSource,
        ensemble: list[dict[str, Plain]],
        rules: list[dict[str, Plain]] | None = None,
        deadline_s: float = 900.0,
        repairs: int = 1,
        bandit: bool = False,
        clock: Time = REAL_TIME,
    ) -> None:
        if deadline_s <= 0 or repairs < 0:
            raise ValueError("deadline_s must be positive, and repairs not negative")
        settings = settings_of(ensemble, rules or [])
        self._ensemble = Ensemble([Member(settings=one, model=models.chat(one)) for one in settings])
        self._deadline_s = deadline_s
        self._repairs = repairs
        self._bandit = bandit
        self._clock = clock

    def full_prompt(self, problem: Problem, ticket: Ticket, prompt: Prompt, *, seed: int) -> Prompt:
        """The prompt with the form of the answer at its end, as the model of this ticket is asked for it."""
        member = self._member(ticket, prompt, seed)
        if ticket.operator == NOTE:
            return _asking_for_note(prompt)
        return _finished(problem, prompt, format_for(member.settings, _parent_of(ticket), prompt), member)

    async def propose(self, problem: Problem, ticket: Ticket, prompt: Prompt, *, seed: int) -> Proposal:
        """What the model makes of the parent, or its note if the ticket asks for one.

        Raises:
            ModelFault: No model can be asked until somebody acts: the run stops, and can be resumed.
        """
        member = self._member(ticket, prompt, seed)
        parent = _parent_of(ticket)
        form = format_for(member.settings, parent, prompt)
        asked = _Asked()
        with within(self._deadline_s, self._clock):
            try:
                if ticket.operator == NOTE:
                    return await self._note(member, prompt, seed, asked)
                read = await self._read(problem, parent, prompt, form, member, seed, asked)
            except ModelFault as fault:
                if fault.ends_the_run:
                    raise
                return self._without(fault, member, asked)
        return self._proposal(read, member, form, asked)

    def _member(self, ticket: Ticket, prompt: Prompt, seed: int) -> Member:
        """The model that answers a ticket."""
        if self._bandit:
            return self._ensemble.choose_by_credit(_credit_in(prompt), seed=seed, role=ticket.operator)
        return self._ensemble.choose(seed=seed, role=ticket.operator)

    async def _read(
        self, problem: Problem, parent: Program, prompt: Prompt, form: str, member: Member, seed: int, asked: _Asked
    ) -> Edited | Unusable:
        """The program of the first answer, or of the one that repairs it."""
        answer = await self._ask(member, _finished(problem, prompt, form, member), seed, asked)
        read = _read_completion(answer, parent, problem)
        for number in range(self._repairs):
            if isinstance(read, Edited) or not read.slip or remaining_s(self._clock) <= 0:
                break
            repairer = self._ensemble.repairer(member)
            second = repair_prompt(prompt, parent, answer.text, read.reason, problem)
            asked.repairs += 1
            answer = await self._ask(repairer, second, seed + 1 + number, asked)
            read = _read_completion(answer, parent, problem)
        return read

    async def _note(self, member: Member, prompt: Prompt, seed: int, asked: _Asked) -> Proposal:
        """The words of a model on the search so far."""
        answer = await self._ask(member, _asking_for_note(prompt), seed, asked)
        words = answer.text.strip()[:_LONGEST_NOTE]
        reason = words or _WITHOUT_TEXT.get(answer.stop_reason, "the model sent an empty answer")
        made = self._made(None, reason, [NOTE, member.settings.name], asked, {"form": NOTE})
        return replace(made, note=bool(words))

    async def _ask(self, member: Member, prompt: Prompt, seed: int, asked: _Asked) -> Completion:
        """An answer, asked for once more with a shorter prompt if that was too long."""
        try:
            return await self._answer(member, prompt, seed, asked)
        except ModelFault as fault:
            shorter = shorter_prompt(prompt) if fault.detail == TOO_LONG else None
            if shorter is None:
                raise
            asked.spending = asked.spending + fault.spending
            return await self._answer(member, shorter, seed, asked)

    async def _answer(self, member: Member, prompt: Prompt, seed: int, asked: _Asked) -> Completion:
        """An answer, asked for once more with more room if it was cut off."""
        settings = member.settings
        room = settings.max_tokens
        ask = member.model.complete
        answer = asked.take(await ask(prompt, max_tokens=room, temperature=settings.temperature, seed=seed))
        more = min(_LONGER * room, _LONGEST_TOKENS)
        if answer.stop_reason == "length" and more > room:
            answer = asked.take(await ask(prompt, max_tokens=more, temperature=settings.temperature, seed=seed))
        return answer

    def _proposal(self, read: Edited | Unusable, member: Member, form: str, asked: _Asked) -> Proposal:
        repaired = ["repaired"] if asked.repairs else []
        if isinstance(read, Edited):
            how = [] if read.how in ("exact", "whole") else [read.how]
            words = [member.settings.role, member.settings.name, read.form, *how, *repaired]
            return self._made(read.program, "", words, asked, {"form": read.form, "how": read.how})
        words = [member.settings.role, member.settings.name, form]
        return self._made(None, read.reason, words, asked, {"form": form})

    def _without(self, fault: ModelFault, member: Member, asked: _Asked) -> Proposal:
        """A proposal without a program, since no answer came."""
        asked.spending = asked.spending + fault.spending
        words = [member.settings.role, member.settings.name]
        proposal = self._made(None, fault.message, words, asked, {"fault": str(fault.kind)})
        return replace(proposal, exhausted=fault.detail) if fault.kind is FaultKind.BUDGET else proposal

    def _made(
        self, program: Program | None, reason: str, words: Sequence[str], asked: _Asked, found: dict[str, Data]
    ) -> Proposal:
        answers = [{"model": one.model, "stop": one.stop_reason, "text": one.text} for one in asked.answers]
        return Proposal(
            raw=json.dumps({**found, "answers": answers}, ensure_ascii=False),
            program=program,
            operator=" ".join(words).replace("+", "-"),  # a plus would join two operators
            generator=f"{self.name}@{self.version}",
            reason=reason,
            spending=asked.spending,
        )


def _credit_in(prompt: Prompt) -> dict[str, tuple[float, float]]:
    """Answers and improvements by role and model, as a prompt's data tell them."""
    data, found = prompt.data("credit"), {}
    for who, earned in data.items() if isinstance(data, Mapping) else ():
        if isinstance(earned, Mapping):
            tried, improved = earned.get("tried"), earned.get("improved")
            if isinstance(tried, int | float) and isinstance(improved, int | float):
                found[str(who)] = float(tried), float(improved)
    return found


def _parent_of(ticket: Ticket) -> Program:
    return ticket.parents[0].program if ticket.parents else Program.from_text("")


def _finished(problem: Problem, prompt: Prompt, form: str, member: Member) -> Prompt:
    return replace(prompt, sections=(*prompt.sections, answer_section(form, problem, role=member.settings.role)))


def _asking_for_note(prompt: Prompt) -> Prompt:
    return replace(prompt, sections=(*prompt.sections, note_section()))


def _read_completion(answer: Completion, parent: Program, problem: Problem) -> Edited | Unusable:
    """The program in an answer; one without text, or far too long, is not looked at."""
    if not answer.text:
        return Unusable(reason=_WITHOUT_TEXT.get(answer.stop_reason, "the model sent an empty answer"), slip=False)
    if answer.stop_reason == "too_long":
        return Unusable(reason=f"the answer is over {len(answer.text):,} characters long", slip=False)
    functions = problem.interface.functions
    return read_answer(
        answer.text,
        parent,
        [one.name for one in functions if one.required],
        optional=[one.name for one in functions if not one.required],
        cut_off=answer.stop_reason == "length",
    )
