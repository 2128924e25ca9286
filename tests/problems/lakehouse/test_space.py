"""The lakehouse offers its traces changed: more of them on larger pools, neighbours, other names."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from thekla.core.errors import ProblemError
from thekla.core.problem import Instance, Split
from thekla.core.protocols import ProblemPackage
from thekla.problems.lakehouse import build
from thekla.problems.lakehouse.workloads import instance, scene
from thekla.testing.spaces import WorkloadSpaceConformance

CALM = instance("varied/calm-chains/s1000", Split.TRAIN)
LOOP = instance("loop/b2/s10", Split.TRAIN)


class TestWorkloadSpace(WorkloadSpaceConformance):
    def package(self) -> ProblemPackage:
        return build("default")

    def sample(self) -> tuple[Instance, ...]:
        return (CALM,)

    def unchangeable(self) -> tuple[Instance, ...]:
        return (instance("tiny/one-pool", Split.TRAIN), *build("thekla-2026a").problem.instances[Split.TRAIN][:1])


@pytest.mark.parametrize("given", [CALM, LOOP])
def test_a_larger_trace_holds_the_first_and_others_on_larger_pools(given: Instance) -> None:
    larger = build("default").resized(given, 3)
    assert larger is not None
    one, three = scene(given.id), scene(larger.id)
    assert three.params == replace(
        one.params, cpus_per_pool=3 * one.params.cpus_per_pool, ram_gb_per_pool=3 * one.params.ram_gb_per_pool
    )

    def arrivals(setting_id: str) -> Counter[object]:
        return Counter(replace(each, id="") for each in scene(setting_id).trace.pipelines)

    assert arrivals(given.id) <= arrivals(larger.id)
    counts = len(one.trace.pipelines), len(three.trace.pipelines)
    assert 2 * counts[0] < counts[1] < 4 * counts[0]
    times = [each.arrival_seconds for each in three.trace.pipelines]
    assert times == sorted(times)
    assert len({each.id for each in three.trace.pipelines}) == counts[1]


def test_other_names_keep_all_but_the_ids() -> None:
    renamed = build("default").relabelled(LOOP, seed=5)
    assert renamed is not None
    before, after = scene(LOOP.id).trace.pipelines, scene(renamed.id).trace.pipelines
    assert [replace(each, id="") for each in before] == [replace(each, id="") for each in after]
    assert {each.id for each in before} == {each.id for each in after}
    assert [each.id for each in before] != [each.id for each in after]
    assert build("default").relabelled(renamed, seed=5) is None


def test_only_whole_factors_up_to_ten_are_offered() -> None:
    package = build("default")
    assert package.resized(CALM, 10) == instance(f"{CALM.id}/x10", Split.TRAIN)
    assert package.resized(CALM, 1.5) is package.resized(CALM, 11) is package.resized(CALM, 0.5) is None
    for id in ("tiny/one-pool/x2", "varied/calm-chains/s90/first60/x2", "varied/calm-chains/s90/x1"):
        with pytest.raises(ProblemError):
            instance(id, Split.TRAIN)
