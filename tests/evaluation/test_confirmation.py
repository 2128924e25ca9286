"""Leaders are evaluated twice, stochastic problems with repeats, and impossible scores go into quarantine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from tests.evaluation.test_service import GOOD, CountingBackend, served

from thekla.core.evaluation import Breach, Failed, FailureKind, InstanceResult, Limits, Outcome, Scored
from thekla.core.problem import Baseline, Instance, Interface, Split
from thekla.core.program import Program
from thekla.core.protocols import Guest
from thekla.evaluation.service import EvaluationService
from thekla.storage import MemoryRun
from thekla.testing.backends import toy_job
from thekla.testing.guests import InProcessGuest, InProcessSandbox
from thekla.testing.toy import ToyPackage

OTHER = Program.from_text("def answer():\n    return [0.3, 4.0, 10.0, 0.1, 2.0]\n")


class Draws(ToyPackage):
    """The toy with chance in its scores: a known one per instance and seed."""

    def __init__(self, *, repeats: int, reproducible: bool = True) -> None:
        super().__init__()
        self.problem = replace(self.problem, repeats=repeats, reproducible=reproducible)

    def judge(self, guest: Guest, instance: Instance, *, seed: int) -> InstanceResult:
        result = super().judge(guest, instance, seed=seed)
        return replace(result, scores={"score": seed / 100})


class Hashing(InProcessSandbox):
    """A sandbox whose twin gives programs another constant, as another hash seed gives sets another order."""

    def __init__(self, order: float = 0.4) -> None:
        self._order = order

    def open(self, program: Program, interface: Interface, limits: Limits, *, seed: int = 0) -> InProcessGuest:
        text = program.text.replace("ORDER", str(self._order))
        return super().open(Program.from_text(text), interface, limits, seed=seed)

    def twin(self) -> Hashing:
        return Hashing(0.5)


class HashingBackend(CountingBackend):
    def __init__(self, package: ToyPackage) -> None:
        super().__init__(package)
        self._sandbox = Hashing()


async def confirmed(service: EvaluationService, program: Program = GOOD) -> tuple[Scored, Outcome]:
    outcome = await service.evaluate(program)
    assert isinstance(outcome, Scored)
    return outcome, await service.confirm(program, outcome)


def test_a_leader_that_repeats_itself_keeps_its_score_and_pays_for_both() -> None:
    package = ToyPackage()
    backend, facts = CountingBackend(package), MemoryRun()
    first, second = served(confirmed, backend=backend, facts=facts, package=package)
    assert second == first
    assert second.cost.cpu_s > first.cost.cpu_s
    twins = backend.jobs[3:]
    assert [(job.twin, job.instance.id) for job in twins] == [(True, "x1.1"), (True, "x1.0")]
    assert all(job.limits.cpu_s == 2 * package.limits.cpu_s for job in twins)
    again = CountingBackend(package)
    assert served(confirmed, backend=again, facts=facts, package=package)[1] == first
    assert again.jobs == [], "a resumed run confirms from what it recorded"


def test_a_leaders_twin_runs_on_a_third_of_the_instances_and_a_winners_on_all() -> None:
    class Many(ToyPackage):
        def __init__(self) -> None:
            super().__init__()
            first = self.problem.instances[Split.TRAIN][0]
            train = tuple(replace(first, id=f"x1.{place:02}") for place in range(9))
            self.problem = replace(self.problem, instances={Split.TRAIN: train}, stages=())

    async def both(service: EvaluationService) -> None:
        for program in (GOOD, OTHER):
            outcome = await service.evaluate(program)
            assert isinstance(outcome, Scored)
            for wholly in (False, True):
                assert await service.confirm(program, outcome, wholly=wholly) == outcome

    package = Many()
    backend = CountingBackend(package)
    served(both, backend=backend, package=package)
    twins = [[job.instance.id for job in backend.jobs if job.twin and job.program == one] for one in (GOOD, OTHER)]
    assert all(len(set(ids)) == len(ids) == 9 for ids in twins), "all instances in the end, none of them twice"
    assert all(ids[:3] == sorted(ids[:3], reverse=True) for ids in twins)
    assert set(twins[0][:3]) != set(twins[1][:3])


def test_a_leader_that_depends_on_the_order_of_a_set_fails_by_name() -> None:
    package = ToyPackage()
    program = Program.from_text("def answer():\n    return [ORDER, 4.0, 10.0, 0.1, 2.0]\n")
    _, told = served(lambda service: confirmed(service, program), backend=HashingBackend(package), package=package)
    assert isinstance(told, Failed)
    assert (told.kind, told.stage) == (FailureKind.NONDETERMINISTIC, "train")
    assert "on instance 'x1.1' score 'score' was" in told.message
    assert "the order of sets" in told.message
    steady, again = served(confirmed, backend=HashingBackend(package), package=package)
    assert again == steady


def test_each_instance_is_judged_with_the_seeds_that_all_programs_share() -> None:
    package = Draws(repeats=3)
    backend = CountingBackend(package)
    first, second = served(confirmed, backend=backend, package=package)
    seeds: dict[tuple[str, bool], list[int]] = {}
    for job in backend.jobs:
        seeds.setdefault((job.instance.id, job.twin), []).append(job.seed)
    assert set(seeds) == {("x1.05", False), *((name, twin) for name in ("x1.0", "x1.1") for twin in (False, True))}
    assert set(map(tuple, seeds.values())) == {(0, 1, 2)}
    assert second == first
    assert first.scores == {"score": pytest.approx(0.01)}


def test_a_leader_whose_scores_vary_is_told_as_the_mean_of_two_samples() -> None:
    package = Draws(repeats=2, reproducible=False)
    backend = CountingBackend(package)
    first, second = served(confirmed, backend=backend, package=package)
    assert isinstance(second, Scored)
    assert first.scores["score"] == pytest.approx(0.005)
    assert second.scores["score"] == pytest.approx(0.015)
    assert second.instances["x1.1"].scores["score"] == pytest.approx(0.015)
    assert not any(job.twin for job in backend.jobs)


def test_an_oracle_is_repeated_as_programs_are() -> None:
    class Seeded(Draws):
        def judge_on_host(self, baseline: Baseline, instance: Instance, *, seed: int) -> InstanceResult:
            return InstanceResult(scores={"score": seed / 10})

    package = Seeded(repeats=3)
    instances = package.problem.instances[Split.TRAIN]
    outcome = served(
        lambda service: service.judge_baseline(package.baselines[-1], instances, stage="train"), package=package
    )
    assert isinstance(outcome, Scored)
    assert outcome.scores == {"score": pytest.approx(0.1)}


class Tight(ToyPackage):
    """The toy with a bound that honest programs beat on one instance."""

    def bound(self, instance: Instance) -> Mapping[str, float]:
        return {"score": 0.1 if instance.id == "x1.1" else 1.0}


def test_a_score_better_than_a_bound_is_no_score_but_evidence() -> None:
    told = served(lambda service: service.evaluate(GOOD), package=Tight())
    assert isinstance(told, Failed)
    assert (told.kind, told.stage) == (FailureKind.QUARANTINED, "train")
    (breach,) = told.breaches
    assert (breach.objective, breach.instance, breach.bound) == ("score", "x1.1", 0.1)
    assert breach.score > 0.1
    assert "on instance 'x1.1' is better than the proven bound 0.1" in told.message


def test_bounds_are_neither_computed_nor_held_to_where_they_are_not_asked_for() -> None:
    class Dear(Tight):
        def bound(self, instance: Instance) -> Mapping[str, float]:
            raise AssertionError("this bound takes too long")

    package = Dear()
    train = package.problem.instances[Split.TRAIN]
    told = served(lambda service: service.judge(GOOD, train, stage="promotion", bounded=False), package=package)
    assert isinstance(told, Scored)


def test_a_baseline_is_quarantined_as_a_candidate_is() -> None:
    package = Tight()
    told = served(
        lambda service: service.judge_baseline(
            package.baselines[1], package.problem.instances[Split.TRAIN], stage="train"
        ),
        package=package,
    )
    assert isinstance(told, Failed)
    assert [type(breach) for breach in told.breaches] == [Breach]


def test_a_twin_is_another_evaluation_than_the_first() -> None:
    job = toy_job()
    assert replace(job, twin=True).key("d") != job.key("d")
