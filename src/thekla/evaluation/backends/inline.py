"""Jobs in this process, one at a time; the sandbox still gives each its own guest."""

from __future__ import annotations

import queue
from collections.abc import Iterator

from thekla.core.evaluation import EvaluationDone, EvaluationJob
from thekla.core.protocols import ProblemPackage, Sandbox
from thekla.evaluation.judging import judge_job

__all__ = ["InlineBackend"]


class InlineBackend:
    """Runs a job when `completed` is called (`core.protocols.Backend`)."""

    def __init__(self, package: ProblemPackage, sandbox: Sandbox) -> None:
        self._package = package
        self._sandbox = sandbox
        self._jobs: queue.SimpleQueue[EvaluationJob | None] = queue.SimpleQueue()

    def submit(self, job: EvaluationJob) -> None:
        self._jobs.put(job)

    def completed(self, timeout_s: float | None = None) -> Iterator[EvaluationDone]:
        try:
            job = self._jobs.get(timeout=timeout_s)
        except queue.Empty:
            return
        if job is None:
            return
        yield judge_job(self._package, self._sandbox, job)

    def wake(self) -> None:
        self._jobs.put(None)

    def close(self) -> None:
        self._sandbox.close()
