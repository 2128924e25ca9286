"""Tables of text, and the ways to count what their rows share when they become prompts one after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from thekla.simulators.cache import hit_tokens, trie_hits

__all__ = ["BlockMetric", "Column", "Metric", "Prompts", "Table", "TrieMetric", "row_lengths"]

CHARACTERS_PER_TOKEN = 4  # of English text, roughly; only ratios matter
SEPARATOR_TOKENS = 1  # each field ends with one


@dataclass(frozen=True, kw_only=True)
class Column:
    """A field of a table: its distinct values in sorted order, and the number of the value in each row."""

    name: str
    values: tuple[str, ...]
    codes: tuple[int, ...]

    @classmethod
    def of(cls, name: str, texts: Sequence[str]) -> Column:
        """The column whose rows hold `texts`."""
        values = sorted(set(texts))
        number = {text: code for code, text in enumerate(values)}
        return cls(name=name, values=tuple(values), codes=tuple(number[text] for text in texts))


@dataclass(frozen=True)
class Table:
    """Columns of equal length, in the order in which prompts hold them at first."""

    columns: tuple[Column, ...]

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.columns[0].codes)

    @cached_property
    def texts(self) -> tuple[tuple[str, ...], ...]:
        """The rows' texts, column by column."""
        return tuple(tuple(column.values[code] for code in column.codes) for column in self.columns)

    def head(self, rows: int) -> Table:
        """The first rows of the table."""
        return Table(tuple(Column.of(column.name, texts[:rows]) for column, texts in self._named()))

    def _named(self) -> Iterator[tuple[Column, tuple[str, ...]]]:
        return zip(self.columns, self.texts, strict=True)


@dataclass(frozen=True, kw_only=True)
class Prompts:
    """An answer: which row comes when, and in which order it holds its fields.

    Args:
        rows: A permutation of the row numbers.
        orders: One permutation of the field numbers for each prompt, in the order of `rows`.
    """

    rows: Sequence[int]
    orders: Sequence[Sequence[int]]

    @classmethod
    def original(cls, table: Table) -> Prompts:
        """Rows and fields as they come."""
        return cls(rows=range(table.rows), orders=[range(len(table.columns))] * table.rows)


class Metric(Protocol):
    """How length and reuse of prompts are counted."""

    @property
    def block(self) -> int:
        """Only whole multiples of so much are found again."""

    @property
    def capacity(self) -> int | None:
        """Most that the cache holds; None for no limit."""

    def length(self, text: str) -> int:
        """The length of a field with that text."""

    def hits(self, table: Table, prompts: Prompts) -> int:
        """What is found in the cache, over all prompts."""

    def bound(self, table: Table) -> int | None:
        """A proven upper bound on `hits`; None if none is known."""


@dataclass(frozen=True)
class TrieMetric:
    """The published metric: characters, without separators, in a cache without limit."""

    block: int = 1
    capacity: None = None

    def length(self, text: str) -> int:
        """Characters."""
        return len(text)

    def hits(self, table: Table, prompts: Prompts) -> int:
        """Characters found in a trie of the prompts before; their order has no effect."""
        texts = table.texts
        return trie_hits(
            "".join([texts[field][row] for field in order])
            for row, order in zip(prompts.rows, prompts.orders, strict=True)
        )

    def bound(self, table: Table) -> None:
        """None: unequal values share beginnings, even across fields, which nothing simple bounds."""


@dataclass(frozen=True, kw_only=True)
class BlockMetric:
    """Tokens in blocks, in a cache with least-recently-used eviction.

    A field is a token per four characters and a separator. Fields with unequal values, or of unequal columns, share
    no tokens, as if each began with its column's name and ended where the next one must be read anew.

    Args:
        block: Tokens of a block.
        capacity: Tokens that the cache holds.
    """

    block: int
    capacity: int | None

    def length(self, text: str) -> int:
        """Tokens, the separator included."""
        return -(-len(text) // CHARACTERS_PER_TOKEN) + SEPARATOR_TOKENS

    def hits(self, table: Table, prompts: Prompts) -> int:
        """Tokens that lie in blocks that were still cached."""
        return sum(self.hits_by_prompt(table, prompts))

    def hits_by_prompt(self, table: Table, prompts: Prompts) -> list[int]:
        """The same for each prompt, in order."""
        segments = self._segments(table)
        return hit_tokens(
            (
                [segments[field][row] for field in order]
                for row, order in zip(prompts.rows, prompts.orders, strict=True)
            ),
            block_tokens=self.block,
            capacity_blocks=None if self.capacity is None else self.capacity // self.block,
        )

    def _segments(self, table: Table) -> list[list[tuple[int, int]]]:
        segments = []
        offset = 0
        for column in table.columns:
            own = [(offset + code, self.length(text)) for code, text in enumerate(column.values)]
            segments.append([own[code] for code in column.codes])
            offset += len(own)
        return segments

    def bound(self, table: Table) -> int:
        """Tokens that no order of rows and fields, and no cache, can exceed.

        Proof. A token is found only if a prompt before has the same field with the same value. So whatever the order,
        each distinct value of a field is read once in full: in the first prompt that holds it. Call a row's values
        that stand in no other row its own; they are `u` of its `t` tokens, and all of them are missed there. Hits
        come in whole blocks, so the row misses at least `u + a`, where `a` is what `t - u` leaves over when it is
        divided into blocks. If its prompt is also the first with `n` tokens of values that stand in several rows, it
        misses at least `u + n`, hence `u + max(a, n)`. Over all rows the `n` sum up to `s`, the tokens of all
        distinct values that are nobody's own. So at least `sum(u) + max(sum(a), s)` are missed.
        """
        totals, owned = [0] * table.rows, [0] * table.rows
        shared = 0
        for column in table.columns:
            counts = [0] * len(column.values)
            for code in column.codes:
                counts[code] += 1
            lengths = [self.length(text) for text in column.values]
            shared += sum(length for length, count in zip(lengths, counts, strict=True) if count > 1)
            for row, code in enumerate(column.codes):
                totals[row] += lengths[code]
                owned[row] += lengths[code] if counts[code] == 1 else 0
        left_over = sum((total - own) % self.block for total, own in zip(totals, owned, strict=True))
        return sum(totals) - sum(owned) - max(left_over, shared)


def row_lengths(table: Table, length: Callable[[str], int]) -> list[int]:
    """The length of every row: the sum of its fields'."""
    totals = [0] * table.rows
    for column in table.columns:
        lengths = [length(text) for text in column.values]
        for row, code in enumerate(column.codes):
            totals[row] += lengths[code]
    return totals
