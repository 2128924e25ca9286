"""Ablation: one mechanism of a program taken out at a time, and what that costs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from thekla.analysis.tables import Table
from thekla.core.codec import encode
from thekla.core.evaluation import Failed
from thekla.core.problem import Instance
from thekla.core.program import Program
from thekla.core.visible import number, visible
from thekla.promotion.checks import Check, Judge, Rivals, percent, score_of
from thekla.promotion.statements import Statement, source_of, statements, with_source, without

__all__ = ["Removal", "ablation", "mechanisms"]

_LARGEST = 0.6  # of the program's lines: what is larger is the program
_NOTHING = 0.001  # of the score: what costs less than this does nothing that shows


@dataclass(frozen=True, kw_only=True)
class Removal:
    """A mechanism, and the score without it.

    Args:
        lines: Its first and last line.
        loss: Relative to the whole program's score, negative if it is better without; None if the rest fails.
        failed: How the rest fails; empty if it does not.
    """

    lines: tuple[int, int]
    text: str
    score: float | None
    loss: float | None
    failed: str = ""


def mechanisms(text: str, *, most: int) -> tuple[Statement, ...]:
    """The statements inside functions, compound ones and the larger ones first, at most so many, in order of place."""
    total = max(1, len(text.splitlines()))
    found = [each for each in statements(text) if each.depth > 0 and _length(each) <= _LARGEST * total]
    ranked = sorted(found, key=lambda each: (-_length(each), each.depth, each.first))[:most]
    return tuple(sorted(ranked, key=lambda each: (each.first, each.depth)))


async def ablation(
    rivals: Rivals, judge: Judge, program: Program, instances: Sequence[Instance], *, most: int
) -> Check:
    """What each mechanism of `program`, the simplified one, is worth on the instances. Nobody fails it."""
    objective, text = rivals.objective, source_of(program)
    whole = score_of(await judge(program, instances), objective)
    if whole is None or program.language != "python":
        return Check(name="ablation", passed=None, summary="The program has no score to be lost.")
    found = mechanisms(text, most=most)
    outcomes = await asyncio.gather(*(judge(with_source(program, without(text, [each])), instances) for each in found))
    removals = []
    for each, outcome in zip(found, outcomes, strict=True):
        score = score_of(outcome, objective)
        loss = None
        if score is not None:
            difference = objective.gain(whole) - objective.gain(score)
            loss = difference / abs(whole) if whole else difference
        failed = str(outcome.kind) if isinstance(outcome, Failed) else ""
        removals.append(Removal(lines=(each.first, each.last), text=each.text, score=score, loss=loss, failed=failed))
    idle = sum(each.loss is not None and each.loss <= _NOTHING for each in removals)
    needed = sum(bool(each.failed) for each in removals)
    summary = (
        f"Of {len(removals)} mechanisms, {len(removals) - idle - needed} cost score when taken out, {idle} cost "
        f"nothing that shows, and without {needed} the program fails."
    )
    return Check(name="ablation", passed=True, summary=summary, table=_table(removals), data=encode(removals))


def _length(each: Statement) -> int:
    return each.last - each.first + 1


def _table(removals: Sequence[Removal]) -> Table:
    def rank(each: Removal) -> float:
        return -each.loss if each.loss is not None else float("-inf")

    rows = [
        (
            f"{each.lines[0]}-{each.lines[1]}" if each.lines[0] != each.lines[1] else str(each.lines[0]),
            visible(each.text)[:80],
            f"failed ({each.failed})" if each.failed else number(each.score),
            percent(each.loss),
        )
        for each in sorted(removals, key=rank)
    ]
    return Table(
        title="Without one mechanism",
        columns=("lines", "begins with", "score", "loss"),
        rows=tuple(rows),
        note="Lines of the simplified program. A mechanism that costs nothing here may still matter elsewhere.",
        left=2,
    )
