"""Transactions whose keys have other names: what any order of them costs stays the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

from .views import Transaction

__all__ = ["new_names", "renamed"]


def new_names(transactions: Sequence[Transaction], rng: Random) -> dict[str, str]:
    """For every key that occurs the name of a number, in an order that says nothing of the old ones."""
    keys = sorted({operation.key for one in transactions for operation in one.operations})
    rng.shuffle(keys)
    return {key: f"k{number}" for number, key in enumerate(keys)}


def renamed(transactions: Sequence[Transaction], names: Mapping[str, str]) -> tuple[Transaction, ...]:
    """The transactions with every key under its new name."""
    return tuple(
        one._replace(operations=tuple(each._replace(key=names[each.key]) for each in one.operations))
        for one in transactions
    )
