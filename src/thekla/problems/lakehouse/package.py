"""The lakehouse as a problem package: what the folder offers to evaluation, search and reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache

from thekla.core.errors import ProblemError
from thekla.core.evaluation import InstanceResult, Limits
from thekla.core.problem import Baseline, Instance, Problem, Stage
from thekla.core.program import Program
from thekla.problems.folder import ProblemFolder
from thekla.simulators.lakehouse import policy_source

from .bound import penalised_latency_bound
from .interface import VOCABULARY, interface
from .oracle import oracle_scheduler
from .referee import PENALTY, LakehouseReferee, judge_scheduler, penalty_seconds
from .workloads import drawn_holdout, probes, scene, smoke, splits

__all__ = ["LakehousePackage", "build", "exploits", "suites"]

_FOLDER = ProblemFolder(__package__, sources=("thekla.simulators.lakehouse",), wheels=("numpy",))

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
    return _FOLDER.suites


def exploits() -> Mapping[str, Program]:
    """Programs that cheat, by name; the audit expects each to score no better than the seed, or to fail."""
    return _FOLDER.programs("exploits")


@lru_cache(maxsize=8)
def build(suite: str = "default") -> LakehousePackage:
    """The package of a suite, made once per process.

    Raises:
        ConfigError: There is no such suite.
    """
    _FOLDER.require_suite(suite)
    return LakehousePackage(suite)


class LakehousePackage:
    """One suite of the lakehouse; see `thekla.core.protocols.ProblemPackage`."""

    def __init__(self, suite: str) -> None:
        self._suite = suite
        (self._objective,) = _FOLDER.objectives(suite)

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
            seeds=(_FOLDER.program("seeds/fifo.py"),),
            instances=splits(self._suite),
            stages=(
                Stage(name="smoke", instances=(smoke(self._suite),)),
                Stage(name="probe", instances=probes(self._suite)),
            ),
            measures=_FOLDER.measures,
            vocabulary=VOCABULARY,
            published=_FOLDER.published(self._suite),
        )

    @property
    def suites(self) -> Mapping[str, str]:
        """All suites of the problem, each with a line on what it is for."""
        return _FOLDER.suites

    @cached_property
    def referee(self) -> LakehouseReferee:
        """The trusted judge."""
        return LakehouseReferee(self._objective.name)

    @property
    def limits(self) -> Limits:
        """What one guest may use."""
        return _FOLDER.limits

    @cached_property
    def baselines(self) -> Sequence[Baseline]:
        """The ladder, weakest first."""
        return (
            Baseline(
                name="fifo",
                role="trivial",
                program=_FOLDER.program("seeds/fifo.py"),
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
                program=_FOLDER.program("baselines/shortest_first.py"),
                description="fewest remaining operators first, over all classes; a ninth of the pool's memory each "
                "(hard-coded), doubled after failures",
            ),
        )

    @cached_property
    def evaluator_digest(self) -> str:
        """Hash over this folder, the simulator's sources, and the versions of Python and numpy."""
        return _FOLDER.evaluator_digest(self._suite)

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
        source = _FOLDER.text("baselines/exact_fifo.py")
        setting = scene(instance.id)
        return judge_scheduler(oracle_scheduler(source, setting.trace), setting, self._objective.name)

    def bound(self, instance: Instance) -> Mapping[str, float]:
        """A proven lower bound for the penalty form; none is known for the published one."""
        if self._objective.name != PENALTY:
            return {}
        setting = scene(instance.id)
        return {PENALTY: penalised_latency_bound(setting.trace, setting.params, penalty_seconds(setting.params))}
