"""Every id makes its scene again, in any process; splits never meet; every cluster can be filled."""

import hashlib
import statistics
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.random import RandomState

from thekla.core.errors import MissingExtraError, ProblemError
from thekla.core.problem import Split
from thekla.problems.placement import build, workloads
from thekla.problems.placement.workloads import PROFILES, drawn_holdout, instance, scene, smoke, splits

SCENES = ("tiny/epochs", "static/mixed/s7", "epochs/drift-16/s7", "like-public/s3", "public/17")


def digest(id: str) -> str:
    return hashlib.sha256(repr(scene(id)).encode()).hexdigest()


def test_another_process_makes_equal_scenes() -> None:
    program = (
        "import hashlib; from thekla.problems.placement.workloads import scene\n"
        f"for id in {SCENES!r}: print(hashlib.sha256(repr(scene(id)).encode()).hexdigest())"
    )
    there = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert there == [digest(id) for id in SCENES]


def test_scenes_are_what_they_were() -> None:
    """A change here changes every recorded score: raise `GENERATOR_VERSION` with it."""
    found = {id: digest(id)[:12] for id in SCENES}
    assert found == {
        "tiny/epochs": "a784019a5d45",
        "static/mixed/s7": "be1a7b424584",
        "epochs/drift-16/s7": "f4375df832b3",
        "like-public/s3": "dfcdbd46dded",
        "public/17": "1d7747826cde",
    }


def test_public_cases_are_those_of_the_public_evaluator() -> None:
    cases = [scene(each.id).epochs[0] for each in splits("public")[Split.TRAIN]]
    assert len(cases) == 50
    stream = RandomState(42)
    for case in cases:
        count = stream.randint(5, 10)
        drawn = [(stream.randint(10, 30), stream.randint(1, 10), stream.randint(5, 10)) for _ in range(2 * count)]
        assert len(case.gpus) == count
        assert [(shard.size_gb, shard.rate, shard.slo_s) for shard in case.shards] == drawn


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_looks_as_it_says(name: str) -> None:
    profile = PROFILES[name]
    family = "epochs" if profile.epochs > 1 else "static"
    setting = scene(f"{family}/{name}/s5")
    cluster = setting.epochs[0]
    assert len(setting.epochs) == profile.epochs
    assert len(cluster.gpus) == profile.gpus
    fill = cluster.size_gb / cluster.memory_gb
    assert profile.fill[0] - 0.01 <= fill <= profile.fill[1] + 0.01
    assert {gpu.memory_gb for gpu in cluster.gpus} == set(profile.memories_gb)
    assert all(profile.sizes_gb[0] <= shard.size_gb <= profile.sizes_gb[1] for shard in cluster.shards)
    widths = {model: sum(shard.model == model for shard in cluster.shards) for model in range(len(cluster.shards))}
    assert set(widths.values()) - {0} <= set(profile.widths)


def test_rates_drift_and_nothing_else_changes() -> None:
    epochs = scene("epochs/drift-16/s1000").epochs
    assert len(epochs) == 20
    for cluster in epochs:
        assert cluster.gpus == epochs[0].gpus
        assert [shard.size_gb for shard in cluster.shards] == [shard.size_gb for shard in epochs[0].shards]
    loads = [cluster.load for cluster in epochs]
    assert statistics.pstdev(loads) > 0.05 * statistics.fmean(loads)


@pytest.mark.parametrize("id", ["", "public/50", "public/07", "static/none/s1", "static/drift-16/s1", "tiny/x", "s1"])
def test_an_id_that_is_no_recipe_is_refused(id: str) -> None:
    with pytest.raises(ProblemError, match="no placement instance is called"):
        instance(id, Split.TRAIN)


@given(key=st.binary(max_size=40), suite=st.sampled_from(sorted(build().suites)))
def test_drawn_seeds_are_above_every_listed_one(key: bytes, suite: str) -> None:
    seeds = [int(each.id.rpartition("/s")[2]) for each in drawn_holdout(suite, key)]
    assert len(set(seeds)) == len(seeds)
    assert min(seeds) >= 2**32


def test_smoke_is_small() -> None:
    assert all(len(scene(smoke(suite).id).epochs[0].shards) <= 30 for suite in build().suites)


def test_digest_depends_on_the_generator_version(monkeypatch: pytest.MonkeyPatch) -> None:
    before = instance("public/1", Split.TRAIN)
    monkeypatch.setattr(workloads, "GENERATOR_VERSION", 999)
    assert instance("public/1", Split.TRAIN).digest != before.digest


def test_without_numpy_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)
    monkeypatch.setitem(sys.modules, "numpy.random", None)
    workloads._public_scenes.cache_clear()
    scene.cache_clear()
    with pytest.raises(MissingExtraError, match=r'pip install "thekla\[problems\]"'):
        scene("public/3")
    assert scene("static/fives/s999").epochs
