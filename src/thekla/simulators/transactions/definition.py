"""The cost of an order by its definition, one operation at a time: what the referee trusts and tests compare with."""

from __future__ import annotations

from collections.abc import Sequence

from .views import Transaction

__all__ = ["makespan", "start_slots"]


def start_slots(sequence: Sequence[Transaction]) -> list[int]:
    """The slot in which each transaction of the sequence starts, at least 1."""
    last_write: dict[str, int] = {}
    last_read: dict[str, int] = {}
    starts = []
    for transaction in sequence:
        start = 1
        for key, position, is_write in transaction.operations:
            after = last_write.get(key, -1)
            if is_write:
                after = max(after, last_read.get(key, -1))
            start = max(start, after + 1 - position + 1)
        for key, position, is_write in transaction.operations:
            slot = start + position - 1
            last = last_write if is_write else last_read
            last[key] = max(last.get(key, -1), slot)
        starts.append(start)
    return starts


def makespan(sequence: Sequence[Transaction]) -> int:
    """The last slot in use, 0 for no transaction."""
    ends = (start + transaction.length - 1 for start, transaction in zip(start_slots(sequence), sequence, strict=True))
    return max(ends, default=0)
