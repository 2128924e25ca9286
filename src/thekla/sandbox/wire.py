"""The host's end of the wire: what it sends, and the strict reading of what a guest sends.

A guest's bytes are hostile. One JSON text has one meaning here: what was read must encode to the very bytes that
came, which leaves no room for duplicate keys, escaped surrogates, odd numbers or white space.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from thekla.core.errors import GuestFault
from thekla.core.values import Array, Value
from thekla.sandbox.inside import data

__all__ = ["HEADER", "Answer", "Question", "decode", "encode", "printable", "read_message"]

HEADER = data.HEADER
_TEXTS = re.compile(r'"(?:[^"\\]|\\.)*"')
_NOT_BRACKETS = re.compile(r"[^\[\]{}]+")
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
_KINDS = frozenset(("syntax", "interface", "crash", "memory", "protocol"))  # a guest may blame itself for these
_ARRAY_DEPTH = 3  # levels that the JSON form of an array adds


def encode(message: Value) -> bytes:
    """The frame body of a message of the host.

    Raises:
        ValueError: The message is no plain data; that is a bug of the referee.
    """
    try:
        return data.encode(message, _as_array)
    except data.NotPlain as error:
        raise ValueError(f"a referee may send plain data only (see thekla.core.values.Value): {error}") from None


def decode(body: bytes) -> Value:
    """The value that a guest has sent.

    Raises:
        GuestFault: The bytes are not the one text of a value (kind `protocol`).
    """
    try:
        text = body.decode("utf-8")
        value = data.parse(text)
        if data.text_of(value) != text:
            raise ValueError("not the one text of its value (duplicate keys, white space or odd numbers)")
        _check_depth(text)
        if data.has_many_digits(body):
            data.check_integers(value)
        return data.unpack_arrays(value, text, _make_array)  # type: ignore[no-any-return]  # parsed JSON
    except (ValueError, RecursionError, data.NotPlain) as error:
        raise GuestFault("protocol", f"the guest's message is no plain data: {printable(str(error))}") from None


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the program returned."""

    value: Value


@dataclass(frozen=True, kw_only=True)
class Question:
    """A call that the guest makes back."""

    name: str
    args: list[Value]


def read_message(body: bytes) -> Answer | Question:
    """What a guest says.

    Raises:
        GuestFault: It reports a fault, or the message is malformed (kind `protocol`).
    """
    match decode(body):
        case [int(code), value] if code == data.ANSWER and type(code) is int:
            return Answer(value=value)
        case [int(code), str(name), list(args)] if code == data.ASK and type(code) is int:
            return Question(name=name, args=args)
        case [int(code), str(kind), str(message), str(trace)] if code == data.FAULT and kind in _KINDS:
            raise GuestFault(kind, printable(message), printable(trace))
    raise GuestFault("protocol", "the guest's message is neither an answer, a fault nor a question")


def printable(text: str) -> str:
    """`text` without characters that steer a terminal or reorder what is seen."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def _check_depth(text: str) -> None:
    if text.count("[") + text.count("{") <= data.MAX_DEPTH:
        return
    brackets = _NOT_BRACKETS.sub("", _TEXTS.sub("", text)).replace("{", "[").replace("}", "]")
    for _ in range(data.MAX_DEPTH + _ARRAY_DEPTH):
        if not brackets:
            return
        brackets = brackets.replace("[]", "")  # the innermost level
    if brackets:
        raise ValueError(f"nested deeper than {data.MAX_DEPTH} levels")


def _as_array(value: Any) -> tuple[str, tuple[int, ...], bytes] | None:
    return (value.dtype, value.shape, value.data) if isinstance(value, Array) else None


def _make_array(dtype: str, shape: list[int], content: bytes) -> Array:
    return Array(dtype=dtype, shape=tuple(shape), data=content)
