"""What the checks of the gate share: who is compared with whom, who judges, and what a check says."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from thekla.analysis.tables import Table
from thekla.core.evaluation import Failed, Outcome, Scored
from thekla.core.problem import Instance, Objective
from thekla.core.program import Program
from thekla.core.values import Data
from thekla.core.visible import number

__all__ = [
    "Check",
    "Judge",
    "Pair",
    "Rivals",
    "finite",
    "met_on",
    "percent",
    "relative_gain",
    "score_of",
    "text_of",
]

Judge: TypeAlias = Callable[[Program, Sequence[Instance]], Awaitable[Outcome]]
"""The program on the instances; costs are in the outcome, and equal questions are answered once."""


@dataclass(frozen=True, kw_only=True)
class Rivals:
    """Who stands at the gate, and whom it must beat.

    Args:
        baseline: The strongest program of the ladder.
        known: Published and simple programs by name, for the check of rediscovery.
    """

    program: Program
    baseline: Program
    baseline_name: str
    objective: Objective
    known: Mapping[str, Program] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Check:
    """What one check of the gate found.

    Args:
        passed: None if it could not be made, which is said in `summary` and stops nobody.
        data: The same as the table, for programs.
    """

    name: str
    passed: bool | None
    summary: str
    table: Table | None = None
    data: Data = None


@dataclass(frozen=True, kw_only=True)
class Pair:
    """The program and the baseline on the same instances."""

    program: Outcome
    baseline: Outcome


async def met_on(rivals: Rivals, judge: Judge, instances: Sequence[Instance]) -> Pair:
    """The program and the baseline on the same instances."""
    ours, theirs = await asyncio.gather(judge(rivals.program, instances), judge(rivals.baseline, instances))
    return Pair(program=ours, baseline=theirs)


def finite(data: Data) -> Data:
    """Plain data that JSON can hold: None for what is infinite, as the gain of a program that fails."""
    if isinstance(data, float):
        return data if math.isfinite(data) else None
    if isinstance(data, list):
        return [finite(each) for each in data]
    return {name: finite(each) for name, each in data.items()} if isinstance(data, Mapping) else data


def score_of(outcome: Outcome, objective: Objective) -> float | None:
    """The score of the first objective; None if it failed."""
    return outcome.scores[objective.name] if isinstance(outcome, Scored) else None


def text_of(outcome: Outcome, objective: Objective) -> str:
    """The score as text, or the kind of failure."""
    return f"failed ({outcome.kind})" if isinstance(outcome, Failed) else number(outcome.scores[objective.name])


def relative_gain(pair: Pair, objective: Objective) -> float | None:
    """By what share of the baseline's score the program is better; minus infinity if it fails where the baseline does
    not, None if there is nothing to compare with."""
    ours, theirs = score_of(pair.program, objective), score_of(pair.baseline, objective)
    if theirs is None:
        return None
    if ours is None:
        return float("-inf")
    difference = objective.gain(ours) - objective.gain(theirs)
    return difference / abs(theirs) if theirs else difference


def percent(share: float | None) -> str:
    """A share as text; a failure as such."""
    if share is None:
        return "-"
    return "fails" if share == float("-inf") else f"{number(100 * share, digits=3)} %"
