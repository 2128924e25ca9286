"""Calls that cross as bare numbers: for policies that are asked thousands of times a second."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeAlias

from thekla.core.errors import GuestFault
from thekla.sandbox.inside import data

__all__ = ["Exchange", "Layout", "Number", "PackedFunction"]

Number: TypeAlias = bool | int | float
Exchange: TypeAlias = Callable[[bytes, Callable[[bytes], list[tuple[Number, ...]]]], list[tuple[Number, ...]]]
_LETTERS: Final = frozenset(data.PACKED_LETTERS)
_FLOATS: Final = frozenset("fd")


class Layout:
    """How the numbers of one call lie in a frame.

    Args:
        takes: One letter per argument, of `?iqfd`.
        gives: One letter per number of the answer.

    Raises:
        ValueError: A letter is unknown, or there is none of either.
    """

    def __init__(self, *, takes: str, gives: str) -> None:
        for what, letters in (("takes", takes), ("gives", gives)):
            if not letters or not _LETTERS.issuperset(letters):
                raise ValueError(f"{what} is {letters!r}; give one letter of {data.PACKED_LETTERS} per number")
        self.takes = struct.Struct("<" + takes)
        self.gives = struct.Struct("<" + gives)
        self._has_floats = not _FLOATS.isdisjoint(gives)

    def pack(self, rows: Iterable[Sequence[Number]]) -> bytes:
        """The arguments of several calls.

        Raises:
            ValueError: They are not as many as, or not of the types that, the layout says.
        """
        try:
            return b"".join([self.takes.pack(*row) for row in rows])
        except (struct.error, OverflowError) as error:
            raise ValueError(f"the arguments do not fit the layout {self.takes.format!r}: {error}") from None

    def unpack(self, content: bytes) -> list[tuple[Number, ...]]:
        """The answers of several calls.

        Raises:
            GuestFault: A number is not finite (kind `protocol`).
        """
        answers = list(self.gives.iter_unpack(content))
        if self._has_floats and not all(map(math.isfinite, [number for row in answers for number in row])):
            raise GuestFault("protocol", "a packed answer is no plain data: a number is not finite")
        return answers


class PackedFunction:
    """A function of a guest's program that takes and returns numbers in a fixed layout.

    Args:
        exchange: Sends the body of a frame and returns what the reader that it is given makes of the answer's.
    """

    def __init__(self, layout: Layout, number: int, exchange: Exchange) -> None:
        self._layout = layout
        self._head = data.PACKED + bytes((number,))
        self._exchange = exchange
        self._single = len(layout.gives.format) == 2  # the byte order, and one letter

    def __call__(self, *numbers: Number) -> Number | tuple[Number, ...]:
        """The program's answer: a number, or a tuple where the layout gives several.

        Raises:
            GuestFault: As `Guest.call`.
            ValueError: The arguments do not fit the layout.
        """
        (answer,) = self._ask([numbers])
        return answer[0] if self._single else answer

    def many(self, rows: Sequence[Sequence[Number]]) -> list[Number | tuple[Number, ...]]:
        """The answers to several lists of arguments in one round trip; see `call_many` for what may be joined.

        Raises:
            GuestFault: As `Guest.call`.
            ValueError: The arguments do not fit the layout, or together not into a frame.
        """
        answers = self._ask(rows)
        return [answer[0] for answer in answers] if self._single else list(answers)

    def _ask(self, rows: Sequence[Sequence[Number]]) -> list[tuple[Number, ...]]:
        length = 1 + len(rows) * self._layout.gives.size

        def read(said: bytes) -> list[tuple[Number, ...]]:
            if len(said) != length:
                raise GuestFault("protocol", f"the guest gave {len(said)} bytes for a packed answer of {length}")
            return self._layout.unpack(said[1:])

        return self._exchange(self._head + self._layout.pack(rows), read)
