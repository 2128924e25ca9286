"""No order beats a bound, and the bounds are reached where they are exact."""

import itertools
from random import Random

import pytest
from hypothesis import given, settings
from tests.simulators.transactions.examples import workloads

from thekla.simulators.transactions import (
    FAMILIES,
    Workload,
    clique_bound,
    generate,
    makespan,
    makespan_bound,
    parse_workload,
    slot_bound,
    solver_bound,
)


@given(workload=workloads(most=5))
@settings(max_examples=40)
def test_no_order_beats_the_bounds(workload: Workload) -> None:
    best = min(makespan(order) for order in itertools.permutations(workload.transactions))
    assert slot_bound(workload) <= best
    assert clique_bound(workload) <= best
    assert makespan_bound(workload) <= best


@pytest.mark.parametrize("family", FAMILIES)
def test_generated_workloads_have_a_bound_above_their_longest_transaction(family: str) -> None:
    workload = generate(family, 100, Random(3))
    longest = max(each.length for each in workload.transactions)
    order = Random(0).sample(workload.transactions, 100)
    assert longest < makespan_bound(workload) <= makespan(order)


def test_writers_of_one_key_take_a_slot_each() -> None:
    assert slot_bound(parse_workload({f"txn{number}": "* w-1 *" for number in range(7)})) == 1 + 7 + 1


def test_a_reader_adds_one_slot_and_further_ones_share_it() -> None:
    texts = [*["w-1"] * 4, *["r-1"] * 5]
    assert slot_bound(parse_workload({f"txn{number}": text for number, text in enumerate(texts)})) == 5


def test_reading_before_writing_keeps_other_writers_out_in_between() -> None:
    assert slot_bound(parse_workload({f"txn{number}": "r-1 * w-1 *" for number in range(5)})) == 5 * 3 + 1


def test_transactions_that_collide_on_different_keys_form_a_clique() -> None:
    # On key 1 the first must lead by a slot, on key 2 the second: alone, neither key forces them apart.
    workload = parse_workload({"txn0": "w-1 * w-2", "txn1": "w-2 w-1 *"})
    assert clique_bound(workload) == 1 + 3
    assert min(makespan(order) for order in itertools.permutations(workload.transactions)) >= 4


@pytest.mark.slow
def test_the_solver_closes_the_gap_of_a_small_workload() -> None:
    pytest.importorskip("ortools")
    workload = generate("smallbank", 6, Random(2))
    best = min(makespan(order) for order in itertools.permutations(workload.transactions))
    assert makespan_bound(workload) <= solver_bound(workload, deterministic_s=5.0, best_known=best) == best
