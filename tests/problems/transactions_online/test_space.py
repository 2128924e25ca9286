"""Online transactions are offered changed: more of them, neighbours, and under other names."""

from __future__ import annotations

import pytest

from thekla.core.errors import ProblemError
from thekla.core.problem import Instance, Split
from thekla.core.protocols import ProblemPackage, Sandbox
from thekla.problems.transactions_online import build
from thekla.problems.transactions_online.workloads import arrivals, instance, reference
from thekla.sandbox import TrustedSandbox
from thekla.testing.spaces import WorkloadSpaceConformance

SMALL = instance("predicted/tpcc/n25/s5", Split.TRAIN)


class TestWorkloadSpace(WorkloadSpaceConformance):
    def package(self) -> ProblemPackage:
        return build("predicted")

    def sandbox(self) -> Sandbox:
        return TrustedSandbox()

    def sample(self) -> tuple[Instance, ...]:
        return (SMALL, instance("known/epinions/n25/s5", Split.TRAIN))


def test_size_is_the_number_of_transactions() -> None:
    package = build("predicted")
    assert package.resized(SMALL, 10) == instance("predicted/tpcc/n250/s5", Split.TRAIN)
    assert package.resized(SMALL, 1000) is None
    near = [package.varied(SMALL, seed=seed) for seed in range(8)]
    assert all(20 <= len(arrivals(each.id).hints) <= 32 for each in near if each is not None)


def test_a_key_has_one_new_name_where_it_is_announced_and_where_it_is_used() -> None:
    renamed = build("predicted").relabelled(SMALL, seed=3)
    assert renamed is not None
    before, after = arrivals(SMALL.id), arrivals(renamed.id)
    pairs = {
        (old.key, new.key)
        for one, other in (
            *zip(before.workload.transactions, after.workload.transactions, strict=True),
            *zip(before.hints, after.hints, strict=True),
        )
        for old, new in zip(one.operations, other.operations, strict=True)
    }
    assert len({old for old, _ in pairs}) == len({new for _, new in pairs}) == len(pairs)
    assert {new for _, new in pairs} == {f"k{number}" for number in range(len(pairs))}
    assert reference(renamed.id) == reference(SMALL.id)
    assert build("predicted").relabelled(renamed, seed=1) is build("predicted").varied(renamed, seed=1) is None


def test_names_of_no_arrivals_are_refused() -> None:
    with pytest.raises(ProblemError, match="no instance of transactions-online"):
        instance("known/nobody/n12/s5/renamed1", Split.TRAIN)
