"""Plain data that may cross a process border, and the canonical text of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import TypeAlias

__all__ = ["Array", "Data", "Value", "canonical", "digest_of"]

_ITEM_BYTES = {"bool": 1, "int32": 4, "int64": 8, "float32": 4, "float64": 8}


@dataclass(frozen=True, kw_only=True)
class Array:
    """A numeric array in C order, as bytes (little endian).

    Args:
        dtype: One of bool, int32, int64, float32, float64.
        data: Exactly `prod(shape)` items.

    Raises:
        ValueError: The type is unknown, or the bytes do not fit the shape.
    """

    dtype: str
    shape: tuple[int, ...]
    data: bytes

    def __post_init__(self) -> None:
        if self.dtype not in _ITEM_BYTES:
            raise ValueError(f"array type {self.dtype!r} is unknown; use one of {', '.join(_ITEM_BYTES)}")
        if any(n < 0 for n in self.shape):
            raise ValueError(f"array shape {self.shape} has a negative side")
        expected = prod(self.shape) * _ITEM_BYTES[self.dtype]
        if len(self.data) != expected:
            raise ValueError(
                f"{len(self.data)} bytes do not fill shape {self.shape} of {self.dtype}; expected {expected}"
            )


Value: TypeAlias = "bool | int | float | str | Sequence[Value] | Mapping[str, Value] | Array | None"
"""What guest and referee may tell each other: integers within 64 bits and finite floats only."""

Data: TypeAlias = "bool | int | float | str | Sequence[Data] | Mapping[str, Data] | None"
"""What a journal may hold: JSON without non-finite numbers."""


def _new_encoder() -> Callable[[Data], str]:
    encoder = json.JSONEncoder(
        sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, check_circular=False
    )
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return encoder.encode
    # What `encode` makes anew for each value, which for a small one is most of its cost.
    chunks = make(None, encoder.default, json.encoder.encode_basestring, None, ":", ",", True, False, False)
    return lambda data: "".join(chunks(data, 0))


_encode = _new_encoder()


def canonical(data: Data) -> bytes:
    """The one JSON text of `data`: sorted keys, no spaces, UTF-8.

    Raises:
        ValueError: A number is not finite.
        TypeError: Something in `data` is not JSON.
    """
    return _encode(data).encode("utf-8", errors="surrogatepass")


def digest_of(data: Data) -> str:
    """SHA-256 of the canonical text, in hexadecimal."""
    return hashlib.sha256(canonical(data)).hexdigest()
