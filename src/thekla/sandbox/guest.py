"""A guest in a process of its own: limits measured and enforced from outside."""

from __future__ import annotations

import contextlib
import math
import os
import select
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from thekla.core.errors import GuestFault, SandboxError
from thekla.core.evaluation import Limits, Usage
from thekla.core.values import Value
from thekla.sandbox import wire
from thekla.sandbox.counters import ProcessCounter
from thekla.sandbox.inside import data
from thekla.sandbox.launch import ForkedGuest, Zygote, ZygoteDied
from thekla.sandbox.order import within
from thekla.sandbox.packing import Layout, Number, PackedFunction

__all__ = ["StrictGuest"]

_FAULT_BYTES: Final = 32 * 1024  # a fault with its traceback may be larger than a small frame
_CHUNK: Final = 1 << 16
_FIRST_CHUNK: Final = 1 << 13
_NOW: Final = socket.MSG_DONTWAIT
# Most answers come within this time, and a receipt that waits saves the poll before it: a quarter of the host's 12.5 us
# of CPU time for a packed call. What takes longer is polled for, up to the very limit.
_PATIENCE: Final = struct.pack("ll", 0, 5_000)
_EXIT_S: Final = 0.25  # from the end of a guest's socket to the end of its process
_SLACK_S: Final = 0.001  # one tick more than the CPU time left, so that the limit has passed when the poll ends


