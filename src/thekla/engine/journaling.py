"""The journal as the engine writes it: a resumed run goes through the same motions and finds them recorded.

Resuming is running again: every decision of the loop is a function of the run's seed and of recorded facts, so the
events that the loop would write must equal those that are there. Where they end, the run goes on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from thekla.core.errors import StorageError
from thekla.core.events import Event, EventKind, next_event
from thekla.core.journal import Payload, data_of, volatile_of
from thekla.core.protocols import BlobStore, Facts, RunStore
from thekla.core.values import Data

__all__ = ["Clock", "Journal", "Store"]


class Store(RunStore, BlobStore, Facts, Protocol):
    """All that a run keeps."""


@dataclass(frozen=True, kw_only=True)
class Clock:
    """The time, as an argument: seconds since the epoch, and seconds that only grow."""

    now_s: Callable[[], float]
    monotonic_s: Callable[[], float]


class Journal:
    """Writes a run's events in order; those that are recorded already are compared instead of written.

    Events are buffered until `flush`, so that what belongs together becomes durable at once. A buffered event that a
    crash takes away was a function of what had been flushed, and is written again.
    """

    def __init__(self, store: RunStore, run_id: str, clock: Clock) -> None:
        self._store = store
        self._run_id = run_id
        self._clock = clock
        self._recorded = deque(store.events(run_id))
        self._buffer: list[Event] = []
        self._last: Event | None = None
        self._elapsed_s = 0.0
        self._since_s: float | None = None if self._recorded else clock.monotonic_s()

    @property
    def ahead(self) -> Event | None:
        """The next recorded event; None where the record ends."""
        return self._recorded[0] if self._recorded else None

    @property
    def chain(self) -> str:
        """The hash of the last event."""
        assert self._last is not None
        return self._last.chain

    @property
    def elapsed_s(self) -> float:
        """Wall time spent on the run, over all its sessions."""
        since = 0.0 if self._since_s is None else self._clock.monotonic_s() - self._since_s
        return self._elapsed_s + since

    def write(self, payload: Payload) -> Event:
        """The next event states `payload`.

        Raises:
            StorageError: The journal says something else at this place.
        """
        kind, data = data_of(payload)
        if self._recorded:
            return self._compare(kind, data)
        volatile = {"at_s": self._clock.now_s(), "elapsed_s": self.elapsed_s, **volatile_of(payload)}
        self._last = next_event(self._last, kind, data, volatile)
        self._buffer.append(self._last)
        return self._last

    def flush(self) -> None:
        """Make everything written so far durable."""
        if self._buffer:
            self._store.append(self._run_id, self._buffer)
            self._buffer = []

    def _compare(self, kind: EventKind, data: dict[str, Data]) -> Event:
        recorded = self._recorded.popleft()
        expected = next_event(self._last, kind, data)
        if recorded.chain != expected.chain:
            raise StorageError(
                f"event {recorded.seq} of run {self._run_id} is {recorded.kind} {_short(recorded.data)}, but going "
                f"through the run again gives {kind} {_short(data)}; resume it with the versions of Thekla, Python and "
                "plug-ins that its `started` event names, or start a new run from it with `--from`"
            )
        self._last = recorded
        self._elapsed_s = recorded.elapsed_s
        if not self._recorded:
            self._since_s = self._clock.monotonic_s()
        return recorded


def _short(data: object) -> str:
    text = repr(data)
    return text if len(text) <= 200 else text[:200] + "..."
