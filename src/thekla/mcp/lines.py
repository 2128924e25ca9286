"""Lines of standard input as a server reads them that may be stopped at any time."""

from __future__ import annotations

import asyncio
import os
import threading

__all__ = ["Lines"]

_CHUNK = 65_536


class Lines:
    """The lines of a file descriptor, until it ends.

    A thread of its own waits for them: whoever reads here can be cancelled, and a process that ends does not wait for
    the thread, as it would for those of the event loop.
    """

    def __init__(self, descriptor: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[str | None] = asyncio.Queue()
        self._descriptor = descriptor
        threading.Thread(target=self._read, name="stdin", daemon=True).start()

    def __aiter__(self) -> Lines:
        return self

    async def __anext__(self) -> str:
        line = await self._queue.get()
        if line is None:
            self._queue.put_nowait(None)  # it stays at its end
            raise StopAsyncIteration
        return line

    def _read(self) -> None:
        rest = b""
        while chunk := self._chunk():
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._hand_over(line.decode("utf-8", errors="replace") + "\n")
        if rest:
            self._hand_over(rest.decode("utf-8", errors="replace"))
        self._hand_over(None)

    def _chunk(self) -> bytes:
        """What has come; nothing at the end, and where there is nothing to read from."""
        try:
            return os.read(self._descriptor, _CHUNK)
        except OSError:
            return b""

    def _hand_over(self, line: str | None) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._queue.put_nowait, line)
