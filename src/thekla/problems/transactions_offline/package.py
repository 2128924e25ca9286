"""Offline transaction scheduling as a problem package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

from thekla.core.problem import Instance, Problem, Stage
from thekla.problems.folder import ProblemFolder
from thekla.problems.package import FolderPackage

from .interface import VOCABULARY, interface
from .referee import MAKESPAN, SCORE, TransactionsOfflineReferee
from .workloads import drawn_holdout, probes, reference, relabelled, resized, smoke, splits, varied

__all__ = ["TransactionsOfflinePackage"]

_FOLDER = ProblemFolder(__package__, sources=("thekla.simulators.transactions",), wheels=("numpy",))

_SCORES = {
    SCORE: (
        "Points, higher is better: 0 where your makespan is that of shortest makespan first (ten sampled per step,\n"
        "mean of five seeds), 100 where it is a proven bound, linear in between and below 0. The mean over the\n"
        "workloads counts. They come from five families: TPC-C, SmallBank, YCSB, TAOBench and Epinions.\n"
    ),
    MAKESPAN: "The sum of the makespans in slots over three workloads of 100 transactions; lower is better.\n",
}


class TransactionsOfflinePackage(FolderPackage):
    """One suite of the problem."""

    folder = _FOLDER

    @cached_property
    def problem(self) -> Problem:
        """The problem as data."""
        return Problem(
            name=_FOLDER.name,
            version=_FOLDER.data["version"],
            suite=self._suite,
            statement=_FOLDER.text("statement.md") + _SCORES[self._objective.name],
            interface=interface(),
            objectives=(self._objective,),
            seeds=(_FOLDER.program("seeds/in_order.py"), _FOLDER.program("seeds/better_of_two.py")),
            instances=splits(self._suite),
            stages=(Stage(name="smoke", instances=(smoke(),)), Stage(name="probe", instances=probes())),
            measures=_FOLDER.measures,
            vocabulary=VOCABULARY,
            published=_FOLDER.published(self._suite),
            hints=_FOLDER.hints,
        )

    @cached_property
    def referee(self) -> TransactionsOfflineReferee:
        """The trusted judge."""
        return TransactionsOfflineReferee(self._objective.name)

    def holdout(self, key: bytes) -> Sequence[Instance]:
        """The hold-out that `key` determines."""
        return drawn_holdout(self._suite, key)

    def resized(self, instance: Instance, factor: float) -> Instance | None:
        """The same family and seed with `factor` times the transactions."""
        return resized(instance, factor)

    def varied(self, instance: Instance, *, seed: int) -> Instance | None:
        """Another draw of about the same size."""
        return varied(instance, seed=seed)

    def relabelled(self, instance: Instance, *, seed: int) -> Instance | None:
        """The same workload, its keys under other names."""
        return relabelled(instance, seed=seed)

    def bound(self, instance: Instance) -> Mapping[str, float]:
        """What no program can beat: the proven least makespan, or its 100 points."""
        against = reference(instance.id)
        return {self._objective.name: against.score(against.bound) if self._objective.name == SCORE else against.bound}
