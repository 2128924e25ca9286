"""Offline transactions keep the promises of a problem package, in every suite."""

import os

import pytest

from thekla.core.errors import ConfigError, ProblemError
from thekla.core.evaluation import InstanceResult
from thekla.core.problem import Instance, Split
from thekla.core.program import Program
from thekla.core.protocols import ProblemPackage
from thekla.problems.transactions_offline import build
from thekla.problems.transactions_offline.package import TransactionsOfflinePackage
from thekla.problems.transactions_offline.workloads import instance, reference, workload
from thekla.simulators.transactions import makespan
from thekla.testing.guests import InProcessGuest
from thekla.testing.problems import ProblemPackageConformance

needs_data = pytest.mark.skipif(not os.environ.get("THEKLA_DATA"), reason="the public workloads are not here")


class TestDefaultSuite(ProblemPackageConformance):
    def package(self) -> ProblemPackage:
        return TransactionsOfflinePackage("default")

    def sample(self) -> tuple[Instance, ...]:
        return self.package().problem.stages[0].instances


@pytest.mark.slow
class TestPublicSuite(ProblemPackageConformance):
    def package(self) -> ProblemPackage:
        return TransactionsOfflinePackage("public")

    def sample(self) -> tuple[Instance, ...]:
        return self.package().problem.stages[0].instances


def judged(program: Program, suite: str, *ids: str) -> list[InstanceResult]:
    package = build(suite)
    return [
        package.referee.judge(
            InProcessGuest(program, package.problem.interface, package.limits), instance(id, Split.TRAIN), seed=0
        )
        for id in ids or [each.id for each in package.problem.instances[Split.TRAIN]]
    ]


def test_unknown_suite_is_refused_with_the_known_ones() -> None:
    assert set(build().suites) == {"default", "public"}
    with pytest.raises(ConfigError, match=r"no suite 'hard'.*default: .*public: "):
        build("hard")


@pytest.mark.slow
def test_declared_baseline_is_what_the_seed_scores() -> None:
    problem = build("default").problem
    scores = [result.scores["score"] for result in judged(problem.seeds[0], "default")]
    assert sum(scores) / len(scores) == pytest.approx(problem.objective.baseline)


def test_every_family_is_in_every_split_with_seeds_of_its_own() -> None:
    package = build("default")
    seen: list[set[str]] = []
    for instances in (*package.problem.instances.values(), package.holdout(b"key")):
        assert {each.id.split("/")[0] for each in instances} == {"epinions", "smallbank", "taobench", "tpcc", "ycsb"}
        seen.append({each.id.split("/")[2] for each in instances})
    assert seen[0].isdisjoint(seen[1] | seen[2])
    assert seen[1].isdisjoint(seen[2])


def test_no_baseline_is_judged_on_the_host() -> None:
    package = build("default")
    with pytest.raises(ProblemError, match="'in-order' is no oracle"):
        package.judge_on_host(package.baselines[0], package.problem.instances[Split.TRAIN][0], seed=0)


def test_an_id_that_names_no_recipe_is_refused() -> None:
    for id in ("tpcc/n0/s1", "tpcc/n100/s01", "bank/n100/s1", "public/W4"):
        with pytest.raises(ProblemError, match=r"no instance of transactions-offline is called"):
            instance(id, Split.TRAIN)


@needs_data
def test_public_workloads_have_their_published_makespans_and_bounds() -> None:
    ids = [f"public/W{number}" for number in (1, 2, 3)]
    assert [makespan(workload(id).transactions) for id in ids] == [452, 38, 47]
    assert [reference(id).bound for id in ids] == [83, 33, 25]


@needs_data
def test_the_seed_scores_the_published_537_slots_on_the_public_suite() -> None:
    problem = build("public").problem
    assert sum(result.scores["makespan"] for result in judged(problem.seeds[0], "public")) == 537
    assert problem.objective.baseline == 537
    assert problem.published["LEVI"][0] == 223
    assert build("default").problem.published == {}


def test_rungs_stand_in_their_order() -> None:
    package = build("default")
    rungs = {each.name: each.program for each in package.baselines}
    id = "taobench/n20/s90"
    slots = [
        judged(program, "public", id)[0].scores["makespan"]
        for name in ("in-order", "smf", "insertion", "heat-bath")
        if (program := rungs[name]) is not None
    ]
    assert slots == sorted(slots, reverse=True)
    assert len(set(slots)) == 4
