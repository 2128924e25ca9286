"""What every backend must keep: subclass `BackendConformance` and say how one is made."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

import pytest

from thekla.core.evaluation import EvaluationDone, EvaluationJob, FailureKind
from thekla.core.problem import Instance, ProblemRef, Split
from thekla.core.program import Program
from thekla.core.protocols import Backend
from thekla.testing.toy import ToyPackage, ridge_score

__all__ = ["BackendConformance", "toy_job"]

TOY = ProblemRef(name="toy", suite="default")
_PATIENCE_S = 60.0


def toy_job(
    numbers: Sequence[float] = (1.0, 1.0, 1.0, 1.0, 1.0), *, instance: int = 0, text: str = ""
) -> EvaluationJob:
    """A job of the toy problem: a program that returns `numbers`, or the program `text`, on a train instance."""
    package = ToyPackage(TOY.suite)
    return EvaluationJob(
        problem=TOY,
        program=Program.from_text(text or f"def answer():\n    return {list(numbers)}\n"),
        instance=package.problem.instances[Split.TRAIN][instance],
        seed=0,
        stage="train",
        limits=package.limits,
    )


class BackendConformance(ABC):
    """The promises of `Backend`, tried on the toy problem."""

    @abstractmethod
    def make_backend(self) -> Backend:
        """A new backend of the toy problem; each test closes its own."""

    @pytest.fixture
    def backend(self) -> Iterator[Backend]:
        """The backend under test."""
        backend = self.make_backend()
        yield backend
        backend.close()

    def test_every_job_ends_once_with_its_own_result(self, backend: Backend) -> None:
        jobs = [toy_job((x, 4.0, 10.0, 0.1, 2.0), instance=i % 2) for i, x in enumerate((0.1, 0.2, 0.3, 0.4, 0.5))]
        for job in jobs:
            backend.submit(job)
        done = collect(backend, len(jobs))
        assert sorted(end.job.program.id for end in done) == sorted(job.program.id for job in jobs)
        for end in done:
            numbers = [float(x) for x in end.job.program.text.split("[")[1].split("]")[0].split(",")]
            assert end.result.scores == {"score": ridge_score(numbers, scale=scale_of(end.job.instance))}
            assert end.result.fault is None
            assert end.tier

    def test_equal_jobs_have_equal_results(self, backend: Backend) -> None:
        for _ in range(3):
            backend.submit(toy_job())
        first, *others = [end.result for end in collect(backend, 3)]
        assert others == [first, first]

    def test_a_program_that_raises_ends_its_own_job_only(self, backend: Backend) -> None:
        backend.submit(toy_job(text="def answer():\n    return 1 / 0\n"))
        backend.submit(toy_job())
        kinds = {end.result.fault.kind if end.result.fault else None for end in collect(backend, 2)}
        assert kinds == {FailureKind.CRASH, None}

    def test_waiting_ends_after_the_time_that_was_given(self, backend: Backend) -> None:
        assert list(backend.completed(timeout_s=0.01)) == []

    def test_wake_ends_the_waiting_of_another_thread_and_loses_no_job(self, backend: Backend) -> None:
        seen: list[list[EvaluationDone]] = []
        waiting = threading.Thread(target=lambda: seen.append(list(backend.completed())))
        waiting.start()
        backend.wake()
        waiting.join(_PATIENCE_S)
        assert seen == [[]]
        backend.submit(toy_job())
        assert len(collect(backend, 1)) == 1

    def test_closing_drops_what_is_not_done(self) -> None:
        backend = self.make_backend()
        for _ in range(20):
            backend.submit(toy_job())
        backend.close()


def collect(backend: Backend, count: int) -> list[EvaluationDone]:
    """The next `count` jobs that end."""
    done: list[EvaluationDone] = []
    end_s = time.monotonic() + _PATIENCE_S
    while len(done) < count and time.monotonic() < end_s:
        done += backend.completed(timeout_s=1.0)
    assert len(done) == count
    return done


def scale_of(instance: Instance) -> float:
    """The factor by which the optimum of a toy instance is multiplied."""
    return float(instance.id[1:])
