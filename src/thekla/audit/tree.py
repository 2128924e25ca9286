"""Plain data as a tree: its leaves by pattern of path, a copy with some of them changed, and what is distinctive."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias, TypeGuard

from thekla.core.values import Array, Value

__all__ = ["Pattern", "changed", "distinctive", "leaves", "subtrees", "traits"]

Pattern: TypeAlias = tuple[str, ...]
"""A path in which every place in a sequence is `*`, as in `("jobs", "*", "size")`: one name for a column of numbers."""

_LEAST_INTEGER = 10_000  # smaller ones are counts and indices, which meet by chance
_LEAST_TEXT = 8
_LEAST_ITEMS, _LEAST_DIFFERENT = 8, 4  # of a sequence that is particular as a whole


def leaves(value: Value, pattern: Pattern = ()) -> Iterator[tuple[Pattern, Value]]:
    """Every scalar of `value` (an array is one leaf) with the pattern of its path."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from leaves(item, (*pattern, key))
    elif _is_sequence(value):
        for item in value:
            yield from leaves(item, (*pattern, "*"))
    else:
        yield pattern, value


def changed(value: Value, pattern: Pattern, change: Callable[[Value], Value], at: Pattern = ()) -> Value:
    """A copy in which all leaves of the pattern are replaced by what `change` makes of them."""
    if isinstance(value, Mapping):
        return {key: changed(item, pattern, change, (*at, key)) for key, item in value.items()}
    if _is_sequence(value):
        return [changed(item, pattern, change, (*at, "*")) for item in value]
    return change(value) if at == pattern else value


def subtrees(value: Value, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Value]]:
    """`value` and everything in it, with exact paths, the outermost first."""
    yield path, value
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from subtrees(item, (*path, key))
    elif _is_sequence(value):
        for place, item in enumerate(value):
            yield from subtrees(item, (*path, place))


def distinctive(value: Value) -> bool:
    """Whether a scalar is so particular that meeting it twice is no accident: fractions, large numbers, long texts."""
    if type(value) is float:
        return math.isfinite(value) and (value != int(value) or abs(value) >= _LEAST_INTEGER)
    if type(value) is int:
        return abs(value) >= _LEAST_INTEGER
    return isinstance(value, str) and len(value) >= _LEAST_TEXT


def traits(value: Value) -> Iterator[tuple[str, Pattern]]:
    """What is distinctive in `value`, as texts that are equal for equal data, each with the pattern of where it is:
    scalars, and arrays and sequences as a whole."""
    yield from _traits(value, ())[1]


def _traits(value: Value, at: Pattern) -> tuple[list[str], list[tuple[str, Pattern]]]:
    """All leaves of `value` as texts, and its traits."""
    if isinstance(value, Mapping):
        parts = [_traits(item, (*at, key)) for key, item in value.items()]
    elif _is_sequence(value):
        parts = [_traits(item, (*at, "*")) for item in value]
    elif isinstance(value, Array):
        whole = len(value.data) >= _LEAST_ITEMS and len(set(value.data)) >= _LEAST_DIFFERENT
        return ["array"], [(f"array {value.data.hex()}", at)] if whole else []
    else:
        return [repr(value)], [(repr(value), at)] if distinctive(value) else []
    flat = [leaf for leaves_of, _ in parts for leaf in leaves_of]
    found = [trait for _, traits_of in parts for trait in traits_of]
    if _is_sequence(value) and len(flat) >= _LEAST_ITEMS and len(set(flat)) >= _LEAST_DIFFERENT:
        found.append((f"[{', '.join(flat)}]", at))
    return flat, found


def _is_sequence(value: Value) -> TypeGuard[Sequence[Value]]:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes | Array)
