"""Constraints: what a program must keep to, and by how much one does not."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from thekla.core.evaluation import AGGREGATES, Scored
from thekla.core.problem import Constraint, Sense

__all__ = ["constrained_value", "parse_constraint", "violation", "written"]

_WRITTEN = re.compile(r"\s*([A-Za-z_]\w*)\s*(<=|>=)\s*(\S+)\s*")
_SENSES: Mapping[str, Sense] = {"<=": "at_most", ">=": "at_least"}
_WORST = {"at_most": "max", "at_least": "min"}


def parse_constraint(text: str) -> Constraint:
    """The constraint that a user wrote, as in `misses<=0.05`.

    Raises:
        ValueError: It is no name, `<=` or `>=`, and finite number.
    """
    written = _WRITTEN.fullmatch(text)
    name, sense, number = written.groups() if written else ("", "", "")
    try:
        limit = float(number)
    except ValueError:
        raise ValueError(f"{text!r} is no constraint; write NAME<=NUMBER or NAME>=NUMBER") from None
    try:
        return Constraint(name=name, sense=_SENSES[sense], limit=limit)
    except ValueError as error:
        raise ValueError(f"{text!r} is no constraint: {error}") from error


def written(constraint: Constraint) -> str:
    """A constraint as a user writes it; the aggregate is not told."""
    sign = next(sign for sign, sense in _SENSES.items() if sense == constraint.sense)
    return f"{constraint.name}{sign}{constraint.limit!r}"


def constrained_value(constraint: Constraint, outcome: Scored) -> float | None:
    """What a program has of the number that is constrained; None if it is not known for every instance."""
    each = [
        result.scores.get(constraint.name, result.measures.get(constraint.name))
        for result in outcome.instances.values()
    ]
    known = [value for value in each if value is not None]
    if known and len(known) == len(each):
        return float(AGGREGATES[constraint.aggregate or _WORST[constraint.sense]](known))
    return outcome.scores.get(constraint.name) if not known else None


def violation(constraints: Sequence[Constraint], outcome: Scored) -> float:
    """The sum of what is beyond the limits, each relative to its limit; 0 for a feasible program.

    A number that is not known counts as beyond any limit, so infinity is possible.

    References:
        Deb 2000, An efficient constraint handling method for genetic algorithms.
    """
    values = [(one, constrained_value(one, outcome)) for one in constraints]
    return math.fsum(math.inf if value is None else one.excess(value) for one, value in values)