class StrictGuest:
    """A program in a confined process of its own. Any fault ends it; later calls raise the same fault."""

    def __init__(self, zygote: Zygote, forked: ForkedGuest, limits: Limits) -> None:
        self._zygote = zygote
        self._forked = forked
        self._channel = forked.channel
        self._channel.setblocking(True)
        self._channel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _PATIENCE)
        self._limits = limits
        self._started = time.monotonic()
        self._deadline = self._started + limits.wall_s
        self._cpu_clock = (~forked.pid << 3) | 2  # as clock_getcpuclockid(3) computes it
        self._poll = select.poll()
        self._poll.register(self._channel, select.POLLIN)
        self._number = 0
        self._served: dict[str, Callable[..., Value]] = {}
        self._counts: dict[str, int] = {}
        self._ended: GuestFault | None = None
        self._usage: Usage | None = None
        self._status = 0
        self._cpu_safe_until = 0.0
        self._guard = threading.RLock()
        self._counter: ProcessCounter | None = None
        self._counted: int | None = None

    def call(self, name: str, *args: Value) -> Value:
        """The answer of a function of the interface.

        Raises:
            GuestFault: The program raised, ran out of a limit, or answered what is no plain data.
            SandboxError: The guest is closed, or the sandbox itself failed.
            ValueError: An argument is no plain data, or too large for a frame.
        """
        return self.exchange([name, list(args)], frame_bytes=self._frame_bytes)

    def call_many(self, name: str, rows: Sequence[Sequence[Value]]) -> list[Value]:
        """The answers of a function to several lists of arguments, in their order, in one round trip.

        All rows are told at once, so they must be independent instances, or moments that the program may know of.

        Raises:
            GuestFault: As `call`; the first row that fails ends the guest.
            SandboxError: The guest is closed, or the sandbox itself failed.
            ValueError: The rows are no plain data, or together too large for a frame.
        """
        message: list[Value] = [name, [list(row) for row in rows], data.MANY]
        with self._guard:
            match self.exchange(message, frame_bytes=self._frame_bytes):
                case [*answers] if len(answers) == len(rows):
                    return answers
            raise self._wrong("the guest gave another number of answers than it was asked for")

    def packed(self, name: str, *, takes: str, gives: str) -> PackedFunction:
        """A function of numbers that crosses as bare numbers, several times as fast as `call`.

        Args:
            takes: One letter per argument: `?` bool, `i` or `q` integer of 32 or 64 bits, `f` or `d` float.
            gives: One letter per number that it returns; a function of one returns the number itself.

        Raises:
            GuestFault: The program has no such function.
            ValueError: A letter is unknown.
        """
        layout = Layout(takes=takes, gives=gives)
        with self._guard:
            number = self.exchange([name, [takes, gives], data.PACK], frame_bytes=self._frame_bytes)
            if type(number) is not int or not 0 <= number < data.MOST_PACKED:
                raise self._wrong("the guest gave a packed function no number")
        return PackedFunction(layout, number, self._exchange_packed)

    def serve(self, name: str, answer: Callable[..., Value]) -> None:
        """Let the guest call back `name` during a call; an exception of `answer` ends the guest and passes on."""
        self._served[name] = answer
        self._counts.setdefault(name, 0)

    @property
    def pid(self) -> int:
        """The guest's process id, as the host sees it; its own after it has ended only until that is used again."""
        return self._forked.pid

    @property
    def served(self) -> Mapping[str, int]:
        """How often the guest has called back each name."""
        return dict(self._counts)

    @property
    def usage(self) -> Usage:
        """CPU s, wall s and peak memory so far, from the kernel; loading included, final once the guest has ended."""
        if self._usage is not None:
            return self._usage
        return Usage(
            cpu_s=self._cpu_s(), wall_s=time.monotonic() - self._started, peak_memory_mb=_peak_mb(self._forked.pid)
        )

    def instructions(self) -> int | None:
        """Executed in user mode since this was asked first, by threads that were started since as well.

        None where the kernel counts none; the last count once the guest has ended.
        """
        with self._guard:
            if self._counter is None and self._usage is None:
                self._counter = ProcessCounter.open(self._forked.pid)
            if self._counter is not None:
                self._counted = self._counter.read()
            return self._counted

    def close(self) -> None:
        """End the guest; may be called again, and after the sandbox is closed."""
        with self._guard, contextlib.suppress(ZygoteDied):  # a guest dies with its zygote
            self._end()

    def exchange(self, message: Value, *, frame_bytes: float) -> Value:
        """Send one message and return the one answer to it, serving what the guest asks meanwhile."""
        with self._guard:
            self._check_open()
            body = within(wire.encode(message), frame_bytes)
            try:
                self._say(body)
                return self._hear()
            except BaseException as error:
                self._give_up(error)
                raise

    def _exchange_packed(
        self, body: bytes, read: Callable[[bytes], list[tuple[Number, ...]]]
    ) -> list[tuple[Number, ...]]:
        with self._guard:
            self._check_open()
            within(body, self._frame_bytes)
            try:
                self._say(body)
                return read(self._hear_packed())
            except BaseException as error:
                self._give_up(error)
                raise

    @property
    def _frame_bytes(self) -> int:
        return self._limits.frame_kib * 1024

    def _check_open(self) -> None:
        if self._ended is not None:
            raise GuestFault(self._ended.kind, self._ended.message, self._ended.traceback)
        if self._usage is not None:
            raise SandboxError("the guest is closed; open a new one")

    def _give_up(self, error: BaseException) -> None:
        """End the guest because of `error`; later calls raise the same fault."""
        if isinstance(error, GuestFault):
            self._ended = error
        self._end()

    def _say(self, body: bytes) -> None:
        if self._poll.poll(0):
            self._unsolicited()
        self._number = (self._number + 1) & 0xFFFFFFFF
        self._send(body)

    def _wrong(self, why: str) -> GuestFault:
        fault = GuestFault("protocol", why)
        self._give_up(fault)
        return fault

    def _hear_packed(self) -> bytes:
        said = self._receive()
        while not said.startswith(data.PACKED):
            question = wire.read_message(said)
            if isinstance(question, wire.Answer):
                raise GuestFault("protocol", "the guest answered a packed call in words")
            self._answer(question)
            said = self._receive()
        self._time_left()
        return said

    def _hear(self) -> Value:
        while True:
            said = wire.read_message(self._receive())
            if isinstance(said, wire.Answer):
                self._time_left()
                return said.value
            self._answer(said)

    def _answer(self, question: wire.Question) -> None:
        self._time_left()
        answer = self._served.get(question.name)
        if answer is None:
            name = wire.printable(question.name[:100])
            raise GuestFault("interface", f"the guest asked for {name!r}, which is not served")
        self._counts[question.name] += 1
        self._send(within(wire.encode(answer(*question.args)), self._frame_bytes))

    def _send(self, body: bytes) -> None:
        frame: bytes | memoryview = wire.HEADER.pack(len(body), self._number) + body
        while True:
            try:
                sent = self._channel.send(frame, _NOW)
            except BlockingIOError:
                self._wait(select.POLLOUT)
                continue
            except OSError:  # the guest has hung up
                raise self._death() from None
            if sent == len(frame):
                return
            frame = memoryview(frame)[sent:]

    def _receive(self) -> bytes:
        header = wire.HEADER
        got = self._first()
        while len(got) < header.size:
            self._wait(select.POLLIN)
            got += self._read(_CHUNK)
        length, number = header.unpack_from(got)
        if length > max(self._frame_bytes, _FAULT_BYTES):
            raise GuestFault("protocol", f"a message of {length} bytes; at most {self._limits.frame_kib} KiB may cross")
        if number != self._number:
            raise GuestFault("protocol", "the guest answered a call that was not made")
        parts, have, end = [got], len(got), header.size + length
        while have < end:
            self._wait(select.POLLIN)
            parts.append(self._read(end - have + 1))  # one more, to notice what follows
            have += len(parts[-1])
        if have > end:
            self._unsolicited()
        return b"".join(parts)[header.size :]

    def _first(self) -> bytes:
        """The beginning of a message; the guest's limits run on."""
        try:
            part = self._channel.recv(_FIRST_CHUNK)
        except BlockingIOError:
            self._wait(select.POLLIN)
            return self._read(_CHUNK)
        except OSError:
            part = b""
        if not part:
            raise self._death()
        return part

    def _read(self, size: int) -> bytes:
        try:
            part = self._channel.recv(size, _NOW)
        except BlockingIOError:
            return b""
        except OSError:
            part = b""
        if not part:
            raise self._death()
        return part

    def _wait(self, event: int) -> None:
        """Wait until the channel is ready; the guest's limits run on."""
        if event == select.POLLOUT:
            self._poll.modify(self._channel, select.POLLOUT)
        try:
            while True:
                if self._poll.poll(math.ceil(1000 * self._time_left())):
                    return
        finally:
            if event == select.POLLOUT:
                self._poll.modify(self._channel, select.POLLIN)

    def _time_left(self) -> float:
        """Seconds until a limit may have passed.

        A guest cannot use more CPU time than its threads have had of wall time, so the clock of its CPU time, a system
        call of a microsecond, is read again only when the limit may have come.

        Raises:
            GuestFault: One has passed.
        """
        now = time.monotonic()
        if now >= self._cpu_safe_until:
            left = self._limits.cpu_s - self._cpu_s()
            if left <= 0:
                raise self._out_of_cpu()
            self._cpu_safe_until = now + left / self._limits.threads
        if now >= self._deadline:
            raise GuestFault("timeout", f"used up its {self._limits.wall_s:g} s of wall time")
        return min(self._deadline - now, self._cpu_safe_until - now + _SLACK_S)

    def _out_of_cpu(self) -> GuestFault:
        return GuestFault("cpu", f"used up its {self._limits.cpu_s:g} s of CPU time")

    def _cpu_s(self) -> float:
        return time.clock_gettime(self._cpu_clock)

    def _unsolicited(self) -> None:
        if not self._channel_has_ended():
            raise GuestFault("protocol", "the guest sent more than one answer to a call")
        raise self._death()

    def _channel_has_ended(self) -> bool:
        return any(event & (select.POLLHUP | select.POLLERR) for _, event in self._poll.poll(0)) and not self._peek()

    def _peek(self) -> bytes:
        try:
            return self._channel.recv(1, _NOW)
        except OSError:
            return b""

    def _death(self) -> GuestFault:
        """Why the guest hung up, from its wait status."""
        handle = select.poll()
        handle.register(self._forked.pidfd, select.POLLIN)
        gone = bool(handle.poll(1000 * _EXIT_S))
        status = self._end()
        if not gone:
            return GuestFault("crash", "the program closed its connection to the host")
        if os.WIFEXITED(status):
            return GuestFault("crash", f"the program ended its own process with exit code {os.WEXITSTATUS(status)}")
        return self._killed_by(os.WTERMSIG(status))

    def _killed_by(self, number: int) -> GuestFault:
        if number == signal.SIGSYS:
            return GuestFault("forbidden", "the program made a system call that the sandbox forbids")
        if number in (signal.SIGKILL, signal.SIGXCPU):
            if self.usage.cpu_s >= self._limits.cpu_s:
                return self._out_of_cpu()
            return GuestFault("memory", f"killed by the kernel; most likely used over {self._limits.memory_mb} MB")
        name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
        return GuestFault("crash", f"the program's process died of {name}")

    def _end(self) -> int:
        """Kill and reap the guest, once; returns its wait status."""
        if self._usage is not None:
            return self._status
        if self._counter is not None:
            self._counted = self._counter.read()
            self._counter.close()
            self._counter = None
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._forked.pidfd, signal.SIGKILL)
        wall_s = time.monotonic() - self._started
        try:
            reaped = self._zygote.reap(self._forked)
        except SandboxError:
            self._usage = Usage(wall_s=wall_s)
            raise
        else:
            self._usage = Usage(cpu_s=reaped.cpu_s, wall_s=wall_s, peak_memory_mb=reaped.peak_memory_mb)
            self._status = reaped.status
            return self._status
        finally:
            self._channel.close()
            os.close(self._forked.pidfd)


def _peak_mb(pid: int) -> float:
    with contextlib.suppress(OSError):  # it may have died
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return 0.0
