"""Checks of what a user gives, with messages that say what to do."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import fields
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["check_names", "check_range", "check_weights", "suggestion"]


def suggestion(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the nearest known one, or all of them."""
    names = list(known)
    near = get_close_matches(name, names, n=1)
    return f"did you mean {near[0]!r}?" if near else f"use one of {', '.join(names)}"


def check_names(of: "type[DataclassInstance]", values: Mapping[str, object]) -> None:
    """Refuses names that are no fields of a data class.

    Raises:
        ValueError: A name is unknown; the message gives the nearest one.
    """
    known = [field.name for field in fields(of)]
    for name in values:
        if name not in known:
            raise ValueError(f"unknown parameter {name!r}; {suggestion(name, known)}")


def check_range(
    name: str, value: Any, *, least: float | None = None, above: float | None = None, most: float = math.inf
) -> None:
    """Refuses what is no finite number, or outside a range whose lower end is `least`, or `above` it exclusively.

    Raises:
        ValueError: The value is refused; the message gives the range.
    """
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not number or value > most or (least is not None and value < least) or (above is not None and value <= above):
        limits = [f">= {least:g}"] if least is not None else [f"> {above:g}"] if above is not None else []
        limits += [f"<= {most:g}"] if most < math.inf else []
        raise ValueError(f"{name} is {value!r}; give a finite number {' and '.join(limits)}".rstrip())


def check_weights(what: str, weights: Mapping[str, float], known: Mapping[str, object]) -> None:
    """Refuses weights of names that are not known, negative weights, and weights that are all 0.

    Raises:
        ValueError: The weights are refused.
    """
    for name, weight in weights.items():
        if name not in known:
            raise ValueError(f"unknown {what} {name!r}; {suggestion(name, known)}")
        check_range(f"the weight of {what} {name!r}", weight, least=0.0)
    if not any(weights.values()):
        raise ValueError(f"the weights of the {what}s are all 0; give at least one a weight")
