"""What is committed stays, what has not arrived cannot be reached, and hints are as wrong as they say."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.simulators.transactions.examples import workloads

from thekla.simulators.transactions import (
    Transaction,
    WindowedRun,
    Workload,
    generate,
    makespan,
    mispredicted,
    smf_in_window,
)


@settings(max_examples=40)
@given(workload=workloads(least=1), size=st.integers(1, 4), data=st.data())
def test_a_run_costs_what_its_order_costs_and_its_window_holds_the_oldest(
    workload: Workload, size: int, data: st.DataObject
) -> None:
    run = WindowedRun(workload, workload.transactions, size=size)
    order: list[Transaction] = []
    run.arrivals()
    while run.window:
        committed = {each.id for each in order}
        uncommitted = [each for each in workload.transactions if each.id not in committed]
        assert run.window == uncommitted[:size] or len(run.window) == size
        chosen = data.draw(st.sampled_from(run.window))
        start = run.probe(chosen.id)
        assert run.commit(chosen.id) == start
        order.append(chosen)
        assert len(run.arrivals()) <= 1
    assert sorted(each.id for each in order) == list(range(len(workload.transactions)))
    assert run.schedule.makespan == makespan(order)


def test_what_does_not_wait_is_neither_probed_nor_committed() -> None:
    workload = generate("tpcc", 30, Random(0))
    run = WindowedRun(workload, workload.transactions)
    assert [each.id for each in run.arrivals()] == list(range(20))
    run.commit(3)
    for id in (3, 20, 29, -1):
        with pytest.raises(KeyError):
            run.probe(id)
        with pytest.raises(KeyError):
            run.commit(id)


def test_a_probe_believes_the_hint_and_a_commitment_the_truth() -> None:
    workload = generate("tpcc", 2, Random(0))
    first, second = workload.transactions
    hint = second._replace(operations=first.operations)
    run = WindowedRun(workload, [first, hint])
    run.arrivals()
    run.commit(0)
    assert run.probe(1) > 1
    assert run.commit(1) == 1


def test_a_share_of_the_keys_is_mispredicted_and_nothing_else() -> None:
    workload = generate("ycsb", 400, Random(1))
    hints = mispredicted(workload, 0.1, Random(2))
    pairs = [
        (one, other)
        for each, hint in zip(workload.transactions, hints, strict=True)
        for one, other in zip(each.operations, hint.operations, strict=True)
    ]
    assert all(one[1:] == other[1:] for one, other in pairs)
    assert sum(one != other for one, other in pairs) / len(pairs) == pytest.approx(0.1, abs=0.015)  # some draw the same
    assert mispredicted(workload, 0.0, Random(2)) == workload.transactions


def test_more_probes_give_shorter_schedules() -> None:
    workload = generate("ycsb", 200, Random(1))
    makespans = [
        sum(smf_in_window(workload, workload.transactions, sampled=count, rng=Random(seed)) for seed in range(5))
        for count in (1, 5, 20)
    ]
    assert makespans == sorted(makespans, reverse=True)
    assert len(set(makespans)) == 3
