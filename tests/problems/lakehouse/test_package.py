"""The lakehouse keeps the promises of a problem package, in every suite."""

import tomllib
from importlib.resources import files

import pytest

from thekla.core.errors import ConfigError, ProblemError
from thekla.core.evaluation import Usage, fold_results
from thekla.core.problem import Instance, Split
from thekla.core.program import Program
from thekla.core.protocols import ProblemPackage
from thekla.problems.lakehouse import build
from thekla.problems.lakehouse.package import LakehousePackage
from thekla.testing.guests import InProcessGuest
from thekla.testing.problems import ProblemPackageConformance


class TestDefaultSuite(ProblemPackageConformance):
    def package(self) -> ProblemPackage:
        return LakehousePackage("default")

    def sample(self) -> tuple[Instance, ...]:
        problem = self.package().problem
        return (*problem.stages[0].instances, *problem.instances[Split.TRAIN][3:4])


class TestPublicSuite(ProblemPackageConformance):
    def package(self) -> ProblemPackage:
        return LakehousePackage("public")

    def sample(self) -> tuple[Instance, ...]:
        problem = self.package().problem
        return (*problem.stages[0].instances, problem.instances[Split.TRAIN][0])


class TestSiblingsSuite(ProblemPackageConformance):
    def package(self) -> ProblemPackage:
        return LakehousePackage("siblings")


class TestNamedBenchmark(ProblemPackageConformance):
    def package(self) -> ProblemPackage:
        return LakehousePackage("thekla-2026a")

    def sample(self) -> tuple[Instance, ...]:
        problem = self.package().problem
        return (*problem.stages[0].instances, problem.instances[Split.TRAIN][1])


def test_unknown_suite_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"no suite 'hard'.*default: .*public: .*siblings: .*thekla-2026a: "):
        build("hard")


def test_every_suite_is_listed_with_a_line_and_described_in_the_data() -> None:
    data = tomllib.loads(files("thekla.problems.lakehouse").joinpath("problem.toml").read_text(encoding="utf-8"))
    assert set(build().suites) == set(data["suites"])
    assert all(build().suites.values())


def test_siblings_are_searched_and_public_traces_only_shown() -> None:
    siblings, public = build("siblings").problem, build("public").problem
    shown = [each.id for each in siblings.instances[Split.PUBLIC]]
    assert shown == [each.id for each in public.instances[Split.TRAIN]]
    searched = {each.id for split in (Split.TRAIN, Split.VALIDATION) for each in siblings.instances[split]}
    assert searched.isdisjoint(shown)


def test_published_figures_have_a_source_and_stay_with_the_traces_they_were_measured_on() -> None:
    published = build("public").problem.published
    assert {value for value, _ in published.values()} == {12999.70, 90.628, 83.77, 124.34, 272.89}
    assert all(source for _, source in published.values())
    assert build("default").problem.published == {}


def _seed_score(suite: str) -> float:
    package = build(suite)
    problem = package.problem
    results = {
        instance.id: package.referee.judge(
            InProcessGuest(problem.seeds[0], problem.interface, package.limits), instance, seed=0
        )
        for instance in problem.instances[Split.TRAIN]
    }
    outcome = fold_results(problem.objectives, results, stage="train", tier="trusted", cost=Usage())
    return float(outcome.scores[problem.objective.name])  # type: ignore[union-attr]  # a Failed fails the test


@pytest.mark.parametrize("suite", ["siblings", "default", "public", "thekla-2026a"])
def test_declared_baseline_is_what_the_seed_scores(suite: str) -> None:
    assert _seed_score(suite) == build(suite).problem.objective.baseline


def test_a_baseline_that_is_no_oracle_is_not_judged_on_the_host() -> None:
    package = build("default")
    with pytest.raises(ProblemError, match="'fifo' is no oracle"):
        package.judge_on_host(package.baselines[0], package.problem.instances[Split.TRAIN][0], seed=0)


def test_baselines_of_guests_know_no_truth() -> None:
    for baseline in build("default").baselines:
        if isinstance(baseline.program, Program):
            assert "true_ram_gb" not in baseline.program.text
