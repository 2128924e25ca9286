"""Workloads are what their seed says, and texts are read back."""

import sys
from ast import Import, ImportFrom, parse, walk
from random import Random

import pytest

from thekla.simulators.transactions import FAMILIES, Operation, generate, guest_source, parse_workload, workload_texts


@pytest.mark.parametrize("family", FAMILIES)
def test_equal_seeds_give_equal_workloads_and_others_do_not(family: str) -> None:
    one, same, other = (generate(family, 50, Random(seed)).transactions for seed in (7, 7, 8))
    assert one == same != other


@pytest.mark.parametrize("family", FAMILIES)
def test_texts_are_read_back(family: str) -> None:
    workload = generate(family, 50, Random(1))
    again = parse_workload(workload_texts(workload))
    assert [each._replace(type="") for each in workload.transactions] == list(again.transactions)


def test_stalls_take_a_slot_and_no_key() -> None:
    (transaction,) = parse_workload({"txn0": "w-17 * r-5 *"}).transactions
    assert transaction.length == 4
    assert transaction.operations == (Operation("17", 1, True), Operation("5", 3, False))


@pytest.mark.parametrize("text", ["x-1", "w1", "r-"])
def test_a_malformed_token_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected r-KEY, w-KEY or"):
        parse_workload({"txn0": text})


def test_a_missing_transaction_is_named() -> None:
    with pytest.raises(ValueError, match="'txn1' is missing; 2 are"):
        parse_workload({"txn0": "w-1", "txn2": "w-1"})


def test_families_have_their_shapes() -> None:
    shares = {}
    for family in FAMILIES:
        transactions = [each for seed in range(5) for each in generate(family, 100, Random(seed)).transactions]
        operations = [one for each in transactions for one in each.operations]
        shares[family] = sum(one.is_write for one in operations) / len(operations)
        lengths = {each.length for each in transactions}
        assert lengths == {"tpcc": {5, 21}, "smallbank": {9}, "epinions": set(range(4, 11))}.get(family, {16})
    assert shares["taobench"] == pytest.approx(0.55, abs=0.02)
    assert shares["ycsb"] == pytest.approx(0.5, abs=0.02)
    assert shares["epinions"] == pytest.approx(0.2, abs=0.02)


def test_the_guest_needs_the_standard_library_and_numpy_only() -> None:
    nodes = list(walk(parse(guest_source())))
    imported = {alias.name for node in nodes if isinstance(node, Import) for alias in node.names}
    imported |= {str(node.module) for node in nodes if isinstance(node, ImportFrom)}
    assert {name.partition(".")[0] for name in imported} - set(sys.stdlib_module_names) == {"numpy"}
