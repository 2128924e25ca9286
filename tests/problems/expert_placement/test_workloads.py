"""Every id makes its loads again, in any process, and splits never meet."""

import hashlib
import itertools
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thekla.core.errors import ProblemError
from thekla.core.problem import Split
from thekla.problems.expert_placement import build, workloads
from thekla.problems.expert_placement.workloads import (
    PROFILES,
    SPEED_TURNS,
    drawn_holdout,
    instance,
    scene,
    smoke,
    splits,
)

SCENES = ("tiny/windows", "tiny/pairs", "varied/small/s7", "calibrated/s0")


def digest(id: str) -> str:
    return hashlib.sha256(b"".join(window.astype("<i8").tobytes() for window in scene(id).windows)).hexdigest()


def test_another_process_makes_equal_loads() -> None:
    program = (
        "import hashlib; from thekla.problems.expert_placement.workloads import scene\n"
        f"for id in {SCENES!r}:\n"
        "    windows = b''.join(window.astype('<i8').tobytes() for window in scene(id).windows)\n"
        "    print(hashlib.sha256(windows).hexdigest())"
    )
    there = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert there == [digest(id) for id in SCENES]


def test_loads_are_what_they_were() -> None:
    """A change here changes every recorded score: raise `GENERATOR_VERSION` with it."""
    assert [digest(id)[:12] for id in SCENES] == ["4ef997cf1fdd", "a7acdb6f39ae", "d63307164da8", "f429262fa490"]


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_shifts_and_has_room_for_replicas(name: str) -> None:
    setting = scene(f"varied/{name}/s5")
    layout = setting.layout
    assert layout.slots > layout.experts
    assert all(window.shape == (layout.layers, layout.experts) for window in setting.windows)
    shares = [window / window.sum(axis=1, keepdims=True) for window in setting.windows]
    steps = [float(np.abs(b - a).sum(axis=1).mean()) for a, b in itertools.pairwise(shares)]
    assert max(steps) > 1.3 * float(np.median(steps))


def test_windows_of_a_race_are_unrelated_but_for_their_pairs() -> None:
    setting = scene("tiny/pairs")
    assert len(setting.windows) == 2 * SPEED_TURNS
    logs = [np.log(np.maximum(1, window)).ravel() for window in setting.windows]
    within = [np.corrcoef(logs[2 * i], logs[2 * i + 1])[0, 1] for i in range(SPEED_TURNS)]
    across = [np.corrcoef(logs[2 * i], logs[2 * i + 2])[0, 1] for i in range(SPEED_TURNS - 1)]
    assert min(within) > 0.9
    assert abs(np.mean(across)) < 0.3


@pytest.mark.parametrize("id", ["", "varied/none/s1", "calibrated/s01", "speed/deep", "tiny/x", "varied/small/s-1"])
def test_an_id_that_is_no_recipe_is_refused(id: str) -> None:
    with pytest.raises(ProblemError, match="no expert-placement instance is called"):
        instance(id, Split.TRAIN)


@given(key=st.binary(max_size=40), suite=st.sampled_from(sorted(build().suites)))
def test_drawn_seeds_are_above_every_listed_one(key: bytes, suite: str) -> None:
    seeds = [int(each.id.rpartition("/s")[2]) for each in drawn_holdout(suite, key)]
    assert len(set(seeds)) == len(seeds)
    assert min(seeds) >= 2**32
    listed = [each.id for of in splits(suite).values() for each in of if each.id != workloads.PUBLIC_LOG]
    assert max(int(id.rpartition("/s")[2]) for id in listed) < 2**32


def test_smoke_is_small() -> None:
    assert all(scene(smoke(suite).id).layout.experts <= 16 for suite in build().suites)


def test_digest_depends_on_the_generator_version(monkeypatch: pytest.MonkeyPatch) -> None:
    before = instance("calibrated/s0", Split.TRAIN)
    monkeypatch.setattr(workloads, "GENERATOR_VERSION", 999)
    assert instance("calibrated/s0", Split.TRAIN).digest != before.digest
