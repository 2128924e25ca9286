"""The referee meters probes, lets nothing be taken back, and tells nothing of what is to come."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from thekla.core.errors import GuestFault
from thekla.core.evaluation import FailureKind, Usage
from thekla.core.problem import Split
from thekla.core.values import Value
from thekla.problems.transactions_online import referee as module
from thekla.problems.transactions_online.referee import RATIO, TransactionsOnlineReferee
from thekla.problems.transactions_online.workloads import Arrivals, arrivals, instance, reference
from thekla.simulators.transactions import Workload, makespan

ID = "known/tpcc/n50/s90"


class Picking:
    """A guest that picks the oldest and keeps what it is told."""

    def __init__(self, probes: Sequence[int] = ()) -> None:
        self.told: list[Value] = []
        self.arrived: list[Any] = []
        self.answers: list[Value] = []
        self._waiting: list[int] = []
        self._probes = probes
        self._served: dict[str, Callable[..., Value]] = {}

    def call(self, name: str, *args: Value) -> Value:
        self.told.append([name, *args])
        if name == "start":
            return None
        (message,) = args
        assert isinstance(message, dict)
        arrived: Any = message["arrived"]
        self.arrived += arrived
        self._waiting += [row[0] for row in arrived]
        if self._probes:
            self.answers.append(self._served["probes"](list(self._probes)))
        return self._waiting.pop(0)

    def serve(self, name: str, answer: Callable[..., Value]) -> None:
        self._served[name] = answer

    def close(self) -> None: ...

    @property
    def usage(self) -> Usage:
        return Usage()


def test_the_score_is_the_makespan_over_that_of_shortest_makespan_first() -> None:
    result = TransactionsOnlineReferee().judge(Picking(), instance(ID, Split.TRAIN), seed=0)
    assert result.scores == {RATIO: makespan(arrivals(ID).workload.transactions) / reference(ID).smf}
    assert result.measures["probes_per_pick"] == 0.0
    assert result.measures["youth"] == 0.0
    assert "with 0 probes for 50 transactions" in result.feedback


def test_equal_pasts_are_told_alike_whatever_comes_after(monkeypatch: pytest.MonkeyPatch) -> None:
    one = arrivals(ID).workload.transactions
    fork = 30
    other = (*one[:fork], *(each._replace(operations=(), length=1) for each in one[fork:]))
    told = []
    for transactions in (one, other):
        guest = Picking()
        workload = Workload(transactions)
        given = Arrivals(workload=workload, hints=workload.transactions)
        monkeypatch.setattr(module, "arrivals", lambda id, given=given: given)
        TransactionsOnlineReferee().judge(guest, instance(ID, Split.TRAIN), seed=0)
        told.append(guest.told)
    # The first picks fill the window with twenty; each further one lets one more arrive.
    same = 1 + 1 + fork - 20
    assert told[0][:same] == told[1][:same]
    assert told[0][same] != told[1][same]


def test_probes_beyond_ten_per_pick_end_the_evaluation() -> None:
    waiting = [*range(11)]
    result = TransactionsOnlineReferee().judge(Picking(waiting), instance(ID, Split.TRAIN), seed=0)
    assert result.fault is not None
    assert result.fault.kind is FailureKind.INVALID
    assert "used 1 probes more than the 10 per pick" in result.fault.message


def test_ten_probes_are_answered() -> None:
    guest = Picking([*range(10)])
    result = TransactionsOnlineReferee().judge(guest, instance(ID, Split.TRAIN), seed=0)
    # The second pick asks for one that is committed by then.
    assert guest.answers == [[1] * 10]
    assert result.fault is not None
    assert "which is not waiting" in result.fault.message


@pytest.mark.parametrize("args", [(), ([0.0],), ([True],), ("0",), ([0], [1])])
def test_a_malformed_probe_is_a_fault(args: tuple[Value, ...]) -> None:
    class Malformed(Picking):
        def call(self, name: str, *of: Value) -> Value:
            if name == "pick":
                self._served["probes"](*args)
            return super().call(name, *of)

    result = TransactionsOnlineReferee().judge(Malformed(), instance(ID, Split.TRAIN), seed=0)
    assert result.fault is not None
    assert result.fault.kind is FailureKind.PROTOCOL


@pytest.mark.parametrize("picked", [None, 49, -1, True, [0], {"id": 0}, "0"])
def test_a_pick_of_what_does_not_wait_is_a_fault(picked: Value) -> None:
    class Wrong(Picking):
        def call(self, name: str, *of: Value) -> Value:
            return None if name == "start" else picked

    result = TransactionsOnlineReferee().judge(Wrong(), instance(ID, Split.TRAIN), seed=0)
    assert result.fault is not None
    assert result.fault.kind is FailureKind.INVALID
    assert "one of the 20 transactions waiting is due" in result.fault.message


def test_a_fault_of_the_guest_is_a_fault_of_the_result() -> None:
    class Failing(Picking):
        def call(self, name: str, *of: Value) -> Value:
            raise GuestFault("cpu", "too long")

    result = TransactionsOnlineReferee().judge(Failing(), instance(ID, Split.TRAIN), seed=0)
    assert result.fault is not None
    assert result.fault.kind is FailureKind.CPU


def test_truth_stays_with_the_host_in_the_predicted_track() -> None:
    id = "predicted/ycsb/n50/s90"
    guest = Picking()
    TransactionsOnlineReferee().judge(guest, instance(id, Split.TRAIN), seed=0)
    shown = {row[0]: row[3] for row in guest.arrived}
    given = arrivals(id)
    assert shown == {each.id: [list(one) for one in each.operations] for each in given.hints}
    assert shown != {each.id: [list(one) for one in each.operations] for each in given.workload.transactions}
