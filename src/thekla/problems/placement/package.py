"""Model placement as a problem package: what the folder offers to evaluation, search and reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

from thekla.core.problem import Instance, Problem, Stage
from thekla.problems.folder import ProblemFolder
from thekla.problems.package import FolderPackage

from .interface import VOCABULARY, interface
from .referee import BOUNDS, PlacementReferee
from .workloads import drawn_holdout, relabelled, resized, smoke, splits, varied

__all__ = ["PlacementPackage"]

_FOLDER = ProblemFolder(__package__, sources=("thekla.simulators.placement",), wheels=("numpy",))

_SCORES = {
    "default": (
        "Efficiency, in [0, 1], higher is better: a pressure that provably no placement can go below, over the\n"
        "largest pressure of yours; the mean over the clusters. They have 16 to 64 GPUs of 80 GB, or of 40, 80 and\n"
        "141 GB, and weights take 80 to 92 % of the memory. One call places one cluster.\n"
    ),
    "epochs": (
        "`place` is called 20 times with the same models and changing rates: they drift, and burst now and then. Each\n"
        "call shows the rates of the coming epoch. The cost of a run is the mean over the epochs of the largest\n"
        "pressure, plus 0.002 for every GB moved per GPU of the cluster; the first placement moves nothing.\n"
        "Efficiency, in [0, 1], higher is better, is a proven bound on the cost over yours; the mean over the\n"
        "clusters.\n"
    ),
    "public": (
        "Points, in [0, 100], higher is better: 100 sqrt((r - v) / (r - f)) for your largest pressure v, that of\n"
        "round robin r and all load over all free memory f; the mean over the cases. They have 5 to 9 GPUs of 80 GB\n"
        "and twice as many models. No placement of whole models reaches 100; 87.4096 is the proven ceiling.\n"
    ),
}

_LIMIT = "The CPU time for one cluster, loading included, is limited to {:g} s.\n"


class PlacementPackage(FolderPackage):
    """One suite of model placement."""

    folder = _FOLDER

    @cached_property
    def problem(self) -> Problem:
        """The problem as data."""
        return Problem(
            name=_FOLDER.name,
            version=_FOLDER.data["version"],
            suite=self._suite,
            statement=_FOLDER.text("statement.md") + _SCORES[self._suite] + _LIMIT.format(self.limits.cpu_s),
            interface=interface(),
            objectives=(self._objective,),
            seeds=tuple(_FOLDER.program(f"seeds/{name}.py") for name in ("emptiest", "trade_equals", "guarded")),
            instances=splits(self._suite),
            stages=(Stage(name="smoke", instances=(smoke(self._suite),)),),
            measures=_FOLDER.measures,
            vocabulary=VOCABULARY,
            published=_FOLDER.published(self._suite),
            hints=_FOLDER.hints,
        )

    @cached_property
    def referee(self) -> PlacementReferee:
        """The trusted judge."""
        return PlacementReferee(self._objective.name)

    def holdout(self, key: bytes) -> Sequence[Instance]:
        """The hold-out that `key` determines."""
        return drawn_holdout(self._suite, key)

    def resized(self, instance: Instance, factor: float) -> Instance | None:
        """A scene of the profile with `factor` times the GPUs and shards; None for cases like the public ones."""
        return resized(instance, factor)

    def varied(self, instance: Instance, *, seed: int) -> Instance | None:
        """Another draw of the profile, or of another one now and then."""
        return varied(instance, seed=seed)

    def relabelled(self, instance: Instance, *, seed: int) -> Instance | None:
        """The same scene, its models and nodes under other numbers."""
        return relabelled(instance, seed=seed)

    def bound(self, instance: Instance) -> Mapping[str, float]:
        """The points of the proven optimum, or an efficiency of 1."""
        return {self._objective.name: BOUNDS[self._objective.name](instance.id)}
