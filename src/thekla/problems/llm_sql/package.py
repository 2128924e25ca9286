"""LLM-SQL as a problem package: what the folder offers to evaluation, search and reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache

from thekla.core.errors import ProblemError
from thekla.core.evaluation import InstanceResult, Limits
from thekla.core.problem import Baseline, Instance, Problem, Stage
from thekla.core.program import Program
from thekla.problems.folder import ProblemFolder

from .interface import VOCABULARY, interface
from .referee import POINTS, LlmSqlReferee
from .workloads import drawn_holdout, probes, smoke, splits

__all__ = ["LlmSqlPackage", "build", "exploits", "suites"]

_FOLDER = ProblemFolder(__package__, sources=("thekla.simulators.cache",), wheels=("numpy",))

_SCORES = {
    "share_of_bound": (
        "Points, higher is better: 0 is what the cache saves if rows and fields stay as they come, 100 a proven\n"
        "bound. Lengths are tokens, the cache works in blocks of 16 and holds 0.2 to 10 % of the table. The score is\n"
        "the mean over tables that differ in texts, repetitions, dependencies and cache.\n"
    ),
    "hit_rate": (
        "The share of all characters that are found in the cache, higher is better. The cache has no limit and finds\n"
        "single characters, so the order of the rows has no effect; there is nothing between two fields of a prompt.\n"
    ),
}


def suites() -> Mapping[str, str]:
    """The suites of the problem, each with a line on what it is for."""
    return _FOLDER.suites


def exploits() -> Mapping[str, Program]:
    """Programs that cheat, by name; the audit expects each to score no better than the seed, or to fail."""
    return _FOLDER.programs("exploits")


@lru_cache(maxsize=8)
def build(suite: str = "default") -> LlmSqlPackage:
    """The package of a suite, made once per process.

    Raises:
        ConfigError: There is no such suite.
    """
    _FOLDER.require_suite(suite)
    return LlmSqlPackage(suite)


class LlmSqlPackage:
    """One suite of LLM-SQL; see `thekla.core.protocols.ProblemPackage`."""

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
            seeds=(_FOLDER.program("seeds/original.py"), _FOLDER.program("seeds/one_by_one.py")),
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
    def referee(self) -> LlmSqlReferee:
        """The trusted judge."""
        return LlmSqlReferee(self._objective.name)

    @cached_property
    def limits(self) -> Limits:
        """What one guest may use."""
        return _FOLDER.limits

    @cached_property
    def baselines(self) -> Sequence[Baseline]:
        """The ladder, weakest first."""
        return (
            Baseline(
                name="original",
                role="trivial",
                program=_FOLDER.program("seeds/original.py"),
                description="rows and fields as they come (also a seed)",
            ),
            Baseline(
                name="statistics",
                role="rule",
                program=_FOLDER.program("baselines/statistics.py"),
                description="fields by squared mean length times repetitions, rows sorted",
            ),
            Baseline(
                name="ggr",
                role="state_of_the_art",
                program=_FOLDER.program("baselines/ggr.py"),
                description="recursive greedy grouping, with the settings of the published evaluators",
                source="Liu et al. 2025",
            ),
            Baseline(
                name="ggr-dependencies",
                role="state_of_the_art",
                program=_joined("baselines/ggr.py", "baselines/_dependencies.py"),
                description="the same over groups of fields that determine each other",
                source="Liu et al. 2025",
            ),
            Baseline(
                name="evolved",
                role="state_of_the_art",
                program=_FOLDER.program("baselines/evolved.py"),
                description="the published evolved variant's ideas: pieces of 400 rows, each row matched to the last",
                source="Cheng et al. 2025",
            ),
            Baseline(
                name="greedy-prefix",
                role="state_of_the_art",
                program=_FOLDER.program("baselines/greedy_prefix.py"),
                description="one order of fields from the front, by squared sizes of the groups (LEVI's idea)",
                source="ttanv/levi",
            ),
            Baseline(
                name="subset-dp",
                role="rule",
                program=_FOLDER.program("baselines/subset_dp.py"),
                description="the best single order of fields for a cache without limit, by dynamic programming",
            ),
            Baseline(
                name="parts-dp",
                role="rule",
                program=_joined("baselines/subset_dp.py", "baselines/_partitions.py"),
                description="rows in parts by the field that promises most to lead them, each with its own best order",
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
        """Nothing: this problem has no hidden truth, hence no oracle.

        Raises:
            ProblemError: Always.
        """
        raise ProblemError(f"baseline {baseline.name!r} is no oracle: llm-sql hides nothing; run it in a guest")

    def bound(self, instance: Instance) -> Mapping[str, float]:
        """100 points are a proven bound on every table; none is known for the published metric."""
        return {POINTS: 100.0} if self._objective.name == POINTS else {}


def _joined(*paths: str) -> Program:
    """A program whose later parts redefine what they do in another way."""
    return Program.from_text("".join(_FOLDER.text(path) for path in paths))
