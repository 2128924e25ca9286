"""The referee trusts nothing but a permutation, and computes the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thekla.core.errors import GuestFault
from thekla.core.evaluation import FailureKind, Usage
from thekla.core.problem import Split
from thekla.core.values import Value
from thekla.problems.transactions_offline.referee import MAKESPAN, SCORE, TransactionsOfflineReferee
from thekla.problems.transactions_offline.workloads import Reference, instance, reference, workload
from thekla.simulators.transactions import makespan

ID = "tpcc/n40/s90"


class Answering:
    """A guest that gives one answer, or raises a fault."""

    def __init__(self, answer: Value | GuestFault) -> None:
        self.answer = answer
        self.told: Sequence[Value] = ()

    def call(self, name: str, *args: Value) -> Value:
        assert name == "schedule"
        self.told = args
        if isinstance(self.answer, GuestFault):
            raise self.answer
        return self.answer

    def serve(self, name: str, answer: Callable[..., Value]) -> None:
        raise AssertionError(f"nothing is served, least of all {name!r}")

    def close(self) -> None: ...

    @property
    def usage(self) -> Usage:
        return Usage()


@given(order=st.permutations(range(40)))
@settings(max_examples=25)
def test_any_permutation_scores_its_makespan(order: list[int]) -> None:
    slots = makespan([workload(ID).transactions[each] for each in order])
    given_instance = instance(ID, Split.TRAIN)
    result = TransactionsOfflineReferee(MAKESPAN).judge(Answering(order), given_instance, seed=0)
    assert result.scores == {MAKESPAN: slots}
    score = TransactionsOfflineReferee(SCORE).judge(Answering(order), given_instance, seed=0).scores[SCORE]
    assert score == reference(ID).score(slots) <= 100.0
    assert result.feedback.startswith(f"makespan {slots} slots")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ([], "holds 0 transactions; expected each of the 40"),
        (list(range(39)), "holds 39 transactions"),
        ([*range(39), 0], "transaction 39 is missing"),
        ([*range(39), 40], "transaction 39 is missing"),
        ([*range(39), 39.0], "no transaction of the workload"),
        ([*range(2, 40), True, False], "no transaction of the workload"),
        ({"score": 100.0}, "of type dict"),
        (None, "of type NoneType"),
    ],
)
def test_what_is_no_permutation_gets_no_score(answer: Value, words: str) -> None:
    result = TransactionsOfflineReferee(SCORE).judge(Answering(answer), instance(ID, Split.TRAIN), seed=0)
    assert result.fault is not None
    assert result.fault.kind is FailureKind.INVALID
    assert words in result.fault.message


def test_a_fault_of_the_guest_is_a_fault_of_the_result() -> None:
    fault = GuestFault("cpu", "too long")
    result = TransactionsOfflineReferee(SCORE).judge(Answering(fault), instance(ID, Split.TRAIN), seed=0)
    assert result.fault is not None
    assert result.fault.kind is FailureKind.CPU


def test_the_guest_is_told_the_transactions_and_nothing_else() -> None:
    guest = Answering(list(range(40)))
    TransactionsOfflineReferee(SCORE).judge(guest, instance(ID, Split.TRAIN), seed=0)
    (told,) = guest.told
    assert isinstance(told, list)
    transaction = workload(ID).transactions[0]
    assert told[0] == [transaction.type, transaction.length, [list(each) for each in transaction.operations]]
    assert len(told) == 40


def test_points_run_from_shortest_makespan_first_to_the_bound() -> None:
    against = Reference(in_order=400, smf=300.0, bound=100)
    assert [against.score(slots) for slots in (300, 100, 200, 400)] == [0.0, 100.0, 50.0, -50.0]
    assert Reference(in_order=9, smf=9.0, bound=9).score(9) == 0.0


def test_an_objective_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="'speed'; use 'score' or 'makespan'"):
        TransactionsOfflineReferee("speed")
