"""Frozen dataclasses as plain data and back, for the journal and for worker processes.

Only the types that the core itself defines occur: scalars, enumerations of text, tuples, mappings with text keys,
dataclasses, and unions of dataclasses (told apart by a `type` entry).
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar

from thekla.core.values import Data

__all__ = ["decode", "encode"]

T = TypeVar("T")


def encode(value: object, *, but: str = "") -> Data:
    """`value` as plain data; fields made by the class itself (`init=False`) are left out.

    Args:
        but: A field of `value` itself that is left out.

    Raises:
        TypeError: There is no plain form.
    """
    kind: Any = type(value)
    if kind in _PLAIN:
        return typing.cast(Data, value)
    names = _field_names(kind)
    if names is not None:
        data: dict[str, Data] = {"type": kind.__name__}
        for name in names:
            if name != but:
                item = getattr(value, name)
                data[name] = item if type(item) in _PLAIN else encode(item)
        return data
    if kind is dict or isinstance(value, Mapping):
        items = typing.cast(Mapping[object, Any], value).items()
        return {str(key): item if type(item) in _PLAIN else encode(item) for key, item in items}
    if isinstance(value, list | tuple):
        return [encode(item) for item in value]
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int | float):
        return value
    raise TypeError(f"{kind.__name__} has no plain form")


_PLAIN = frozenset((bool, int, float, str, type(None)))


@cache
def _field_names(kind: type) -> tuple[str, ...] | None:
    """The fields of a dataclass that its constructor takes, None of another type."""
    if not dataclasses.is_dataclass(kind):
        return None
    return tuple(field.name for field in dataclasses.fields(kind) if field.init)


@cache
def _hints(cls: type) -> dict[str, Any]:
    # `Data` is a recursive alias, which annotations cannot be evaluated through; it is passed on as it is.
    return typing.get_type_hints(cls, localns={"Data": Any})


def decode(cls: type[T], data: Data) -> T:
    """The dataclass that `encode` made `data` from; entries that the class does not know are refused.

    Raises:
        ValueError: `data` does not fit the class.
    """
    return typing.cast(T, _decode(cls, data, cls.__name__))


def _decode(hint: Any, data: Any, where: str) -> Any:
    if hint is Any or (type(data) is hint and hint in _PLAIN):
        return data
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return _decode_union(typing.get_args(hint), data, where)
    if origin is typing.Literal:
        if data not in typing.get_args(hint):
            raise ValueError(f"{where} is {data!r}; expected one of {typing.get_args(hint)}")
        return data
    if origin is tuple:
        return _decode_tuple(typing.get_args(hint), data, where)
    if origin is not None and issubclass(origin, Mapping):
        key, item = typing.get_args(hint)
        return {_decode(key, name, where): _decode(item, value, f"{where}.{name}") for name, value in data.items()}
    if hasattr(hint, "__supertype__"):
        return _decode(hint.__supertype__, data, where)
    if dataclasses.is_dataclass(hint):
        return _decode_dataclass(hint, data, where)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return hint(data)
    if hint is float and type(data) is int:
        return float(data)
    if not (isinstance(hint, type) and type(data) is hint):
        raise ValueError(f"{where} is {data!r}; expected {hint}")
    return data


def _decode_union(options: tuple[Any, ...], data: Any, where: str) -> Any:
    if data is None and type(None) in options:
        return None
    if isinstance(data, Mapping) and "type" in data:
        named = [option for option in options if getattr(option, "__name__", "") == data["type"]]
        if named:
            return _decode(named[0], data, where)
    if not any(dataclasses.is_dataclass(option) for option in options):
        for option in options:
            plain = getattr(option, "__supertype__", option)
            if plain is not type(None) and (plain is float or plain is type(data)):
                return _decode(option, data, where)
    raise ValueError(f"{where} fits none of {[getattr(option, '__name__', option) for option in options]}: {data!r}")


def _decode_tuple(items: tuple[Any, ...], data: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(data, list | tuple):
        raise ValueError(f"{where} is {data!r}; expected a list")
    if len(items) == 2 and items[1] is Ellipsis:
        return tuple(_decode(items[0], value, f"{where}[{i}]") for i, value in enumerate(data))
    if len(items) != len(data):
        raise ValueError(f"{where} has {len(data)} entries; expected {len(items)}")
    return tuple(_decode(item, value, where) for item, value in zip(items, data, strict=True))


def _decode_dataclass(cls: Any, data: Any, where: str) -> Any:
    if not isinstance(data, Mapping) or data.get("type", cls.__name__) != cls.__name__:
        raise ValueError(f"{where} is {data!r}; expected a {cls.__name__}")
    known, hints = _field_names(cls) or (), _hints(cls)
    found = {name: _decode(hints[name], data[name], f"{where}.{name}") for name in known if name in data}
    if len(found) + ("type" in data) != len(data):
        unknown = set(data) - set(known) - {"type"}
        raise ValueError(f"{where} has unknown entries {sorted(unknown)}; {cls.__name__} knows {sorted(known)}")
    return cls(**found)
