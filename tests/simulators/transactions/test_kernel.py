"""The kernel gives what the definition gives, whatever the order."""

import itertools
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.simulators.transactions.examples import workloads

from thekla.simulators.transactions import FAMILIES, Transaction, Workload, generate, makespan, start_slots


@settings(max_examples=25)
@given(workload=workloads(), data=st.data())
def test_starts_and_cost_of_an_order_equal_the_definition(workload: Workload, data: st.DataObject) -> None:
    order = data.draw(st.permutations(workload.transactions))
    part = order[: data.draw(st.integers(0, len(order)))]
    assert workload.starts(part) == start_slots(part)
    assert workload.cost(part) == makespan(part)


@settings(max_examples=25)
@given(workload=workloads(), data=st.data())
def test_costs_of_many_orders_equal_the_definition(workload: Workload, data: st.DataObject) -> None:
    orders = data.draw(st.lists(st.permutations(workload.transactions), min_size=1, max_size=4))
    costs = workload.costs([[each.id for each in order] for order in orders])
    assert costs.tolist() == [makespan(order) for order in orders]


@settings(max_examples=25)
@given(workload=workloads(least=1), data=st.data())
def test_insertion_costs_equal_the_definition_at_every_place(workload: Workload, data: st.DataObject) -> None:
    order = data.draw(st.permutations(workload.transactions))
    rest, one = order[1:], order[0]
    expected = [makespan([*rest[:place], one, *rest[place:]]) for place in range(len(rest) + 1)]
    assert workload.insertion_costs(rest, one) == expected


@settings(max_examples=25)
@given(workload=workloads(least=1), data=st.data())
def test_move_costs_equal_the_definition_and_through_names_the_slack(workload: Workload, data: st.DataObject) -> None:
    size = len(workload.transactions)
    orders = data.draw(st.lists(st.permutations(range(size)), min_size=1, max_size=3))
    places = data.draw(st.lists(st.integers(0, size - 1), min_size=len(orders), max_size=len(orders)))
    costs, through, others = workload.move_costs(np.array(orders).T, np.array(places))
    for column, (order, place) in enumerate(zip(orders, places, strict=True)):
        rest = [workload.transactions[each] for each in order if each != order[place]]
        one = workload.transactions[order[place]]
        expected = [makespan([*rest[:at], one, *rest[at:]]) for at in range(size)]
        assert costs[:, column].tolist() == expected
        assert others[:, column].max(initial=0) == makespan(rest)
        assert np.maximum(through[:, column], makespan(rest)).tolist() == expected


@settings(max_examples=25)
@given(workload=workloads())
def test_placing_one_by_one_equals_the_definition_and_a_probe_places_nothing(workload: Workload) -> None:
    schedule = workload.schedule()
    for count, transaction in enumerate(workload.transactions, start=1):
        foretold, start = schedule.probe(transaction), schedule.start(transaction)
        fork = schedule.copy()
        assert fork.append(transaction) == start
        assert (fork.makespan, len(schedule.sequence)) == (foretold, count - 1)
        assert schedule.append(transaction) == start
        assert schedule.makespan == foretold == makespan(workload.transactions[:count])
    assert schedule.sequence == list(workload.transactions)


@settings(max_examples=25)
@given(workload=workloads(), data=st.data())
def test_relabelling_keys_and_transactions_changes_no_cost(workload: Workload, data: st.DataObject) -> None:
    order = data.draw(st.permutations(workload.transactions))
    names = dict(zip("abcd", data.draw(st.permutations("wxyz")), strict=True))
    renamed = Workload(
        each._replace(id=place, operations=tuple(one._replace(key=names[one.key]) for one in each.operations))
        for place, each in enumerate(order)
    )
    assert renamed.cost(renamed.transactions) == makespan(order)


@settings(max_examples=25)
@given(workload=workloads())
def test_delays_of_a_pair_say_when_the_second_starts(workload: Workload) -> None:
    for one, two in itertools.permutations(workload.transactions, 2):
        assert start_slots([one, two])[1] == max(1, 1 + int(workload.delays[one.id, two.id]))


@pytest.mark.parametrize("family", FAMILIES)
def test_generated_workloads_cost_by_the_kernel_what_they_cost_by_definition(family: str) -> None:
    workload = generate(family, 60, Random(1))
    orders = [Random(seed).sample(range(60), 60) for seed in range(4)]
    expected = [makespan([workload.transactions[each] for each in order]) for order in orders]
    assert workload.costs(orders).tolist() == expected


def test_long_horizons_do_not_overflow() -> None:
    template = generate("taobench", 2, Random(0)).transactions[0]
    workload = Workload(template._replace(id=number, length=900) for number in range(60))
    assert workload.costs([range(60)]).tolist() == [makespan(workload.transactions)]
    assert workload.delays.dtype == np.int32


@pytest.mark.parametrize(("family", "count"), [("smallbank", 60), ("taobench", 140)])
def test_costs_equal_the_definition_with_few_kinds_and_with_many_over_several_passes(family: str, count: int) -> None:
    workload = generate(family, count, Random(2))
    orders = np.random.default_rng(0).permuted(np.tile(np.arange(count), (2050, 1)), axis=1)
    costs = workload.costs(orders)
    for row in (0, 1023, 1024, 2047, 2048, 2049):
        assert costs[row] == makespan([workload.transactions[each] for each in orders[row].tolist()])


@pytest.mark.parametrize("wrong", [3, -1])
def test_an_unknown_id_is_refused(wrong: int) -> None:
    workload = generate("tpcc", 3, Random(0))
    with pytest.raises(IndexError, match="outside 0 to 2"):
        workload.costs([[0, 1, wrong]])


def test_no_order_and_an_empty_one_cost_nothing() -> None:
    workload = generate("tpcc", 3, Random(0))
    assert workload.costs([]).tolist() == []
    assert workload.costs([[], []]).tolist() == [0, 0]
    assert Workload([]).costs([[]]).tolist() == [0]


def test_a_malformed_workload_is_refused() -> None:
    with pytest.raises(ValueError, match="is at place 0"):
        Workload([Transaction(id=1, length=1, operations=())])
    late = generate("tpcc", 1, Random(0)).transactions[0]
    with pytest.raises(ValueError, match="outside its 1 slots"):
        Workload([late._replace(length=1)])
