"""Simplification under a score tolerance: delta debugging over the statements of a program, outer ones first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from thekla.core.problem import Instance
from thekla.core.program import Program
from thekla.core.values import Data
from thekla.core.visible import number
from thekla.promotion.checks import Check, Judge, Rivals, score_of
from thekla.promotion.statements import Statement, source_of, statements, with_source, without

__all__ = ["Simplified", "simplified", "simplify"]

Holds: TypeAlias = Callable[[str], Awaitable[bool]]


@dataclass(frozen=True, kw_only=True)
class Simplified:
    """What is left of a program.

    Args:
        tries: Programs that were evaluated for it.
        complete: Whether nothing more can be taken out statement by statement; else the budget of tries ended it.
    """

    text: str
    tries: int
    complete: bool


async def simplified(text: str, holds: Holds, *, most_tries: int) -> Simplified:
    """The text without the statements that it does not need, as far as `holds` says so.

    References:
        Zeller & Hildebrandt 2002, Simplifying and Isolating Failure-Inducing Input.
        Misherghi & Su 2006, HDD: Hierarchical Delta Debugging.
    """
    search = _Search(holds, most_tries)
    depth = 0
    while any(each.depth >= depth for each in statements(text)):
        text = await search.level(text, depth)
        depth += 1
    return Simplified(text=text, tries=search.tries, complete=search.tries < most_tries)


class _Search:
    """Counts its tries and knows what it has tried."""

    def __init__(self, holds: Holds, most_tries: int) -> None:
        self._holds = holds
        self._most = most_tries
        self._known: dict[str, bool] = {}

    @property
    def tries(self) -> int:
        return len(self._known)

    async def level(self, text: str, depth: int) -> str:
        """The text without the statements of one depth that it does not need: halves first, then ever smaller parts."""
        size = max(1, len(_at(text, depth)) // 2)
        while size:
            before = text
            text = await self._sweep(text, depth, size)
            size = size if text != before and size == 1 else size // 2
        return text

    async def _sweep(self, text: str, depth: int, size: int) -> str:
        """Try to take out every `size` statements in a row, from the last to the first."""
        end = len(_at(text, depth))
        while end > 0:
            chosen = _at(text, depth)[max(0, end - size) : end]
            shorter = without(text, chosen)
            if await self._try(shorter):
                text = shorter
            end -= size
        return text

    async def _try(self, text: str) -> bool:
        if text not in self._known:
            if self.tries >= self._most:
                return False
            self._known[text] = _parses(text) and await self._holds(text)
        return self._known[text]


async def simplify(
    rivals: Rivals, judge: Judge, instances: Sequence[Instance], *, tolerance: float, most_tries: int
) -> tuple[Check, Program]:
    """The check, and the program without what it does not need.

    Args:
        tolerance: The share of its score on the instances that it may lose in all.

    Nobody fails it: what can be left out is told.
    """
    objective, text = rivals.objective, source_of(rivals.program)
    score = score_of(await judge(rivals.program, instances), objective)
    if score is None or rivals.program.language != "python":
        return Check(name="simplification", passed=None, summary="The program has no score to be kept."), rivals.program
    floor = objective.gain(score) - tolerance * abs(score)

    async def holds(shorter: str) -> bool:
        found = score_of(await judge(with_source(rivals.program, shorter), instances), objective)
        return found is not None and objective.gain(found) >= floor

    found = await simplified(text, holds, most_tries=most_tries)
    program = with_source(rivals.program, found.text)
    after = score_of(await judge(program, instances), objective)
    counts = (len(text.splitlines()), len(found.text.splitlines()))
    share = number(100 * tolerance, digits=2)
    summary = (
        f"{counts[0] - counts[1]} of {counts[0]} lines can be left out for at most {share} % of its score "
        f"({number(score)} before, {number(after)} after; {found.tries} programs tried"
        f"{'' if found.complete else ', more may go'})."
    )
    data: Data = {
        "lines": list(counts), "score": score, "after": after, "tries": found.tries, "complete": found.complete,
        "text": found.text,
    }  # fmt: skip
    return Check(name="simplification", passed=True, summary=summary, data=data), program


def _at(text: str, depth: int) -> Sequence[Statement]:
    return [each for each in statements(text) if each.depth == depth]


def _parses(text: str) -> bool:
    try:
        compile(text, "program.py", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    return True
