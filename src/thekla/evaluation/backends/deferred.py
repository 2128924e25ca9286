"""A backend that is made when the first job comes: most visits to a run find every score recorded."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

from thekla.core.evaluation import EvaluationDone, EvaluationJob
from thekla.core.protocols import Backend

__all__ = ["DeferredBackend"]


class DeferredBackend:
    """Stands for the backend that `make` makes, from the first job on (`core.protocols.Backend`)."""

    def __init__(self, make: Callable[[], Backend]) -> None:
        self._make = make
        self._made: Backend | None = None
        self._stirred = threading.Event()

    def submit(self, job: EvaluationJob) -> None:
        if self._made is None:
            self._made = self._make()
        self._made.submit(job)
        self._stirred.set()

    def completed(self, timeout_s: float | None = None) -> Iterator[EvaluationDone]:
        if self._made is None:
            self._stirred.wait(timeout_s)
            self._stirred.clear()
        if self._made is not None:
            yield from self._made.completed(timeout_s)

    def wake(self) -> None:
        if self._made is not None:
            self._made.wake()
        self._stirred.set()

    def close(self) -> None:
        if self._made is not None:
            self._made.close()
