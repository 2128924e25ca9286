"""Workloads, changed: larger ones, neighbours, and the same under other names."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thekla.core.errors import ProblemError
from thekla.core.problem import Instance, Split
from thekla.core.protocols import ProblemPackage, Sandbox, WorkloadSpace
from thekla.problems.transactions_offline import build
from thekla.problems.transactions_offline.workloads import instance, reference, workload
from thekla.sandbox import TrustedSandbox
from thekla.simulators.transactions import makespan
from thekla.testing.spaces import WorkloadSpaceConformance

SMALL = instance("tpcc/n12/s5", Split.TRAIN)
PUBLIC = instance("public/W1", Split.TRAIN)


class TestWorkloadSpace(WorkloadSpaceConformance):
    def package(self) -> ProblemPackage:
        return build("default")

    def sandbox(self) -> Sandbox:
        return TrustedSandbox()

    def sample(self) -> tuple[Instance, ...]:
        return (SMALL,)

    def unchangeable(self) -> tuple[Instance, ...]:
        return (PUBLIC,)


def test_the_package_offers_its_instances_changed() -> None:
    package = build("default")
    assert isinstance(package, WorkloadSpace)
    larger = package.resized(SMALL, 5)
    assert larger == instance("tpcc/n60/s5", Split.TRAIN)
    assert package.resized(PUBLIC, 2) is package.varied(PUBLIC, seed=1) is None
    near = {package.varied(SMALL, seed=seed) for seed in range(8)}
    assert len(near) == 8
    counts = [len(workload(each.id).transactions) for each in near if each is not None]
    assert all(9 <= count <= 15 for count in counts)


@settings(max_examples=10)
@given(seed=st.integers(0, 2**60), order=st.permutations(range(12)))
def test_other_names_change_no_makespan_and_no_reference(seed: int, order: list[int]) -> None:
    renamed = build("default").relabelled(SMALL, seed=seed)
    assert renamed is not None
    before, after = workload(SMALL.id).transactions, workload(renamed.id).transactions
    assert makespan([before[place] for place in order]) == makespan([after[place] for place in order])
    assert reference(renamed.id) == reference(SMALL.id)
    keys = {operation.key for one in after for operation in one.operations}
    assert keys == {f"k{number}" for number in range(len(keys))}
    assert build("default").relabelled(renamed, seed=1) is None


def test_names_of_no_workload_are_refused() -> None:
    with pytest.raises(ProblemError, match="no instance of transactions-offline"):
        instance("nobody/n12/s5/renamed1", Split.TRAIN)
