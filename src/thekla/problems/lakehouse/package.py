"""The lakehouse as a problem package: what the folder offers to evaluation, search and reports."""

from __future__ import annotations

import hashlib
import platform
import tomllib
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from thekla.core.errors import ConfigError, ProblemError
from thekla.core.evaluation import InstanceResult, Limits
from thekla.core.problem import Baseline, Instance, Measure, Objective, Problem, Stage
from thekla.core.program import Program
from thekla.core.values import digest_of
from thekla.simulators.lakehouse import policy_source

from .bound import penalised_latency_bound
from .interface import VOCABULARY, interface
from .oracle import oracle_scheduler
from .referee import PENALTY, LakehouseReferee, judge_scheduler, penalty_seconds
from .workloads import SUITES, drawn_holdout, probes, scene, smoke, splits

__all__ = ["LakehousePackage", "build", "exploits", "suites"]

_HERE = files(__package__)
_SIMULATOR = files("thekla.simulators.lakehouse")

_SCORES = {
    "adjusted_latency": (
        "The score of a trace is the weighted mean latency of the pipelines that completed, divided by the share of\n"
        "all pipelines that completed; a trace on which nothing completes scores worse than any other outcome. The\n"
        "score of a policy is the median over the traces. One pool of 64 CPUs and 500 GB, 600 s.\n"
    ),
    "penalised_latency": (
        "The score of a trace is the weighted mean latency of all pipelines; one that does not complete counts as\n"
        "600 s, twice the trace. The score of a policy is the mean over the traces. They differ in load, burstiness,\n"
        "classes, shapes and sizes; 64 CPUs and 500 GB are one pool or two halves, 300 s.\n"
    ),
}


def suites() -> Mapping[str, str]:
    """The suites of the problem, each with a line on what it is for."""
    return SUITES


def exploits() -> Mapping[str, Program]:
    """Programs that cheat, by name; the audit expects each to score no better than the seed, or to fail."""
    return {
        entry.name.removesuffix(".py"): Program.from_text(entry.read_text(encoding="utf-8"))
        for entry in sorted(_HERE.joinpath("exploits").iterdir(), key=lambda each: each.name)
        if entry.name.endswith(".py") and not entry.name.startswith("_")
    }


@lru_cache(maxsize=len(SUITES))
def build(suite: str = "default") -> LakehousePackage:
    """The package of a suite, made once per process.

    Raises:
        ConfigError: There is no such suite.
    """
    if suite not in SUITES:
        known = "; ".join(f"{name}: {doc}" for name, doc in SUITES.items())
        raise ConfigError(f"problem 'lakehouse' has no suite {suite!r}; use one of: {known}")
    return LakehousePackage(suite)


class LakehousePackage:
    """One suite of the lakehouse; see `thekla.core.protocols.ProblemPackage`."""

    def __init__(self, suite: str) -> None:
        self._suite = suite
        self._data: dict[str, Any] = tomllib.loads(_HERE.joinpath("problem.toml").read_text(encoding="utf-8"))
        self._objective = Objective(**self._data["suites"][suite]["objective"])

    @cached_property
    def problem(self) -> Problem:
        """The problem as data."""
        published = self._data["published"].items() if self._suite != "default" else ()
        return Problem(
            name=self._data["name"],
            version=self._data["version"],
            suite=self._suite,
            statement=_HERE.joinpath("statement.md").read_text(encoding="utf-8") + _SCORES[self._objective.name],
            interface=interface(),
            objectives=(self._objective,),
            seeds=(_program("seeds/fifo.py"),),
            instances=splits(self._suite),
            stages=(
                Stage(name="smoke", instances=(smoke(self._suite),)),
                Stage(name="probe", instances=probes(self._suite)),
            ),
            measures=tuple(Measure(**each) for each in self._data["measures"]),
            vocabulary=VOCABULARY,
            published={name: (float(each["value"]), each["source"]) for name, each in published},
        )

    @property
    def suites(self) -> Mapping[str, str]:
        """All suites of the problem, each with a line on what it is for."""
        return SUITES

    @cached_property
    def referee(self) -> LakehouseReferee:
        """The trusted judge."""
        return LakehouseReferee(self._objective.name)

    @cached_property
    def limits(self) -> Limits:
        """What one guest may use."""
        return Limits(**self._data["limits"])

    @cached_property
    def baselines(self) -> Sequence[Baseline]:
        """The ladder, weakest first."""
        return (
            Baseline(
                name="fifo",
                role="trivial",
                program=_program("seeds/fifo.py"),
                description="first in, first out; the whole pool for one operator at a time (also the seed)",
                source="Eudoxia's `naive`",
            ),
            Baseline(
                name="exact-fifo",
                role="oracle",
                description="first in, first out, told what every operator truly needs",
            ),
            Baseline(
                name="priority",
                role="rule",
                program=Program.from_text(policy_source("priority")),
                description="queries, then interactive, then batch; a tenth of the pool each, doubled after failures",
                source="Eudoxia's `priority`",
            ),
            Baseline(
                name="shortest-first",
                role="rule",
                program=_program("baselines/shortest_first.py"),
                description="fewest remaining operators first, over all classes; a ninth of the pool's memory each "
                "(hard-coded), doubled after failures",
            ),
        )

    @cached_property
    def evaluator_digest(self) -> str:
        """Hash over this folder, the simulator's sources, and the versions of Python and numpy."""
        try:
            numpy = version("numpy")
        except PackageNotFoundError:
            numpy = ""
        return digest_of(
            {
                "sources": [_sources(_SIMULATOR), _sources(_HERE)],
                "python": platform.python_version(),
                "numpy": numpy,
                "suite": self._suite,
            }
        )

    def holdout(self, key: bytes) -> Sequence[Instance]:
        """The hold-out that `key` determines."""
        return drawn_holdout(self._suite, key)

    def judge_on_host(self, baseline: Baseline, instance: Instance, *, seed: int) -> InstanceResult:
        """The result of the oracle; it is deterministic, so `seed` has no effect.

        Raises:
            ProblemError: The baseline is not an oracle of this problem.
        """
        if baseline.name != "exact-fifo":
            raise ProblemError(f"baseline {baseline.name!r} is no oracle of the lakehouse; run it in a guest")
        source = _HERE.joinpath("baselines/exact_fifo.py").read_text(encoding="utf-8")
        setting = scene(instance.id)
        return judge_scheduler(oracle_scheduler(source, setting.trace), setting, self._objective.name)

    def bound(self, instance: Instance) -> Mapping[str, float]:
        """A proven lower bound for the penalty form; none is known for the published one."""
        if self._objective.name != PENALTY:
            return {}
        setting = scene(instance.id)
        return {PENALTY: penalised_latency_bound(setting.trace, setting.params, penalty_seconds(setting.params))}


def _program(path: str) -> Program:
    return Program.from_text(_HERE.joinpath(path).read_text(encoding="utf-8"))


def _sources(folder: Traversable) -> list[list[str]]:
    """Names and digests of all sources under a folder, in order."""
    found: list[list[str]] = []
    for entry in sorted(folder.iterdir(), key=lambda each: each.name):
        if entry.is_dir() and entry.name != "__pycache__":
            found += [[f"{entry.name}/{name}", digest] for name, digest in _sources(entry)]
        elif entry.name.endswith((".py", ".toml", ".md")):
            found.append([entry.name, hashlib.sha256(entry.read_bytes()).hexdigest()])
    return found
