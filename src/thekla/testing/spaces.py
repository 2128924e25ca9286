"""The conformance suite of packages that offer their instances changed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import pytest

from thekla.core.problem import Instance, Split
from thekla.core.program import Program
from thekla.core.protocols import ProblemPackage, Sandbox, WorkloadSpace
from thekla.testing.guests import InProcessSandbox

__all__ = ["WorkloadSpaceConformance"]

_SEEDS = range(8)


class WorkloadSpaceConformance(ABC):
    """What `core.protocols.WorkloadSpace` promises of a package.

    Subclass it, give it a package and small instances of it, and pytest runs it. Whatever the package offers must be
    new, made again by its id alone, and no instance that a report rests on.
    """

    @abstractmethod
    def package(self) -> ProblemPackage:
        """The package under test."""

    @abstractmethod
    def sample(self) -> Sequence[Instance]:
        """Small instances that can be resized, varied and relabelled, on which programs end quickly."""

    def unchangeable(self) -> Sequence[Instance]:
        """Instances of which there are no others of any size or kind; none unless told otherwise."""
        return ()

    def honest(self) -> Program:
        """A program that reads nothing into names; the strongest rung of the ladder unless told otherwise."""
        return next(each.program for each in reversed(self.package().baselines) if each.program is not None)

    def sandbox(self) -> Sandbox:
        """Where programs run; in this process unless told otherwise."""
        return InProcessSandbox()

    def space(self) -> WorkloadSpace:
        """The package as what it must be."""
        package = self.package()
        assert isinstance(package, WorkloadSpace)
        return package

    def changed(self, given: Instance, *, seed: int) -> list[Instance]:
        """All that the package makes of an instance: twice the size, a neighbour, other names."""
        space = self.space()
        made = (space.resized(given, 2), space.varied(given, seed=seed), space.relabelled(given, seed=seed))
        found = [each for each in made if each is not None]
        assert len(found) == len(made), f"{given.id} gives {made}"
        return found

    def scores(self, instance: Instance) -> dict[str, float]:
        """What the honest program scores."""
        package = self.package()
        guest = self.sandbox().open(self.honest(), package.problem.interface, package.limits)
        try:
            result = package.referee.judge(guest, instance, seed=0)
        finally:
            guest.close()
        assert result.fault is None, result.fault
        return dict(result.scores)

    def test_equal_arguments_give_equal_instances(self) -> None:
        for given in self.sample():
            for seed in _SEEDS:
                assert self.changed(given, seed=seed) == self.changed(given, seed=seed)

    def test_what_is_changed_is_new_and_stays_in_its_split(self) -> None:
        for given in self.sample():
            made = [given, *self.changed(given, seed=1)]
            assert len({each.id for each in made}) == len({each.digest for each in made}) == len(made)
            assert {each.split for each in made} == {given.split}

    def test_once_is_the_instance_itself(self) -> None:
        for given in self.sample():
            assert self.space().resized(given, 1) == given

    def test_neighbours_of_neighbours_are_found_and_differ_by_seed(self) -> None:
        space = self.space()
        for given in self.sample():
            near = [space.varied(given, seed=seed) for seed in _SEEDS]
            assert None not in near
            assert len(set(near)) == len(_SEEDS)
            assert all(space.varied(each, seed=0) is not None for each in near if each is not None)

    def test_nothing_changed_is_listed_or_held_out(self) -> None:
        package = self.package()
        problem = package.problem
        kept = {each.id for split, of in problem.instances.items() if split is not Split.TRAIN for each in of}
        kept |= {each.id for key in (b"one", b"two") for each in package.holdout(key)}
        held = package.holdout(b"one")[:3]
        for given in (*self.sample(), *problem.instances[Split.TRAIN], *held):
            for seed in _SEEDS:
                made = (self.space().varied(given, seed=seed), self.space().relabelled(given, seed=seed))
                assert kept.isdisjoint(each.id for each in (*made, self.space().resized(given, 2)) if each is not None)

    def test_other_names_change_no_score(self) -> None:
        for given in self.sample():
            renamed = self.space().relabelled(given, seed=7)
            assert renamed is not None
            # Sums over what has other names may be taken in another order.
            assert self.scores(renamed) == pytest.approx(self.scores(given), rel=1e-12)

    def test_larger_and_near_instances_can_be_judged(self) -> None:
        for given in self.sample():
            for each in self.changed(given, seed=3):
                assert self.scores(each)

    def test_what_is_one_of_its_kind_is_neither_resized_nor_varied(self) -> None:
        space = self.space()
        for given in self.unchangeable():
            assert space.resized(given, 2) is None
            assert space.varied(given, seed=1) is None
