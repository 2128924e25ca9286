"""The table as a program sees it. This source runs beside the program in the guest: standard library only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any


class Field:
    """A column: its distinct values in sorted order, and the number of the value in each row."""

    def __init__(self, position: int, name: str, values: list[str], codes: list[int], lengths: list[int]) -> None:
        self.position = position
        self.name = name
        self.values = values
        self.codes = codes
        self.lengths = lengths

    @property
    def distinct(self) -> int:
        """How many distinct values there are."""
        return len(self.values)

    @cached_property
    def counts(self) -> list[int]:
        """In how many rows each value stands."""
        counts = [0] * len(self.values)
        for code in self.codes:
            counts[code] += 1
        return counts

    @property
    def largest(self) -> int:
        """Rows of the most frequent value."""
        return max(self.counts)

    @cached_property
    def total_length(self) -> int:
        """Length of all rows together."""
        return sum(count * length for count, length in zip(self.counts, self.lengths, strict=True))

    @property
    def mean_length(self) -> float:
        """Length in a row, on average."""
        return self.total_length / len(self.codes)

    @cached_property
    def distinct_length(self) -> int:
        """Length of all distinct values together: what must be read at least once."""
        return sum(self.lengths)

    @property
    def repeated_length(self) -> int:
        """Length that could be saved if every value were read only once."""
        return self.total_length - self.distinct_length


class Table:
    """Rows of fields, and the cache that the prompts made of them will meet."""

    def __init__(self, message: Mapping[str, Any]) -> None:
        self.rows: int = message["rows"]
        self.block: int = message["block"]
        self.capacity: int | None = message["capacity"]
        self.fields = [Field(position, *each) for position, each in enumerate(message["fields"])]

    def sorted_rows(self, fields: Sequence[Field]) -> list[int]:
        """All rows, sorted by the values of some fields, the first one first; equal rows keep their order."""
        if not fields:
            return list(range(self.rows))
        keys = self._combined(fields)
        return sorted(range(self.rows), key=keys.__getitem__)

    def combinations(self, fields: Sequence[Field]) -> int:
        """How many distinct combinations of values some fields have."""
        return len(set(self._combined(fields))) if fields else 1

    def prefix_length(self, fields: Sequence[Field], field: Field) -> int:
        """Length of `field` over the distinct combinations of `fields` and itself: what is read if it follows them."""
        return sum(field.lengths[combination[-1]] for combination in set(self._combined([*fields, field])))

    def _combined(self, fields: Sequence[Field]) -> list[tuple[int, ...]]:
        return list(zip(*[field.codes for field in fields], strict=True))


def names() -> dict[str, Any]:
    """Nothing but what Python has."""
    return {}


def connect(namespace: Mapping[str, Any]) -> dict[str, Any]:
    """The function that the host calls; numpy arrays in the answer become lists."""

    def reorder(message: Mapping[str, Any]) -> Any:
        answer = namespace["reorder"](Table(message))
        if type(answer) is tuple and len(answer) == 2:
            return [_plain(answer[0]), _plain(answer[1])]
        return answer

    return {"reorder": reorder}


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value
