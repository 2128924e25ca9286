"""Placement offers its scenes changed: larger clusters, neighbours, and other numbers of models and nodes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from thekla.core.errors import ProblemError
from thekla.core.problem import Instance, Split
from thekla.core.program import Program
from thekla.core.protocols import ProblemPackage
from thekla.problems.placement import build
from thekla.problems.placement.workloads import PROFILES, instance, scene
from thekla.testing.spaces import WorkloadSpaceConformance

TRIPLES = instance("static/triples/s1000", Split.TRAIN)
PARALLEL = instance("static/parallel/s1000", Split.TRAIN)
DRIFT = instance("epochs/drift-24/s1000", Split.TRAIN)
PUBLIC = instance("public/7", Split.TRAIN)


class TestWorkloadSpace(WorkloadSpaceConformance):
    def package(self) -> ProblemPackage:
        return build("default")

    def sample(self) -> tuple[Instance, ...]:
        return (TRIPLES,)

    def honest(self) -> Program:
        return next(each.program for each in self.package().baselines if each.name == "emptiest" and each.program)

    def unchangeable(self) -> tuple[Instance, ...]:
        return (instance("tiny/static", Split.TRAIN),)


@pytest.mark.parametrize("given", [TRIPLES, PARALLEL])
def test_a_larger_scene_is_one_of_its_profile(given: Instance) -> None:
    package = build("default")
    larger = package.resized(given, 5)
    assert larger is not None
    profile = PROFILES[given.id.split("/")[1]]
    (cluster,) = scene(larger.id).epochs
    assert len(cluster.gpus) == 5 * profile.gpus
    assert len(cluster.shards) == pytest.approx(5 * profile.gpus * profile.per_gpu, abs=max(profile.widths))
    assert profile.fill[0] - 0.01 <= cluster.size_gb / cluster.memory_gb <= profile.fill[1] + 0.01
    assert package.varied(larger, seed=1) is package.resized(larger, 2) is None


def test_sizes_beyond_the_limits_are_not_offered() -> None:
    package = build("epochs")
    assert package.resized(DRIFT, 5) == instance(f"{DRIFT.id}/x5", Split.TRAIN)
    assert package.resized(DRIFT, 10) is package.resized(TRIPLES, 1.5) is package.resized(TRIPLES, 0.5) is None
    assert package.resized(instance("static/large/s1000", Split.TRAIN), 10) is None
    with pytest.raises(ProblemError):
        instance("tiny/static/x2", Split.TRAIN)


def test_public_cases_have_neighbours_and_other_names_but_one_size() -> None:
    package = build("public")
    near, renamed = package.varied(PUBLIC, seed=1), package.relabelled(PUBLIC, seed=1)
    assert near is not None
    assert near.id.startswith("like-public/")
    assert renamed is not None
    assert package.resized(PUBLIC, 2) is package.resized(near, 2) is package.relabelled(renamed, seed=1) is None
    assert package.bound(renamed) == package.bound(PUBLIC)


def test_other_names_keep_places_and_what_belongs_together() -> None:
    renamed = build("default").relabelled(PARALLEL, seed=9)
    assert renamed is not None
    (before,), (after,) = scene(PARALLEL.id).epochs, scene(renamed.id).epochs
    assert [replace(each, model=0) for each in before.shards] == [replace(each, model=0) for each in after.shards]
    for old, new in (
        ([each.model for each in before.shards], [each.model for each in after.shards]),
        ([each.node for each in before.gpus], [each.node for each in after.gpus]),
    ):
        names = dict(zip(old, new, strict=True))
        assert [names[each] for each in old] == new
        assert set(old).isdisjoint(new)
        assert sorted(names) == sorted(names, key=names.__getitem__)


def test_rates_drift_alike_under_other_names() -> None:
    renamed = build("epochs").relabelled(DRIFT, seed=2)
    assert renamed is not None
    rates = [[shard.rate for shard in cluster.shards] for cluster in scene(DRIFT.id).epochs]
    assert rates == [[shard.rate for shard in cluster.shards] for cluster in scene(renamed.id).epochs]
