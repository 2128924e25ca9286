"""What the packages of the gallery do alike; each says for itself what is computed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property, lru_cache
from typing import Self

from thekla.core.errors import ProblemError
from thekla.core.evaluation import InstanceResult, Limits
from thekla.core.problem import Baseline, Instance, Objective, Problem
from thekla.core.program import Program
from thekla.core.protocols import PairedReferee, Referee, WorkloadSpace
from thekla.problems.folder import ProblemFolder
from thekla.problems.names import first_name

__all__ = ["FolderPackage"]

_NAMES_SEED = 1  # any: which other names an audit gives


class FolderPackage(ABC):
    """One suite of a problem whose figures, texts and programs lie in a folder; see `core.protocols.ProblemPackage`.

    Args:
        objective: Optimised instead of the suite's own.

    Raises:
        ConfigError: There is no such suite.
    """

    folder: ProblemFolder

    def __init__(self, suite: str, *, objective: Objective | None = None) -> None:
        if objective is None:
            self.folder.require_suite(suite)
        self._suite = suite
        self._objective = objective or self.folder.objectives(suite)[0]

    @classmethod
    def build(cls, suite: str = "default") -> Self:
        """The package of a suite, made once per process: the entry point of a problem.

        Raises:
            ConfigError: There is no such suite.
        """
        made = _made(cls, suite)
        assert isinstance(made, cls)
        return made

    @property
    @abstractmethod
    def problem(self) -> Problem:
        """The problem as data."""

    @property
    @abstractmethod
    def referee(self) -> Referee:
        """The trusted judge."""

    @abstractmethod
    def holdout(self, key: bytes) -> Sequence[Instance]:
        """The hold-out that `key` determines."""

    @abstractmethod
    def bound(self, instance: Instance) -> Mapping[str, float]:
        """A bound per objective that no program can beat on the instance; empty where none is known."""

    @property
    def suites(self) -> Mapping[str, str]:
        """All suites of the problem, each with a line on what it is for."""
        return self.folder.suites

    @cached_property
    def exploits(self) -> Mapping[str, Program]:
        """Programs that cheat, by name; the audit expects each to score no better than a seed, or to fail."""
        return self.folder.programs("exploits")

    @property
    def accepted(self) -> Mapping[str, str]:
        """Faults that an audit will find in the suite and that are there on purpose, each with its reason."""
        reasons: Mapping[str, str] = self.folder.data["suites"].get(self._suite, {}).get("accepted", {})
        return reasons

    @property
    def limits(self) -> Limits:
        """What one guest may use: the problem's limits, with those that the suite has of its own."""
        return replace(self.folder.limits, **self.folder.data["suites"].get(self._suite, {}).get("limits", {}))

    @cached_property
    def baselines(self) -> Sequence[Baseline]:
        """The ladder, weakest first."""
        return self.folder.baselines(self._suite)

    @cached_property
    def evaluator_digest(self) -> str:
        """Hash over the folder, the simulators' sources, and the versions of Python and of the wheels."""
        return self.folder.evaluator_digest(self._suite)

    def drawn_as(self, instance: Instance) -> str:
        """The id that seeds a guest's random numbers: that of the instance under its first names."""
        return first_name(instance.id)

    def variants(self, instance: Instance) -> Sequence[tuple[Instance, float]]:
        """The instance under other names, which scores alike; none where two races are never alike."""
        if not isinstance(self, WorkloadSpace) or isinstance(self.referee, PairedReferee):
            return ()
        renamed = self.relabelled(instance, seed=_NAMES_SEED)
        return () if renamed is None else ((renamed, 1.0),)

    def judge_on_host(self, baseline: Baseline, instance: Instance, *, seed: int) -> InstanceResult:
        """Nothing, unless a problem has an oracle: a baseline that is told what no program is told.

        Raises:
            ProblemError: The baseline is no oracle of this suite.
        """
        raise ProblemError(
            f"baseline {baseline.name!r} is no oracle of suite {self._suite!r} of {self.folder.name}; run it in a guest"
        )


@lru_cache(maxsize=64)
def _made(package: type[FolderPackage], suite: str) -> FolderPackage:
    return package(suite)
