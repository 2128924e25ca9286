"""Expert placement offers its models changed: more experts, neighbours, experts under other numbers."""

from __future__ import annotations

import numpy as np
import pytest

from thekla.core.errors import ProblemError
from thekla.core.problem import Instance, Split
from thekla.core.protocols import ProblemPackage, Sandbox
from thekla.problems.expert_placement import build
from thekla.problems.expert_placement.workloads import PUBLIC_LOG, instance, scene
from thekla.sandbox import TrustedSandbox
from thekla.testing.spaces import WorkloadSpaceConformance

WIDE = instance("varied/wide/s1000", Split.TRAIN)
CALIBRATED = instance("calibrated/s0", Split.TRAIN)
RACE = instance("speed/narrow/s1000", Split.TRAIN)


class TestWorkloadSpace(WorkloadSpaceConformance):
    def package(self) -> ProblemPackage:
        return build("default")

    def sandbox(self) -> Sandbox:
        return TrustedSandbox()

    def sample(self) -> tuple[Instance, ...]:
        return (WIDE,)

    def unchangeable(self) -> tuple[Instance, ...]:
        return (instance(PUBLIC_LOG, Split.TRAIN), instance("tiny/windows", Split.TRAIN))


def test_a_larger_model_has_more_experts_on_as_many_more_gpus_with_as_many_tokens_each() -> None:
    larger = build("default").resized(WIDE, 5)
    assert larger is not None
    one, five = scene(WIDE.id), scene(larger.id)
    for name in ("experts", "slots", "gpus", "nodes", "groups"):
        assert getattr(five.layout, name) == 5 * getattr(one.layout, name)
    assert five.layout.layers == one.layout.layers
    assert [window.sum() for window in five.windows] == [5 * window.sum() for window in one.windows]


def test_sizes_beyond_the_limits_are_not_offered() -> None:
    package = build("default")
    assert package.resized(WIDE, 10) == instance(f"{WIDE.id}/x10", Split.TRAIN)
    assert package.resized(CALIBRATED, 5) == instance(f"{CALIBRATED.id}/x5", Split.TRAIN)
    assert package.resized(CALIBRATED, 10) is package.resized(RACE, 5) is package.resized(WIDE, 1.5) is None
    for id in ("tiny/windows/x2", f"{PUBLIC_LOG}/x2", "varied/wide/s1/x1", "varied/nothing/s1/renamed1"):
        with pytest.raises(ProblemError):
            instance(id, Split.TRAIN)


@pytest.mark.parametrize(("suite", "given"), [("default", WIDE), ("calibrated", CALIBRATED), ("speed", RACE)])
def test_neighbours_are_of_the_kinds_that_the_suite_has(suite: str, given: Instance) -> None:
    package = build(suite)
    kinds = {each.id.rpartition("/")[0] for seed in range(80) if (each := package.varied(given, seed=seed)) is not None}
    assert kinds == {each.id.rpartition("/")[0] for each in package.problem.instances[Split.TRAIN]}


def test_other_numbers_keep_what_each_layer_meets() -> None:
    renamed = build("default").relabelled(WIDE, seed=7)
    assert renamed is not None
    before, after = scene(WIDE.id), scene(renamed.id)
    assert (before.layout, before.move_cost) == (after.layout, after.move_cost)
    old, new = (np.stack(each.windows, axis=1) for each in (before, after))
    order = [next(layer for layer, met in enumerate(old) if (met == other).all()) for other in new]
    assert sorted(order) == list(range(before.layout.layers)) != order
    assert build("default").relabelled(renamed, seed=7) is None
