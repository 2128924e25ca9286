"""The programs of a ticket's island, handed to a generator that compares its answers with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from thekla.core.problem import Problem
from thekla.core.program import Program
from thekla.core.protocols import PromptBuilder
from thekla.core.run import Prompt, Section, Ticket, Told

__all__ = [
    "IslandPrompts",
    "island_in",
    "rejections_in",
    "with_rejections",
    "without_island",
    "without_rejections",
    "words_of",
]

_ISLAND = "island"
_MOST = 500  # programs of an island, the latest: what comparing costs does not grow with the run
_REJECTED = "rejected-"


class IslandPrompts:
    """A prompt builder whose prompts also hold the programs of the ticket's island, as data without a text to read.

    A strategy names the island of a ticket in its route. What was written for another one does not count; all else
    does: seeds, imports, what people put in, and everything where a strategy has no islands.

    Args:
        inner: Builds the rest of the prompt.
    """

    def __init__(self, inner: PromptBuilder) -> None:
        self._inner = inner

    def build(self, problem: Problem, ticket: Ticket, history: Sequence[Told]) -> Prompt:
        """The prompt of the builder inside, and the island's latest 500 programs, failed ones among them."""
        prompt = self._inner.build(problem, ticket, history)
        texts = tuple(_latest(ticket, history))
        return replace(prompt, sections=(*prompt.sections, Section(name=_ISLAND, text="", data=texts)))


def _latest(ticket: Ticket, history: Sequence[Told]) -> Iterator[str]:
    """The programs of the ticket's island as texts, the latest first."""
    found, island = 0, ticket.route.get(_ISLAND)
    for told in reversed(history):
        theirs = told.ticket.route.get(_ISLAND)
        if told.candidate is None or (island is not None and theirs not in (None, island)):
            continue
        yield words_of(told.candidate.program)
        found += 1
        if found == _MOST:
            return


def words_of(program: Program) -> str:
    """All files of a program as one text."""
    return "\n".join(text for _, text in program.files)


def island_in(prompt: Prompt) -> tuple[str, ...]:
    """The programs of the island that a prompt holds, none if nobody put them there."""
    data = prompt.data(_ISLAND)
    return tuple(text for text in data if isinstance(text, str)) if isinstance(data, list | tuple) else ()


def without_island(prompt: Prompt) -> Prompt:
    """The prompt as a generator is asked."""
    return replace(prompt, sections=tuple(one for one in prompt.sections if one.name != _ISLAND))


def with_rejections(operator: str, number: int) -> str:
    """The operator of an answer before which so many were rejected: with a part of its own, if there were any."""
    return "+".join(part for part in (operator, f"{_REJECTED}{number}" if number else "") if part)


def without_rejections(operator: str) -> str:
    """The operator of the answer alone."""
    return operator.rpartition("+")[0] if rejections_in(operator) else operator


def rejections_in(operator: str) -> int:
    """How many answers were rejected before, or with, the one that has this operator."""
    last = operator.rpartition("+")[2]
    number = last.removeprefix(_REJECTED)
    return int(number) if number != last and number.isdecimal() else 0
