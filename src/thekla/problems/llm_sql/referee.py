"""The trusted side of LLM-SQL: it holds the tables, checks that an answer permutes them, and counts what is reused."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from thekla.core.errors import GuestFault
from thekla.core.evaluation import FailureKind, Fault, InstanceResult
from thekla.core.problem import Instance, Split
from thekla.core.protocols import Guest
from thekla.core.values import Value

from .tables import BlockMetric, Metric, Prompts, Table
from .workloads import Scene, scene

__all__ = ["HIT_RATE", "POINTS", "InvalidAnswerError", "LlmSqlReferee", "message_of", "read_prompts"]

POINTS = "share_of_bound"
"""Objective of suite `default`: 0 is the original order, 100 the proven bound."""

HIT_RATE = "hit_rate"
"""Objective of suite `public`: share of all characters that are found in the cache."""


class InvalidAnswerError(ValueError):
    """An answer is no permutation of rows and fields."""


class LlmSqlReferee:
    """Judges one program on one table; equal arguments give equal results.

    Args:
        objective: `POINTS` or `HIT_RATE`.
    """

    def __init__(self, objective: str) -> None:
        if objective not in (POINTS, HIT_RATE):
            raise ValueError(f"objective is {objective!r}; use {POINTS!r} or {HIT_RATE!r}")
        self._objective = objective

    def judge(self, guest: Guest, instance: Instance, *, seed: int) -> InstanceResult:
        """What the guest's order saves. Nothing is random here, so `seed` has no effect.

        Raises:
            ProblemError: The instance is none of this problem's, or its public table is not on this machine.
        """
        setting = scene(instance.id)
        try:
            answer = guest.call("reorder", message_of(setting.table, setting.metric))
            prompts = read_prompts(answer, setting.table)
        except GuestFault as fault:
            return InstanceResult(
                fault=Fault(kind=FailureKind(fault.kind), message=fault.message, traceback=fault.traceback)
            )
        except InvalidAnswerError as error:
            return InstanceResult(fault=Fault(kind=FailureKind.INVALID, message=str(error)))
        result = _judged(prompts, setting, self._objective)
        return replace(result, feedback="") if instance.split is Split.HOLDOUT else result


def message_of(table: Table, metric: Metric) -> Mapping[str, Value]:
    """A table as it crosses to a guest; `views.py` reads it."""
    return {
        "rows": table.rows,
        "block": metric.block,
        "capacity": metric.capacity,
        "fields": [
            [column.name, list(column.values), list(column.codes), [metric.length(text) for text in column.values]]
            for column in table.columns
        ],
    }


def read_prompts(answer: Value, table: Table) -> Prompts:
    """The answer of a program, checked.

    Raises:
        InvalidAnswerError: It is no pair of a permutation of the rows and one or as many permutations of the fields.
    """
    if not isinstance(answer, list | tuple) or len(answer) != 2:
        raise InvalidAnswerError(f"the answer is {_shown(answer)}; expected a pair (rows, fields)")
    rows = _permutation(answer[0], table.rows, "rows")
    fields = answer[1]
    width = len(table.columns)
    if not isinstance(fields, list | tuple):
        raise InvalidAnswerError(f"fields is {_shown(fields)}; expected a list")
    if fields and all(isinstance(order, list | tuple) for order in fields):
        if len(fields) != table.rows:
            raise InvalidAnswerError(
                f"fields holds {len(fields)} orders; expected one for each of {table.rows} prompts"
            )
        checked: set[tuple[object, ...]] = set()
        for number, order in enumerate(fields):
            key = tuple(order)
            # Equal is not enough to be known: True equals 1, and 1.0 too.
            if set(map(type, key)) != {int} or key not in checked:
                _permutation(order, width, f"fields of prompt {number}")
                checked.add(key)
        return Prompts(rows=rows, orders=fields)
    return Prompts(rows=rows, orders=[_permutation(fields, width, "fields")] * table.rows)


def _permutation(found: Any, size: int, what: str) -> Sequence[int]:
    if not isinstance(found, list | tuple) or not all(type(each) is int for each in found):
        raise InvalidAnswerError(f"{what}: found {_shown(found)}; expected a list of integers")
    if len(found) != size:
        raise InvalidAnswerError(f"{what}: found {len(found)} numbers; expected each of 0 to {size - 1} once")
    if set(found) != set(range(size)):
        strange = next((each for each in found if not 0 <= each < size), None)
        twice = next(iter(number for number, times in Counter(found).items() if times > 1), None)
        reason = f"{twice} stands there twice" if strange is None else f"{strange} is none"
        raise InvalidAnswerError(f"{what}: {reason}; expected each of 0 to {size - 1} once")
    return found


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


def _judged(prompts: Prompts, setting: Scene, objective: str) -> InstanceResult:
    metric, table = setting.metric, setting.table
    by_prompt = metric.hits_by_prompt(table, prompts) if isinstance(metric, BlockMetric) else None
    hits = metric.hits(table, prompts) if by_prompt is None else sum(by_prompt)
    rate = hits / setting.total
    score = rate
    if objective == POINTS:
        assert setting.bound is not None, "points need a bound"
        score = 100 * (hits - setting.original) / (setting.bound - setting.original)
    lengths = _lengths_by_row(table, metric)
    return InstanceResult(
        scores={objective: float(score)},
        measures=_measures(prompts, lengths) | ({HIT_RATE: rate} if objective == POINTS else {}),
        feedback=_feedback(prompts, setting, hits, lengths, by_prompt),
        behaviour=_digest(prompts),
    )


def _measures(prompts: Prompts, lengths: Sequence[Sequence[int]]) -> dict[str, float]:
    rows = len(prompts.rows)
    orders = Counter(map(tuple, prompts.orders))
    lead = sum(lengths[order[0]][row] for row, order in zip(prompts.rows, prompts.orders, strict=True))
    return {
        "other_orders": 1 - max(orders.values()) / rows,
        "moved": sum(abs(place - row) for place, row in enumerate(prompts.rows)) / rows**2,
        "lead": lead / sum(map(sum, lengths)),
    }


def _lengths_by_row(table: Table, metric: Metric) -> list[list[int]]:
    lengths = [[metric.length(text) for text in column.values] for column in table.columns]
    return [[own[code] for code in column.codes] for own, column in zip(lengths, table.columns, strict=True)]


def _feedback(
    prompts: Prompts, setting: Scene, hits: int, lengths: Sequence[Sequence[int]], by_prompt: Sequence[int] | None
) -> str:
    """What the program could have computed itself, in words."""
    limit = "" if setting.bound is None else f", at most {100 * setting.bound / setting.total:.1f} %"
    text = (
        f"{100 * hits / setting.total:.1f} % found in the cache, {100 * setting.original / setting.total:.1f} % with "
        f"rows and fields as they come{limit}"
    )
    if by_prompt is None:
        return text
    missed = _missed_by_field(prompts, lengths, by_prompt)
    names = [column.name for column in setting.table.columns]
    worst = sorted(zip(missed, names, strict=True), reverse=True)[:4]
    return f"{text}\nmissed: " + ", ".join(f"{name} {100 * part / setting.total:.1f} %" for part, name in worst)


def _missed_by_field(prompts: Prompts, lengths: Sequence[Sequence[int]], by_prompt: Sequence[int]) -> list[int]:
    """What had to be read of each field."""
    missed = [0] * len(lengths)
    for row, order, found in zip(prompts.rows, prompts.orders, by_prompt, strict=True):
        left = found
        for field in order:
            left -= lengths[field][row]
            if left < 0:
                missed[field] -= left
                left = 0
    return missed


def _digest(prompts: Prompts) -> str:
    decided = hashlib.sha256(repr(list(prompts.rows)).encode())
    for order in prompts.orders:
        decided.update(bytes(order) if max(order) < 256 else repr(list(order)).encode())
    return decided.hexdigest()
