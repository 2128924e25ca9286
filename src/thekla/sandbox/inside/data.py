"""Plain data as JSON frames; the same text on both ends of the wire. Standard library only."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Callable
from typing import Any

HEADER = struct.Struct("<II")  # length of the body in bytes, number of the call
MAX_DEPTH = 64
ARRAY_KEY = "$array"
ANSWER, FAULT, ASK = 0, 1, 2  # first item of what a guest says
MANY, PACK = 1, 2  # third item of what the host says: call for each row of arguments; agree on a packed function
PACKED = b"\0"  # first byte of a body of bare numbers, which no JSON text begins with
PACKED_LETTERS = "?iqfd"
MOST_PACKED = 256  # functions of one guest, since their number is a byte

_MARK = f'"{ARRAY_KEY}"'
_LOW, _HIGH = -(2**63), 2**63 - 1
_FLAT = frozenset((str, float, int, bool, type(None)))
_DIGITS_AS_ZERO = bytes.maketrans(b"123456789", b"000000000")
_MANY_DIGITS = b"0" * 19  # the least that an integer beyond 64 bits has
_STR = frozenset((str,))
_SIMPLE = _FLAT | {list, tuple, dict}

_SCAN: Callable[[str, int], tuple[Any, int]] = json.JSONDecoder().scan_once  # type: ignore[attr-defined]  # set at run time


class NotPlain(Exception):
    """Something that is no plain data was to cross the border."""


def _new_encoder() -> Callable[[Any], str]:
    encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":"))
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return encoder.encode
    # What `encode` makes anew for each message, which for a small one is most of its cost.
    chunks = make(None, encoder.default, json.encoder.encode_basestring, None, ":", ",", False, False, False)
    return lambda value: "".join(chunks(value, 0))


_encode = _new_encoder()


def parse(text: str) -> Any:
    """The value of a JSON text that has no white space around it.

    Raises:
        ValueError: The text is something else.
    """
    try:
        value, end = _SCAN(text, 0)
    except StopIteration as stop:
        raise ValueError(f"no JSON value at character {stop.value}") from None
    if end != len(text):
        raise ValueError(f"more than one JSON value: the first ends at character {end}")
    return value


def encode(message: Any, as_array: Callable[[Any], tuple[str, tuple[int, ...], bytes] | None]) -> bytes:
    """The one JSON text of `message`, in UTF-8.

    Args:
        as_array: Type, shape and bytes of a value that crosses as an array; None for any other value.

    Raises:
        NotPlain: It holds something else than None, bool, int within 64 bits, finite float, str, list, tuple,
            dict with str keys, or an array; or it is nested too deeply.
    """
    plain = message if _is_simple(message) else _plain(message, as_array, MAX_DEPTH)
    try:
        body = _encode(plain).encode("utf-8")
        if has_many_digits(body):
            check_integers(plain)
        return body
    except UnicodeEncodeError:
        raise NotPlain("a text with a lone surrogate cannot be encoded as UTF-8") from None
    except ValueError:  # the encoder's word for infinities and NaN
        raise NotPlain("a number is not finite") from None


def text_of(value: Any) -> str:
    """The JSON text of what a decoder has returned.

    Raises:
        ValueError: A number is not finite.
    """
    return _encode(value)


def decode(text: str, make_array: Callable[[str, list[int], bytes], Any]) -> Any:
    """The value of a text that `encode` has made.

    Raises:
        ValueError: The text is no JSON, or an array in it is malformed.
    """
    value = parse(text)
    return _with_arrays(value, make_array) if _MARK in text else value


def unpack_arrays(value: Any, text: str, make_array: Callable[[str, list[int], bytes], Any]) -> Any:
    """`value`, the parsed `text`, with arrays in the place of their JSON form.

    Raises:
        ValueError: An array is malformed.
    """
    return _with_arrays(value, make_array) if _MARK in text else value


def has_many_digits(body: bytes) -> bool:
    """Whether an integer in the JSON text may be beyond 64 bits."""
    return _MANY_DIGITS in body.translate(_DIGITS_AS_ZERO)


def check_integers(value: Any) -> None:
    """Nothing, if all integers in lists and dicts are within 64 bits.

    Raises:
        NotPlain: One is not.
    """
    pending = [value]
    while pending:
        item = pending.pop()
        kind = type(item)
        if kind is int and not _LOW <= item <= _HIGH:
            raise NotPlain("an integer is beyond the 64 bits that may cross")
        if kind is list or kind is tuple:
            pending += item
        elif kind is dict:
            pending += item.values()


def _is_simple(value: Any) -> bool:
    """Whether a value is surely plain data without arrays, as most messages are; found level by level."""
    level = [value]
    for _ in range(MAX_DEPTH):
        kinds = set(map(type, level))
        if kinds <= _FLAT:
            return True
        if not kinds <= _SIMPLE:
            return False
        below: list[Any] = []
        for item in level:
            kind = type(item)
            if kind is list or kind is tuple:
                below += item
            elif kind is dict:
                if not _STR.issuperset(map(type, item)) or ARRAY_KEY in item:
                    return False
                below += item.values()
        level = below
    return False


def _plain(value: Any, as_array: Callable[[Any], tuple[str, tuple[int, ...], bytes] | None], depth: int) -> Any:
    kind = type(value)
    if kind in _FLAT:
        return value
    if depth <= 1:
        raise NotPlain(f"data nested deeper than {MAX_DEPTH} levels")
    if kind is list or kind is tuple:
        if _FLAT.issuperset(map(type, value)):
            return value
        return [_plain(item, as_array, depth - 1) for item in value]
    if kind is dict:
        if not _STR.issuperset(map(type, value)):
            raise NotPlain("a key that is no str; keys must be str")
        if ARRAY_KEY in value:
            raise NotPlain(f"the key {ARRAY_KEY!r} is reserved")
        if _FLAT.issuperset(map(type, value.values())):
            return value
        return {key: _plain(item, as_array, depth - 1) for key, item in value.items()}
    array = as_array(value)
    if array is None:
        raise NotPlain(f"a value of type {kind.__name__} is no plain data")
    dtype, shape, data = array
    return {ARRAY_KEY: [dtype, list(shape), base64.b64encode(data).decode("ascii")]}


def _with_arrays(value: Any, make_array: Callable[[str, list[int], bytes], Any]) -> Any:
    if type(value) is list:
        return [item if type(item) in _FLAT else _with_arrays(item, make_array) for item in value]
    if type(value) is not dict:
        return value
    if len(value) != 1 or ARRAY_KEY not in value:
        return {key: _with_arrays(item, make_array) for key, item in value.items()}
    body = value[ARRAY_KEY]
    if type(body) is not list or len(body) != 3:
        raise ValueError("an array is [type, shape, data]")
    dtype, shape, data = body
    if type(dtype) is not str or type(data) is not str or type(shape) is not list or len(shape) > 32:
        raise ValueError("an array is [type, shape, data]")
    if not all(type(side) is int and 0 <= side <= _HIGH for side in shape):
        raise ValueError("a side of an array's shape is no natural number")
    return make_array(dtype, shape, base64.b64decode(data, validate=True))
