"""The only way to a score: checks, cascade, cache, and what happens when our own machinery fails."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thekla.core.errors import ConfigError, SandboxError, StorageError
from thekla.core.evaluation import (
    EvaluationDone,
    EvaluationJob,
    Failed,
    FailureKind,
    Fault,
    InstanceResult,
    Scored,
    Usage,
)
from thekla.core.problem import Instance, Split
from thekla.core.program import Program
from thekla.evaluation.backends import InlineBackend
from thekla.evaluation.cache import TIERS, EvaluationCache
from thekla.evaluation.checks import check
from thekla.evaluation.service import EvaluationService
from thekla.evaluation.splits import holdout_key, instances_of, open_holdout
from thekla.storage import MemoryRun
from thekla.testing.backends import TOY, toy_job
from thekla.testing.guests import InProcessSandbox
from thekla.testing.toy import ToyPackage

T = TypeVar("T")
GOOD = Program.from_text("def answer():\n    return [0.4, 4.0, 10.0, 0.1, 2.0]\n")
CRASHES = Program.from_text("def answer():\n    return 1 / 0\n")


class CountingBackend(InlineBackend):
    """Remembers its jobs; the first `broken` of them end as faults of our own."""

    def __init__(self, package: ToyPackage, *, broken: int = 0) -> None:
        super().__init__(package, InProcessSandbox())
        self.jobs: list[EvaluationJob] = []
        self.closed = 0
        self._broken = broken

    def submit(self, job: EvaluationJob) -> None:
        self.jobs.append(job)
        super().submit(job)

    def completed(self, timeout_s: float | None = None) -> Iterator[EvaluationDone]:
        for done in super().completed(timeout_s):
            self._broken -= 1
            fault = Fault(kind=FailureKind.INFRASTRUCTURE, message="a cable was pulled")
            yield replace(done, result=InstanceResult(fault=fault)) if self._broken >= 0 else done

    def close(self) -> None:
        self.closed += 1
        super().close()


def served(
    action: Callable[[EvaluationService], Awaitable[T]],
    *,
    backend: CountingBackend | None = None,
    facts: MemoryRun | None = None,
    package: ToyPackage | None = None,
) -> T:
    """What an action on a service returns."""
    package = package or ToyPackage()
    backend = backend or CountingBackend(package)
    store = facts if facts is not None else MemoryRun()

    async def go() -> T:
        async with EvaluationService(package, backend, store, reference=TOY, tier="trusted") as service:
            return await action(service)

    result = asyncio.run(go())
    assert backend.closed == 1
    return result


def stages(backend: CountingBackend) -> list[str]:
    return [job.stage for job in backend.jobs]


def test_a_program_goes_through_the_cascade_to_the_train_split() -> None:
    backend = CountingBackend(ToyPackage())
    outcome = served(lambda service: service.evaluate(GOOD), backend=backend)
    assert isinstance(outcome, Scored)
    assert list(outcome.instances) == ["x1.0", "x1.1"]
    assert stages(backend) == ["smoke", "train", "train"]


def test_a_stage_may_give_its_guests_less_cpu_time_than_the_problem() -> None:
    package = ToyPackage()
    hasty = replace(package.problem.stages[0], cpu_s=0.25)
    package.problem = replace(package.problem, stages=(hasty,))
    backend = CountingBackend(package)
    served(lambda service: service.evaluate(GOOD), backend=backend, package=package)
    assert [job.limits.cpu_s for job in backend.jobs] == [0.25, package.limits.cpu_s, package.limits.cpu_s]


def test_train_may_give_guests_less_cpu_time_than_what_follows_the_search() -> None:
    package = ToyPackage()
    package.problem = replace(package.problem, stages=(), train_cpu_s=0.25)
    searching, closing = CountingBackend(package), CountingBackend(package)
    served(lambda service: service.evaluate(GOOD), backend=searching, package=package)
    later = package.problem.instances[Split.VALIDATION]
    served(lambda service: service.judge(GOOD, later, stage="validation"), backend=closing, package=package)
    assert [job.limits.cpu_s for job in searching.jobs] == [0.25, 0.25]
    assert [job.limits.cpu_s for job in closing.jobs] == [package.limits.cpu_s for _ in later] != []
    with pytest.raises(ValueError, match="on train; expected more"):
        replace(package.problem, train_cpu_s=0)


def test_the_first_fault_ends_a_program() -> None:
    backend = CountingBackend(ToyPackage())
    outcome = served(lambda service: service.evaluate(CRASHES), backend=backend)
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.stage) == (FailureKind.CRASH, "smoke")
    assert stages(backend) == ["smoke"]


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("def answer(:\n", FailureKind.SYNTAX, "line 1"),
        ("x = 1\n", FailureKind.INTERFACE, "no function answer() -> list[float]"),
        ("def answer(x):\n    return x\n", FailureKind.INTERFACE, "must accept 0 positional arguments"),
        ("def answer(*, x):\n    return x\n", FailureKind.INTERFACE, "must accept 0"),
        ("async def answer():\n    return 1\n", FailureKind.INTERFACE, "must accept 0"),
        ("\0", FailureKind.SYNTAX, "program.py"),
        ("(" * 5000, FailureKind.SYNTAX, "program.py"),
        ("#" * 200_001, FailureKind.SYNTAX, "200001 characters"),
    ],
)
def test_what_can_be_seen_without_running_costs_no_guest(text: str, kind: FailureKind, said: str) -> None:
    backend = CountingBackend(ToyPackage())
    outcome = served(lambda service: service.evaluate(Program.from_text(text)), backend=backend)
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.stage) == (kind, "check")
    assert said in outcome.message
    assert backend.jobs == []


@pytest.mark.parametrize(
    "text",
    [
        "def answer(*rest):\n    return 1\n",
        "def answer(x=1, *, y=2):\n    return 1\n",
        "answer = lambda: 1\n",
        "from os import getcwd as answer\n",
        "if True:\n    def answer():\n        return 1\n",
    ],
)
def test_every_way_to_define_a_function_passes_the_check(text: str) -> None:
    assert check(Program.from_text(text), ToyPackage().problem.interface) is None


@given(st.text(max_size=200))
def test_checking_any_text_gives_a_verdict(text: str) -> None:
    failed = check(Program.from_text(text), ToyPackage().problem.interface)
    assert failed is None or failed.stage == "check"


def test_an_equal_program_is_run_once_whether_done_or_in_flight() -> None:
    async def twice(service: EvaluationService) -> list[object]:
        both = await asyncio.gather(service.evaluate(GOOD), service.evaluate(GOOD))
        return [*both, await service.evaluate(GOOD)]

    backend, facts = CountingBackend(ToyPackage()), MemoryRun()
    first, *others = served(twice, backend=backend, facts=facts)
    assert others == [first, first]
    assert len(backend.jobs) == 3
    later = CountingBackend(ToyPackage())
    assert served(lambda service: service.evaluate(GOOD), backend=later, facts=facts) == first
    assert later.jobs == []


def test_a_fault_of_ours_is_tried_again_and_never_kept() -> None:
    backend, facts = CountingBackend(ToyPackage(), broken=2), MemoryRun()
    assert isinstance(served(lambda service: service.evaluate(GOOD), backend=backend, facts=facts), Scored)
    assert stages(backend) == ["smoke", "smoke", "smoke", "train", "train"]
    assert len(list(facts.facts("evaluation"))) == 3

    facts = MemoryRun()
    with pytest.raises(SandboxError, match=r"failed 3 times through no fault of the program: a cable was pulled"):
        served(lambda service: service.evaluate(GOOD), backend=CountingBackend(ToyPackage(), broken=9), facts=facts)
    assert list(facts.facts("evaluation")) == []


def test_a_disk_that_refuses_reaches_the_one_who_waits() -> None:
    class Full(MemoryRun):
        def record(self, *arguments: object, **named: object) -> None:
            raise StorageError("the disk is full")

    with pytest.raises(StorageError, match="the disk is full"):
        served(lambda service: service.evaluate(GOOD), facts=Full())


def test_a_backend_that_breaks_ends_all_who_wait() -> None:
    class Broken(CountingBackend):
        def completed(self, timeout_s: float | None = None) -> Iterator[EvaluationDone]:
            list(super().completed(timeout_s))
            raise self.error

        error: Exception

    for error in (SandboxError("no more workers"), OSError("pipe"), AssertionError("a bug")):
        backend = Broken(ToyPackage())
        backend.error = error
        with pytest.raises(SandboxError, match="the backend stopped"):
            served(
                lambda service: asyncio.wait_for(
                    asyncio.gather(service.evaluate(GOOD), service.evaluate(CRASHES)), timeout=20
                ),
                backend=backend,
            )


def test_an_oracle_runs_on_the_host_once() -> None:
    calls: list[str] = []

    class Watched(ToyPackage):
        def judge_on_host(self, baseline, instance, *, seed):  # type: ignore[no-untyped-def]  # as its parent
            calls.append(instance.id)
            return super().judge_on_host(baseline, instance, seed=seed)

    package, facts = Watched(), MemoryRun()
    instances = package.problem.instances[Split.TRAIN]
    for _ in range(2):
        backend = CountingBackend(package)
        outcome = served(
            lambda service: service.judge_baseline(package.baselines[-1], instances, stage="train"),
            backend=backend,
            facts=facts,
            package=package,
        )
        assert isinstance(outcome, Scored)
        assert outcome.tier == "host"
        assert backend.jobs == []
    assert calls == ["x1.0", "x1.1"]


@given(recorded=st.sampled_from(TIERS), asked=st.sampled_from(TIERS))
def test_a_recorded_evaluation_serves_its_tier_and_weaker_ones(recorded: str, asked: str) -> None:
    facts, job = MemoryRun(), toy_job()
    done = EvaluationDone(
        job=job,
        result=InstanceResult(scores={"score": 0.5}),
        usage=Usage(cpu_s=0.25),
        tier=recorded,
        details="landlock 6, no namespaces",
    )
    kept = EvaluationCache(facts, evaluator_digest="d", tier=recorded)
    kept.keep(done, kept.key(job))
    asking = EvaluationCache(facts, evaluator_digest="d", tier=asked)
    found = asking.find(job, asking.key(job))
    assert found == (done if TIERS.index(recorded) >= TIERS.index(asked) else None)


def test_another_evaluator_program_instance_seed_or_limit_is_another_evaluation() -> None:
    job = toy_job()
    others = [
        toy_job((2.0, 1.0, 1.0, 1.0, 1.0)),
        toy_job(instance=1),
        replace(job, seed=1),
        replace(job, limits=replace(job.limits, cpu_s=1.0)),
        replace(job, limits=replace(job.limits, threads=2)),
        replace(job, twin=True),
    ]
    keys = {EvaluationCache(MemoryRun(), evaluator_digest=digest, tier="strict").key(job) for digest in ("a", "b")}
    keys |= {EvaluationCache(MemoryRun(), evaluator_digest="a", tier="strict").key(other) for other in others}
    assert len(keys) == 8
    assert replace(job, stage="validation").key("a") == job.key("a")


def test_the_hold_out_is_refused_by_name_and_missing_splits_are_listed() -> None:
    problem = ToyPackage().problem
    with pytest.raises(ConfigError, match="sealed"):
        instances_of(problem, Split.HOLDOUT)
    with pytest.raises(ConfigError, match="it has train, validation"):
        instances_of(problem, Split.PUBLIC)
    assert instances_of(problem, Split.TRAIN) == problem.instances[Split.TRAIN]


@given(chain=st.binary(min_size=32, max_size=32), other=st.binary(min_size=32, max_size=32))
def test_a_hold_out_follows_from_the_chain_and_meets_no_other_split(chain: bytes, other: bytes) -> None:
    package = ToyPackage()
    drawn = open_holdout(package, chain.hex())
    assert drawn == open_holdout(package, chain.hex())
    listed = {instance.id for instances in package.problem.instances.values() for instance in instances}
    assert listed.isdisjoint(instance.id for instance in drawn)
    assert (drawn == open_holdout(package, other.hex())) == (chain == other)
    assert holdout_key(chain.hex()) != chain


def test_a_problem_that_draws_a_known_instance_is_refused() -> None:
    class Careless(ToyPackage):
        def holdout(self, key: bytes) -> list[Instance]:
            return [*super().holdout(key), self.problem.instances[Split.TRAIN][0]]

    with pytest.raises(ValueError, match=r"'x1.0' belongs to another split"):
        open_holdout(Careless(), "00" * 32)
