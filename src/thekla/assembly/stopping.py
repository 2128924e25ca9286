"""Ctrl-C and SIGTERM as one request to stop."""

from __future__ import annotations

import asyncio
import signal
import threading
from types import FrameType, TracebackType

__all__ = ["StopRequest"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """Turns the first SIGINT or SIGTERM into an end without half-done work; a context manager, in the main thread.

    Before a task is named, the signal raises KeyboardInterrupt; from then on it cancels the task. Later signals wait
    for what the first began, and after `finish` none has an effect. A signal that is ignored stays ignored.
    """

    def __init__(self) -> None:
        self._task: asyncio.Task[object] | None = None
        self._asked = False
        self._finished = False
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is threading.main_thread():  # elsewhere Python allows no handlers
            for number in _SIGNALS:
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # as `signal.signal` gave it

    def cancel_this_task(self) -> None:
        """From now on a signal cancels the task that calls this."""
        self._task = asyncio.current_task()

    def finish(self) -> None:
        """From now on a signal comes too late to stop anything."""
        self._finished = True

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._asked or self._finished:
            return
        self._asked = True
        if self._task is None:
            raise KeyboardInterrupt
        self._task.get_loop().call_soon_threadsafe(self._cancel)

    def _cancel(self) -> None:
        if self._task is not None and not self._finished:
            self._task.cancel()
