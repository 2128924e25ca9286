"""Workloads as text, in the form of the public evaluators."""

from __future__ import annotations

from collections.abc import Mapping

from .views import Operation, Transaction, Workload

__all__ = ["parse_workload", "workload_texts"]

_STALL = "*"


def parse_workload(texts: Mapping[str, str]) -> Workload:
    """The workload of `{"txn0": "w-17 r-5 * w-3", ...}`: reads and writes by key, `*` for a slot without data.

    Raises:
        ValueError: A transaction is missing, or a token is none of `r-KEY`, `w-KEY` and `*`.
    """
    missing = [number for number in range(len(texts)) if f"txn{number}" not in texts]
    if missing:
        raise ValueError(f"transaction 'txn{missing[0]}' is missing; {len(texts)} are numbered from 'txn0'")
    return Workload(_transaction(number, texts[f"txn{number}"].split()) for number in range(len(texts)))


def workload_texts(workload: Workload) -> dict[str, str]:
    """The inverse of `parse_workload`; the types of transactions are left out.

    Raises:
        ValueError: Two operations share a slot, or a key would not be read back.
    """
    return {f"txn{transaction.id}": _text(transaction) for transaction in workload.transactions}


def _transaction(number: int, tokens: list[str]) -> Transaction:
    operations = []
    for position, token in enumerate(tokens, start=1):
        if token == _STALL:
            continue
        kind, dash, key = token.partition("-")
        if kind not in ("r", "w") or not dash or not key:
            raise ValueError(f"transaction {number} has the token {token!r}; expected r-KEY, w-KEY or {_STALL}")
        operations.append(Operation(key=key, position=position, is_write=kind == "w"))
    return Transaction(id=number, length=len(tokens), operations=tuple(operations))


def _text(transaction: Transaction) -> str:
    tokens = [_STALL] * transaction.length
    for key, position, is_write in transaction.operations:
        if tokens[position - 1] != _STALL:
            raise ValueError(f"transaction {transaction.id} has two operations in slot {position}; the text has one")
        if not key or key.split() != [key]:
            raise ValueError(f"key {key!r} of transaction {transaction.id} is no single word")
        tokens[position - 1] = f"{'w' if is_write else 'r'}-{key}"
    return " ".join(tokens)
