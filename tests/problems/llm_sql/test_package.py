"""LLM-SQL keeps the promises of a problem package, in every suite that judges one program at a time."""

import pytest

from thekla.core.errors import ConfigError, ProblemError
from thekla.core.evaluation import Scored, Usage, fold_results
from thekla.core.problem import Instance, Split
from thekla.core.protocols import ProblemPackage
from thekla.problems.llm_sql import build
from thekla.problems.llm_sql.package import LlmSqlPackage
from thekla.problems.llm_sql.referee import POINTS
from thekla.testing.guests import InProcessGuest
from thekla.testing.problems import ProblemPackageConformance

from .test_workloads import needs_data


class TestDefaultSuite(ProblemPackageConformance):
    def package(self) -> ProblemPackage:
        return LlmSqlPackage("default")

    def sample(self) -> tuple[Instance, ...]:
        problem = self.package().problem
        return tuple(instance for stage in problem.stages for instance in stage.instances)


class TestPublicSuite(ProblemPackageConformance):
    def package(self) -> ProblemPackage:
        return LlmSqlPackage("public")


def test_unknown_suite_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"no suite 'hard'.*default: .*public: .*speed: "):
        build("hard")


def test_every_suite_is_built_and_says_what_its_score_is() -> None:
    for suite in build().suites:
        package = build(suite)
        assert package.problem.suite == suite
        assert package.problem.statement.count("## The score\n") == 1
        assert len(package.problem.seeds) >= 2


def _seed_score(suite: str) -> float:
    package = build(suite)
    problem = package.problem
    results = {
        instance.id: package.referee.judge(
            InProcessGuest(problem.seeds[0], problem.interface, package.limits), instance, seed=0
        )
        for instance in problem.instances[Split.TRAIN][:2]  # all of suite public; the points of the rest are 0 as well
    }
    outcome = fold_results(problem.objectives, results, stage="train", tier="trusted", cost=Usage())
    assert isinstance(outcome, Scored)
    return outcome.scores[problem.objective.name]


@pytest.mark.parametrize("suite", ["default", pytest.param("public", marks=[needs_data, pytest.mark.slow])])
def test_declared_baseline_is_what_the_first_seed_scores(suite: str) -> None:
    assert _seed_score(suite) == build(suite).problem.objective.baseline


def test_the_bound_is_100_points_and_none_for_the_published_metric() -> None:
    for suite, bound in (("default", {POINTS: 100.0}), ("public", {})):
        package = build(suite)
        assert package.bound(package.problem.instances[Split.TRAIN][0]) == bound


def test_published_figures_stay_with_the_table_they_were_measured_on() -> None:
    assert build("default").problem.published == build("speed").problem.published == {}
    assert all(source for _, source in build("public").problem.published.values())


def test_no_rung_is_an_oracle() -> None:
    package = build("default")
    (ggr,) = (rung for rung in package.baselines if rung.name == "ggr")
    with pytest.raises(ProblemError, match="'ggr' is no oracle"):
        package.judge_on_host(ggr, package.problem.instances[Split.TRAIN][0], seed=0)
