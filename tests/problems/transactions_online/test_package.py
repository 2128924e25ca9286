"""Online transactions keep the promises of a problem package, in both tracks."""

import pytest

from thekla.core.errors import ConfigError, ProblemError
from thekla.core.evaluation import InstanceResult
from thekla.core.problem import Instance, Split
from thekla.core.program import Program
from thekla.core.protocols import ProblemPackage, Sandbox
from thekla.problems.transactions_online import build
from thekla.problems.transactions_online.package import TransactionsOnlinePackage
from thekla.problems.transactions_online.workloads import arrivals, instance
from thekla.sandbox import TrustedSandbox
from thekla.testing.problems import ProblemPackageConformance


class TestKnownKeys(ProblemPackageConformance):
    def package(self) -> ProblemPackage:
        return TransactionsOnlinePackage("default")

    def sandbox(self) -> Sandbox:
        return TrustedSandbox()

    def sample(self) -> tuple[Instance, ...]:
        return self.package().problem.stages[0].instances


@pytest.mark.slow
class TestPredictedKeys(ProblemPackageConformance):
    def package(self) -> ProblemPackage:
        return TransactionsOnlinePackage("predicted")

    def sandbox(self) -> Sandbox:
        return TrustedSandbox()

    def sample(self) -> tuple[Instance, ...]:
        return self.package().problem.stages[0].instances


def judged(program: Program, id: str) -> InstanceResult:
    package = build("default")
    guest = TrustedSandbox().open(program, package.problem.interface, package.limits, seed=1)
    try:
        return package.referee.judge(guest, instance(id, Split.TRAIN), seed=0)
    finally:
        guest.close()


@pytest.mark.slow
@pytest.mark.parametrize("suite", ["default", "predicted"])
def test_declared_baseline_is_what_the_seed_scores(suite: str) -> None:
    problem = build(suite).problem
    scores = [judged(problem.seeds[0], each.id).scores["makespan_ratio"] for each in problem.instances[Split.TRAIN]]
    assert sum(scores) / len(scores) == pytest.approx(problem.objective.baseline)


def test_unknown_suite_is_refused_with_the_known_ones() -> None:
    assert set(build().suites) == {"default", "predicted"}
    with pytest.raises(ConfigError, match=r"no suite 'clairvoyant'.*default: .*predicted: "):
        build("clairvoyant")


def test_no_baseline_is_judged_on_the_host() -> None:
    package = build("default")
    with pytest.raises(ProblemError, match="'oldest-first' is no oracle"):
        package.judge_on_host(package.baselines[0], package.problem.instances[Split.TRAIN][0], seed=0)


def test_tracks_share_no_arrivals_and_hints_are_wrong_in_one_of_them() -> None:
    known, predicted = arrivals("known/tpcc/n50/s90"), arrivals("predicted/tpcc/n50/s90")
    assert known.hints == known.workload.transactions
    assert predicted.hints != predicted.workload.transactions
    assert known.workload.transactions != predicted.workload.transactions


def test_an_id_that_names_no_recipe_is_refused() -> None:
    for id in ("tpcc/n100/s1", "known/tpcc/n0/s1", "guessed/tpcc/n100/s1", "known/bank/n100/s1"):
        with pytest.raises(ProblemError, match=r"no instance of transactions-online is called"):
            instance(id, Split.TRAIN)
