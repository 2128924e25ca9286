"""The trusted side: it holds the workloads, checks that an answer is a permutation, and computes its makespan."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import StatisticsError, correlation

from thekla.core.errors import GuestFault
from thekla.core.evaluation import FailureKind, Fault, InstanceResult
from thekla.core.problem import Instance, Split
from thekla.core.protocols import Guest
from thekla.core.values import Value, digest_of
from thekla.simulators.transactions import Transaction, makespan

from .workloads import Reference, reference, workload

__all__ = ["MAKESPAN", "SCORE", "TransactionsOfflineReferee", "message_of"]

SCORE = "score"
"""Objective of suite `default`: 0 at shortest makespan first, 100 at a proven bound."""

MAKESPAN = "makespan"
"""Objective of suite `public`, as the public evaluators add it up: slots."""


class TransactionsOfflineReferee:
    """Judges one program on one instance; nothing here is random.

    Args:
        objective: `SCORE` or `MAKESPAN`.
    """

    def __init__(self, objective: str) -> None:
        if objective not in (SCORE, MAKESPAN):
            raise ValueError(f"objective is {objective!r}; use {SCORE!r} or {MAKESPAN!r}")
        self._objective = objective

    def judge(self, guest: Guest, instance: Instance, *, seed: int) -> InstanceResult:
        """The order that the guest gives, by the definition of its cost; `seed` has no effect.

        Raises:
            ProblemError: The instance is none of this problem's, or its data are not what they should be.
        """
        transactions = workload(instance.id).transactions
        try:
            answer = guest.call("schedule", message_of(transactions))
        except GuestFault as fault:
            return InstanceResult(
                fault=Fault(kind=FailureKind(fault.kind), message=fault.message, traceback=fault.traceback)
            )
        complaint = _complaint(answer, len(transactions))
        if complaint:
            return InstanceResult(fault=Fault(kind=FailureKind.INVALID, message=complaint))
        assert isinstance(answer, list)
        order = [transactions[number] for number in answer]
        return self._result(order, reference(instance.id), hidden=instance.split is Split.HOLDOUT)

    def _result(self, order: Sequence[Transaction], against: Reference, *, hidden: bool) -> InstanceResult:
        slots = makespan(order)
        score = against.score(slots)
        return InstanceResult(
            scores={self._objective: score if self._objective == SCORE else float(slots)},
            measures={
                "gain_on_smf": 100.0 * (against.smf - slots) / against.smf,
                "over_bound": slots / against.bound,
                "longer_later": _correlation([each.length for each in order]),
                "writers_later": _correlation([_writes(each) for each in order]),
                "writes_together": _neighbours_alike(order),
            },
            feedback="" if hidden else _feedback(slots, against),
            behaviour=digest_of([each.id for each in order]),
        )


def message_of(transactions: Sequence[Transaction]) -> list[Value]:
    """What the guest is told: type, length and operations (key, position, whether it writes) of each transaction."""
    return [
        [each.type, each.length, [[one.key, one.position, one.is_write] for one in each.operations]]
        for each in transactions
    ]


def _complaint(answer: Value, count: int) -> str:
    """Why the answer is no permutation of the transactions; empty if it is one."""
    if not isinstance(answer, list):
        return f"the answer is of type {type(answer).__name__}; expected a list with every transaction once"
    if any(type(each) is not int for each in answer):
        return "the answer holds something that is no transaction of the workload"
    if len(answer) != count:
        return f"the answer holds {len(answer)} transactions; expected each of the {count} once"
    missing = set(range(count)) - set(answer)
    if missing:
        return f"transaction {min(missing)} is missing from the answer, {len(missing)} are in all; expected each once"
    return ""


def _feedback(slots: int, against: Reference) -> str:
    return (
        f"makespan {slots} slots; shortest makespan first needs {against.smf:.1f}, the order as given "
        f"{against.in_order}, and no order less than {against.bound}"
    )


def _writes(transaction: Transaction) -> int:
    return sum(operation.is_write for operation in transaction.operations)


def _correlation(values: Sequence[float]) -> float:
    """How the value goes with the place in the order, in [-1, 1]; 0 where it does not vary."""
    try:
        return correlation(range(len(values)), values)
    except StatisticsError:
        return 0.0


def _neighbours_alike(order: Sequence[Transaction]) -> float:
    """Share of neighbours that write a key in common."""
    written = [{one.key for one in each.operations if one.is_write} for each in order]
    pairs = [not one.isdisjoint(other) for one, other in pairwise(written)]
    return sum(pairs) / len(pairs) if pairs else 0.0
