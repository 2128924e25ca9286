"""The strict tier: one confined process per guest, limits measured and enforced from outside."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import select
import signal
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, TypeAlias

from thekla.core.errors import GuestFault, SandboxError
from thekla.core.evaluation import Limits, Usage
from thekla.core.problem import Interface
from thekla.core.program import Program
from thekla.core.values import Value
from thekla.sandbox import wire
from thekla.sandbox.launch import Features, ForkedGuest, Zygote, ZygoteDied
from thekla.sandbox.order import order_of, within
from thekla.sandbox.selftest import probe, require

__all__ = ["StrictGuest", "StrictSandbox", "StrictTwin"]

_Kind: TypeAlias = tuple[bool, tuple[str, ...]]  # of zygotes: whether it is the twin, and its wheels
_USUAL: Final[_Kind] = (False, ())

_log = logging.getLogger(__name__)
_FAULT_BYTES: Final = 32 * 1024  # a fault with its traceback may be larger than a small frame
_CHUNK: Final = 1 << 16
_EXIT_S: Final = 0.25  # from the end of a guest's socket to the end of its process
_SLACK_S: Final = 0.001  # one tick more than the CPU time left, so that the limit has passed when the poll ends


class StrictGuest:
    """A program in a confined process of its own. Any fault ends it; later calls raise the same fault."""

    def __init__(self, zygote: Zygote, forked: ForkedGuest, limits: Limits) -> None:
        self._zygote = zygote
        self._forked = forked
        self._channel = forked.channel
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
        self._guard = threading.RLock()

    def call(self, name: str, *args: Value) -> Value:
        """The answer of a function of the interface.

        Raises:
            GuestFault: The program raised, ran out of a limit, or answered what is no plain data.
            SandboxError: The guest is closed, or the sandbox itself failed.
            ValueError: An argument is no plain data, or too large for a frame.
        """
        return self.exchange([name, list(args)], frame_bytes=self._limits.frame_kib * 1024)

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

    def close(self) -> None:
        """End the guest; may be called again, and after the sandbox is closed."""
        with self._guard, contextlib.suppress(ZygoteDied):  # a guest dies with its zygote
            self._end()

    def exchange(self, message: Value, *, frame_bytes: float) -> Value:
        """Send one message and return the one answer to it, serving what the guest asks meanwhile."""
        with self._guard:
            if self._ended is not None:
                raise GuestFault(self._ended.kind, self._ended.message, self._ended.traceback)
            if self._usage is not None:
                raise SandboxError("the guest is closed; open a new one")
            body = within(wire.encode(message), frame_bytes)
            try:
                if self._poll.poll(0):
                    self._unsolicited()
                self._number = (self._number + 1) & 0xFFFFFFFF
                self._send(body)
                while True:
                    said = wire.read_message(self._receive())
                    if isinstance(said, wire.Answer):
                        self._check_cpu()
                        return said.value
                    self._answer(said)
            except GuestFault as fault:
                self._ended = fault
                self._end()
                raise
            except BaseException:
                self._end()
                raise

    def _answer(self, question: wire.Question) -> None:
        answer = self._served.get(question.name)
        if answer is None:
            name = wire.printable(question.name[:100])
            raise GuestFault("interface", f"the guest asked for {name!r}, which is not served")
        self._counts[question.name] += 1
        self._send(within(wire.encode(answer(*question.args)), self._limits.frame_kib * 1024))

    def _send(self, body: bytes) -> None:
        frame = memoryview(wire.HEADER.pack(len(body), self._number) + body)
        while frame:
            try:
                frame = frame[self._channel.send(frame) :]
            except BlockingIOError:
                self._wait(select.POLLOUT)
            except OSError:  # the guest has hung up
                raise self._death() from None

    def _receive(self) -> bytes:
        header = wire.HEADER
        self._wait(select.POLLIN)
        got = self._read(_CHUNK)
        while len(got) < header.size:
            self._wait(select.POLLIN)
            got += self._read(_CHUNK)
        length, number = header.unpack_from(got)
        if length > max(self._limits.frame_kib * 1024, _FAULT_BYTES):
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

    def _read(self, size: int) -> bytes:
        try:
            part = self._channel.recv(size)
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
                wall_left = self._deadline - time.monotonic()
                cpu_left = self._check_cpu()
                if wall_left <= 0:
                    raise GuestFault("timeout", f"used up its {self._limits.wall_s:g} s of wall time")
                if self._poll.poll(math.ceil(1000 * min(wall_left, cpu_left + _SLACK_S))):
                    return
        finally:
            if event == select.POLLOUT:
                self._poll.modify(self._channel, select.POLLIN)

    def _check_cpu(self) -> float:
        left = self._limits.cpu_s - self._cpu_s()
        if left <= 0:
            raise self._out_of_cpu()
        return left

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
            return self._channel.recv(1)
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


class StrictSandbox:
    """The default tier: Landlock, a seccomp allow-list, hard limits, and namespaces where they can be had.

    It needs no root and no package. Guests are forked from a clean interpreter per set of declared wheels. Limits hold
    for a guest's whole life, from its fork to its end, the host's own work between two calls included in the wall time;
    `memory_mb` is what a guest may map beyond the interpreter that it was forked from.

    Args:
        namespaces: Whether to use namespaces where they can be had; without them the tier still holds.
        test_itself: Whether to try attacks first and refuse if one works; only the full test may leave this out.

    Raises:
        SandboxError: Something that the tier needs is missing; it never goes weaker.
    """

    tier = "strict"

    def __init__(self, *, namespaces: bool = True, test_itself: bool = True) -> None:
        self._namespaces = namespaces
        self._zygotes: dict[_Kind, Zygote] = {}
        self._owner = os.getpid()
        self._lock = threading.Lock()
        self._zygote(_USUAL)
        if test_itself:
            self._test()

    @property
    def features(self) -> Features:
        """What the kernel granted."""
        return self._zygote(_USUAL).features

    @property
    def zygote_pid(self) -> int:
        """Process id of the zygote for interfaces without wheels; all of its guests descend from it."""
        return self._zygote(_USUAL).pid

    def open(self, program: Program, interface: Interface, limits: Limits, *, seed: int = 0) -> StrictGuest:
        """A fresh guest with the program loaded; its `random` is seeded from `seed`.

        Raises:
            GuestFault: The program cannot be loaded.
            SandboxError: The sandbox itself failed.
        """
        return self._open(program, interface, limits, seed, twin=False)

    def twin(self) -> StrictTwin:
        """The same tier under other accidents: guests with another hash seed and address layout."""
        return StrictTwin(self._open)

    def _open(self, program: Program, interface: Interface, limits: Limits, seed: int, *, twin: bool) -> StrictGuest:
        order = order_of(program, interface, limits, seed)
        kind = twin, tuple(sorted(set(interface.wheels)))
        zygote = self._zygote(kind)
        try:
            return _opened(zygote, interface.guest_source, order, limits)
        except ZygoteDied as error:
            _log.warning("%s; starting it again", error)
            return _opened(self._restart(kind, zygote), interface.guest_source, order, limits)

    def close(self) -> None:
        """End all guests."""
        with self._lock:
            for zygote in self._zygotes.values():
                zygote.close()
            self._zygotes.clear()

    def __enter__(self) -> StrictSandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _test(self) -> None:
        try:
            require(probe(self, quick=True), tier=self.tier)
        except BaseException:
            self.close()
            raise

    def _zygote(self, kind: _Kind) -> Zygote:
        with self._lock:
            if self._owner != os.getpid():  # after a fork of the host the zygotes are the parent's
                self._zygotes, self._owner = {}, os.getpid()
            if kind not in self._zygotes:
                twin, wheels = kind
                self._zygotes[kind] = Zygote(wheels, namespaces=self._namespaces, twin=twin)
            return self._zygotes[kind]

    def _restart(self, kind: _Kind, broken: Zygote) -> Zygote:
        with self._lock:
            if self._zygotes.get(kind) is broken:
                broken.close()
                del self._zygotes[kind]
        return self._zygote(kind)


class StrictTwin:
    """A strict sandbox whose guests have another hash seed and address layout; it closes with the one it is of."""

    tier = StrictSandbox.tier

    def __init__(self, opening: Callable[..., StrictGuest]) -> None:
        self._opening = opening

    def open(self, program: Program, interface: Interface, limits: Limits, *, seed: int = 0) -> StrictGuest:
        """As `StrictSandbox.open`."""
        return self._opening(program, interface, limits, seed, twin=True)

    def close(self) -> None:
        """Nothing: the guests are those of the sandbox that it is the twin of."""


def _opened(zygote: Zygote, source: str, order: Mapping[str, Value], limits: Limits) -> StrictGuest:
    zygote.prepare(source)
    guest = StrictGuest(zygote, zygote.fork(memory_mb=limits.memory_mb, cpu_s=limits.cpu_s), limits)
    try:
        guest.exchange(order, frame_bytes=math.inf)
    except BaseException:
        guest.close()
        raise
    return guest


def _peak_mb(pid: int) -> float:
    with contextlib.suppress(OSError):  # it may have died
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return 0.0
