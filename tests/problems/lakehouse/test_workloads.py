"""Every id makes its trace again, in any process, and the splits never meet."""

import hashlib
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thekla.core.errors import ConfigError, MissingExtraError, ProblemError
from thekla.core.problem import Split
from thekla.problems.lakehouse import build, workloads
from thekla.problems.lakehouse.workloads import (
    BENCHMARKS,
    PROFILES,
    drawn_holdout,
    instance,
    probes,
    published_holdout,
    scene,
    smoke,
    splits,
)
from thekla.simulators.lakehouse import PriorityClass, published_traces, write_trace
from thekla.simulators.lakehouse import suite as benchmark


def test_public_instances_are_the_published_traces_in_their_order() -> None:
    ids = [each.id for each in splits("public")[Split.TRAIN]]
    assert [scene(id).trace.pipelines for id in ids] == [trace.pipelines for trace in published_traces()]


@pytest.mark.parametrize("id", ["tiny/two-pools", "varied/long-tails/s7", "loop/b1/s100"])
def test_another_process_makes_an_equal_trace(id: str) -> None:
    program = (
        "import hashlib; from thekla.problems.lakehouse.workloads import scene; "
        "from thekla.simulators.lakehouse import write_trace; "
        f"print(hashlib.sha256(write_trace(scene({id!r}).trace).encode()).hexdigest())"
    )
    there = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()
    assert there == hashlib.sha256(write_trace(scene(id).trace).encode()).hexdigest()


@pytest.mark.parametrize(
    ("profile", "start"),
    [
        ("calm-chains", "854d6d6ab866fa7a"),
        ("bursty-chains", "1cc65fe403aec3ea"),
        ("heavy-fans", "23a936c545261b0a"),
        ("long-tails", "f34c8b41f4e2548f"),
        ("query-rush", "dabf15245c223bc8"),
        ("two-pools", "67c44102a19160fd"),
    ],
)
def test_varied_traces_are_what_they_were(profile: str, start: str) -> None:
    """A change here changes every recorded score: raise `GENERATOR_VERSION` with it."""
    text = write_trace(scene(f"varied/{profile}/s1000").trace)
    assert hashlib.sha256(text.encode()).hexdigest().startswith(start)


@pytest.mark.parametrize(
    "id",
    [
        "",
        "loop",
        "loop/b1",
        "loop/b1/s-3",
        "loop/b1/sx",
        "loop/b1/s010",
        "varied/none/s1",
        "varied/long-tails/s",
        "tiny/three",
        "thekla-2026a",
        "thekla-2026a/train/calm-9",
    ],
)
def test_an_id_that_is_no_recipe_is_refused(id: str) -> None:
    with pytest.raises(ProblemError, match="no lakehouse instance is called"):
        instance(id, Split.TRAIN)


def test_unknown_suite_is_refused() -> None:
    with pytest.raises(ConfigError, match="use one of default, public, siblings, thekla-2026a"):
        splits("hard")


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_named_benchmark_is_the_simulator_s_split_by_split(name: str) -> None:
    published = benchmark(name)
    held = published_holdout(name)
    for split, listed in {**splits(name), Split.HOLDOUT: held}.items():
        assert all(each.split is split for each in listed)
        names = published.names(str(split))  # type: ignore[arg-type]  # the splits have the same names in both
        assert [each.id for each in listed] == [f"{name}/{trace}" for trace in names]
    last = held[-1].id
    assert scene(last).trace == published.trace(last.removeprefix(f"{name}/"))
    assert (scene(last).params, scene(last).compat) == (published.params, "thekla")
    assert all(scene(each.id).params.duration == 60 for each in probes(name))


@given(key=st.binary(max_size=40), suite=st.sampled_from(sorted(set(build().suites) - set(BENCHMARKS))))
def test_drawn_seeds_are_above_every_listed_one(key: bytes, suite: str) -> None:
    drawn = drawn_holdout(suite, key)
    seeds = [int(each.id.rpartition("/s")[2]) for each in drawn]
    assert len(set(seeds)) == len(seeds)
    assert min(seeds) >= 2**32
    listed = [each.id for of in splits(suite).values() for each in of]
    assert max(int(id.rpartition("/s")[2]) for id in listed) < 2**32


def test_suites_draw_different_holdouts_from_one_key() -> None:
    assert {each.id for each in drawn_holdout("public", b"k")}.isdisjoint(
        each.id for each in drawn_holdout("siblings", b"k")
    )


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_offers_the_load_that_it_names(name: str) -> None:
    setting = scene(f"varied/{name}/s5")
    offered = [
        sum(workloads._share_seconds(operator.work) for operator in pipeline.operators)
        for pipeline in setting.trace.pipelines
    ]
    wanted = PROFILES[name].load * setting.params.duration
    assert wanted <= sum(offered) < wanted + max(offered)


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_holds_all_classes_and_operators_that_fit(name: str) -> None:
    setting = scene(f"varied/{name}/s6")
    assert {pipeline.priority for pipeline in setting.trace.pipelines} == set(PriorityClass)
    peaks = {operator.work.peak_memory_gb for pipeline in setting.trace.pipelines for operator in pipeline.operators}
    assert len(peaks) > 10
    assert max(peaks) <= 0.8 * setting.params.ram_gb_per_pool


@pytest.mark.parametrize("name", PROFILES)
def test_arrivals_are_in_order_and_within_the_trace(name: str) -> None:
    setting = scene(f"varied/{name}/s8")
    arrivals = [pipeline.arrival_seconds for pipeline in setting.trace.pipelines]
    assert arrivals == sorted(arrivals)
    assert 0 <= arrivals[0] <= arrivals[-1] < setting.params.duration


def test_smoke_ends_soon_and_meets_every_class_and_shape() -> None:
    for suite in build().suites:
        setting = scene(smoke(suite).id)
        assert setting.params.duration <= 30
        assert {pipeline.priority for pipeline in setting.trace.pipelines} == set(PriorityClass)


def test_digest_depends_on_the_generator_version(monkeypatch: pytest.MonkeyPatch) -> None:
    before = instance("loop/b0/s10", Split.TRAIN)
    monkeypatch.setattr(workloads, "GENERATOR_VERSION", 999)
    assert instance("loop/b0/s10", Split.TRAIN).digest != before.digest


def test_without_numpy_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)
    with pytest.raises(MissingExtraError, match=r'pip install "thekla\[problems\]"'):
        scene("loop/b4/s999")
    assert scene("varied/calm-chains/s999").trace.pipelines
