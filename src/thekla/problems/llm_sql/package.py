"""LLM-SQL as a problem package: what the folder offers to evaluation, search and reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from inspect import getsource
from typing import Any

from thekla.core.problem import Instance, Measure, Problem, Stage
from thekla.core.protocols import Referee
from thekla.problems import speed
from thekla.problems.folder import ProblemFolder
from thekla.problems.package import FolderPackage
from thekla.problems.speed import TIMING_MEASURES

from .interface import VOCABULARY, interface
from .racing import LlmSqlRaceReferee
from .referee import HIT_RATE, LlmSqlReferee
from .workloads import drawn_holdout, probes, relabelled, resized, smoke, splits, varied

__all__ = ["LlmSqlPackage"]

_FOLDER = ProblemFolder(__package__, sources=("thekla.simulators.cache",), wheels=("numpy",))


class LlmSqlPackage(FolderPackage):
    """One suite of LLM-SQL."""

    folder = _FOLDER

    @property
    def _data(self) -> Mapping[str, Any]:
        """What `problem.toml` says of the suite."""
        return _FOLDER.data["suites"][self._suite]  # type: ignore[no-any-return]  # of a TOML file

    @cached_property
    def problem(self) -> Problem:
        """The problem as data."""
        stages = {"smoke": (smoke(self._suite),), "probe": probes(self._suite)}
        return Problem(
            name=_FOLDER.name,
            version=_FOLDER.data["version"],
            suite=self._suite,
            statement=_FOLDER.text("statement.md") + self._data["score"],
            interface=interface(),
            objectives=(self._objective,),
            seeds=tuple(map(_FOLDER.program, self._data["seeds"])),
            instances=splits(self._suite),
            stages=tuple(Stage(name=name, instances=of) for name, of in stages.items() if of),
            measures=self._measures(),
            vocabulary=VOCABULARY,
            published=_FOLDER.published(self._suite),
            hints=_FOLDER.hints,
            reproducible=self._suite != "speed",
        )

    @cached_property
    def referee(self) -> Referee:
        """The trusted judge; in suite `speed` one that compares."""
        if self._suite == "speed":
            return LlmSqlRaceReferee(_FOLDER.program(self._data["reference"]))
        return LlmSqlReferee(self._objective.name)

    def _measures(self) -> tuple[Measure, ...]:
        own = {measure.name: measure for measure in _FOLDER.measures}
        if self._suite == "speed":
            return (*TIMING_MEASURES, own[HIT_RATE])
        return tuple(measure for name, measure in own.items() if name != self._objective.name)

    @cached_property
    def evaluator_digest(self) -> str:
        """Hash over this folder, the simulator's sources, the race's if there is one, and Python and numpy."""
        return _FOLDER.evaluator_digest(self._suite, race=getsource(speed) if self._suite == "speed" else "")

    def holdout(self, key: bytes) -> Sequence[Instance]:
        """The hold-out that `key` determines."""
        return drawn_holdout(self._suite, key)

    def resized(self, instance: Instance, factor: float) -> Instance | None:
        """A table of the kind with `factor` times the rows; None for the public one."""
        return resized(instance, factor)

    def varied(self, instance: Instance, *, seed: int) -> Instance | None:
        """Another table of the kind, or of another kind now and then; None for the public one."""
        return varied(instance, seed=seed)

    def relabelled(self, instance: Instance, *, seed: int) -> Instance | None:
        """The same table under other names of its columns; None for a race."""
        return relabelled(instance, seed=seed)

    def bound(self, instance: Instance) -> Mapping[str, float]:
        """100 points are a proven bound on every table, and no time takes none; none is known for the hit rate."""
        return {} if self._objective.bound is None else {self._objective.name: self._objective.bound}
