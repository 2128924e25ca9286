"""A problem in four files offers what the gallery's do: changed instances that are made again by their ids."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import pytest

from thekla import assembly
from thekla.assembly.build import build_package
from thekla.core.problem import Instance, ProblemRef, Split
from thekla.core.protocols import HiddenTruth, ProblemPackage, WorkloadSpace
from thekla.testing.spaces import WorkloadSpaceConformance


@lru_cache(maxsize=4)
def built(folder: Path) -> ProblemPackage:
    if not folder.exists():
        assembly.new_problem(folder, kind=folder.name)
    return build_package(ProblemRef(name=str(folder), suite="default"))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("written")


class TestPolicyWorkloadSpace(WorkloadSpaceConformance):
    _home: ClassVar[Path]

    @pytest.fixture(autouse=True)
    def _at(self, home: Path) -> None:
        type(self)._home = home

    def package(self) -> ProblemPackage:
        return built(self._home / "policy")

    def sample(self) -> Sequence[Instance]:
        return self.package().problem.instances[Split.TRAIN][:1]


def space_of(package: ProblemPackage) -> WorkloadSpace:
    assert isinstance(package, WorkloadSpace)
    return package


def test_what_an_author_does_not_write_is_not_offered(home: Path) -> None:
    package = built(home / "answer")
    (given, *_) = package.problem.instances[Split.TRAIN]
    space = space_of(package)
    assert space.relabelled(given, seed=1) is None
    assert isinstance(package, HiddenTruth)
    assert list(package.hidden(given)) == []


def test_a_changed_instance_is_changed_no_further_than_makes_sense(home: Path) -> None:
    space = space_of(built(home / "policy"))
    (given, *_) = built(home / "policy").problem.instances[Split.TRAIN]
    near, larger, renamed = space.varied(given, seed=7), space.resized(given, 2.5), space.relabelled(given, seed=1)
    assert near is not None
    assert larger is not None
    assert renamed is not None
    assert [each.id for each in (near, larger, renamed)] == ["train/0/near7", "train/0/x2.5", "train/0/renamed1"]
    assert space.resized(near, 2) is None
    assert space.resized(larger, 2) is None
    assert space.varied(renamed, seed=1) is None
    assert space.relabelled(renamed, seed=2) is None


def test_a_size_and_a_part_is_all_that_changes(home: Path) -> None:
    package = built(home / "policy")
    (given, *_) = package.problem.instances[Split.TRAIN]
    space = space_of(package)
    assert isinstance(package, HiddenTruth)

    def trace(instance: Instance | None) -> list[int]:
        assert instance is not None
        (requests,) = package.hidden(instance)
        assert isinstance(requests, list)
        return [each for each in requests if isinstance(each, int)]

    before, near, larger = trace(given), trace(space.varied(given, seed=7)), trace(space.resized(given, 2))
    assert len(before) == len(near)
    assert 0 < sum(one != other for one, other in zip(before, near, strict=True)) <= 200
    assert larger[: len(before)] == before
    assert len(larger) == 2 * len(before)
    renamed = trace(space.relabelled(given, seed=1))
    assert renamed != before
    assert len({*zip(before, renamed, strict=True)}) == len(set(before)) == len(set(renamed))
