"""A run whose engine works in this process, until its end or until it waits for answers from outside."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

from thekla.core.journal import Closed, Started
from thekla.core.problem import Problem
from thekla.core.progress import Observer, Progress
from thekla.core.run import ASK_TELL
from thekla.engine import Engine, Flight
from thekla.generation.asktell import Desk
from thekla.steering import Helm
from thekla.storage import RunFile

__all__ = ["LastProgress", "OpenRun"]


class LastProgress:
    """An observer that remembers what it heard last, passes it on, and rings."""

    def __init__(self, observer: Observer, ring: Callable[[], None]) -> None:
        self._observer = observer
        self._ring = ring
        self.value: Progress | None = None

    def __call__(self, progress: Progress) -> None:
        self.value = progress
        self._observer(progress)
        self._ring()


class OpenRun:
    """An engine at work, and the desk on which it lays what others must answer; an asynchronous context manager.

    Leaving it stops the engine where it is; nothing is lost by that, and the run can be opened again.

    Args:
        flush: Makes what was asked durable, so that a ticket that is handed out is the same when the run is reopened.
        on_closed: Called in the instant in which the run is closed.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        desk: Desk,
        store: RunFile,
        started: Started,
        problem: Problem,
        progress: LastProgress,
        helm: Helm,
        flush: Callable[[], None],
        on_closed: Callable[[], None],
    ) -> None:
        self._engine = engine
        self._progress = progress
        self._on_closed = on_closed
        self._helm = helm
        self.flush = flush
        self._task: asyncio.Task[Closed] | None = None
        self.desk = desk
        self.store = store
        self.started = started
        self.problem = problem

    async def __aenter__(self) -> OpenRun:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> Closed:
        closed = await self._engine.run()
        self._on_closed()
        return closed

    @property
    def paused(self) -> bool:
        """Whether people have paused the run, so that nothing is asked."""
        return self._helm.paused

    @property
    def progress(self) -> Progress:
        """Where the run stands."""
        assert self._progress.value is not None  # after the seeds are told there is always one
        return self._progress.value

    def flight(self, ticket: str) -> Flight | None:
        """The ticket of that id if it is out."""
        return next((flight for flight in self._engine.in_flight if flight.ticket.id == ticket), None)

    async def settle(self, *, all_work: bool = False) -> Closed | None:
        """Return once the run is closed, or (None) can only go on when its oldest ticket is answered, or a pause ends.

        Args:
            all_work: Whether to wait, too, for the evaluations of younger tickets that were answered before.

        Raises:
            TheklaError: The run cannot go on.
        """
        assert self._task is not None
        while not self._task.done():
            rung = self.desk.expect()
            flights = self._engine.in_flight
            working = [one.work for one in flights if one.ticket.id not in self.desk.waiting and not one.work.done()]
            if flights and not (all_work and working) and flights[0].ticket.id in self.desk.waiting:
                return None
            if self._helm.rests and self.started.components["generator"].name == ASK_TELL:
                return None
            await self._any_of(rung, working)
        return await self._task

    async def _any_of(self, rung: asyncio.Event, working: Sequence[asyncio.Task[Any]]) -> None:
        """Return when a ticket is on the desk, an outcome told, a proposal or its evaluation ended, or the run."""
        assert self._task is not None
        waiter = asyncio.create_task(rung.wait())
        try:
            await asyncio.wait([waiter, self._task, *working], return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiter.cancel()
