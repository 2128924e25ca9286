"""The host's handle of a zygote: starts it clean, orders guests from it, reaps them."""

from __future__ import annotations

import contextlib
import importlib.resources
import json
import os
import platform
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from thekla.core.errors import SandboxError
from thekla.sandbox import seccomp
from thekla.sandbox.enclosures import Bare, Enclosure, Launch
from thekla.sandbox.wheels import locate_wheels

__all__ = ["PRELOADED", "Features", "ForkedGuest", "Reaped", "Zygote", "ZygoteDied", "ZygoteKind"]

PRELOADED: Final = (
    "abc", "array", "ast", "bisect", "bz2", "calendar", "cmath", "collections", "collections.abc", "contextlib",
    "copy", "csv", "ctypes", "dataclasses", "datetime", "decimal", "enum", "fractions", "functools", "graphlib",
    "hashlib", "heapq", "inspect", "io", "itertools", "json", "linecache", "logging", "lzma", "math", "numbers",
    "operator", "pprint", "queue", "random", "re", "secrets", "statistics", "string", "struct", "textwrap",
    "threading", "time", "traceback", "types", "typing", "uuid", "warnings", "weakref", "zlib",
)  # fmt: skip
"""Modules that a guest has at no cost: what programs commonly import, and what needs a shared library."""

_ENVIRONMENT: Final = {"PYTHONHASHSEED": "0", "LANG": "C.UTF-8"}
_THREADS_OF: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_TWIN_ENVIRONMENT: Final = {
    "PYTHONHASHSEED": "4157",  # any but the usual one: sets and dictionaries of texts get another order
    "PYTHONMALLOC": "malloc",  # objects lie elsewhere and in another order, even where the kernel moves nothing
}
_UIDS: Final = (65533, 65534)  # the last that Debian's policy leaves unassigned, then nobody
_MODULES: Final = ("confine", "data", "runtime", "zygote")
_START_S: Final = 60.0  # importing a large wheel on a loaded machine
_EXIT_S: Final = 5.0  # from hanging up to the end of the process: milliseconds, but not on a loaded machine
_ANSWER_S: Final = 20.0  # a fork or a wait4 takes milliseconds
_PACKET: Final = 1 << 20
_SOURCE_BYTES: Final = 1 << 17  # within the kernel's default buffer of 208 KiB; a longer source is compiled per guest
_BOOTSTRAP: Final = """
import json, socket, sys, types
control = socket.socket(fileno=0)
settings = json.loads(control.recv(1 << 20))
if settings.pop("python") != list(sys.version_info[:2]):
    sys.exit("the sandbox has Python %d.%d, which is not the version that runs Thekla" % sys.version_info[:2])
modules = {}
for name, text in settings.pop("sources").items():
    modules[name] = types.ModuleType(name)
    exec(compile(text, "<" + name + ">", "exec"), modules[name].__dict__)
control.detach()
modules["zygote"].main(settings, modules)
"""


class ZygoteDied(SandboxError):
    """The zygote is gone; never a fault of a candidate."""


@dataclass(frozen=True, kw_only=True)
class Features:
    """What the kernel granted to a zygote.

    Args:
        landlock: Version of Landlock's interface.
        namespaces: Kinds of namespaces that the guests live in.
        enclosed: Whether the guests see a file system of their own.
        missing: Why namespaces or the file system could not be had; empty if they could.
        uid: User id of the guests.
        path: The guests' `sys.path`.
        modules: What is imported in every guest from the start.
    """

    landlock: int
    namespaces: tuple[str, ...]
    enclosed: bool
    missing: str
    uid: int
    path: tuple[str, ...]
    modules: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ForkedGuest:
    """A guest as the zygote made it: its ids and the host's end of its socket. The receiver owns both descriptors."""

    inner_pid: int
    pid: int
    pidfd: int
    channel: socket.socket


@dataclass(frozen=True, kw_only=True)
class Reaped:
    """How a guest ended, from the kernel: wait status, CPU time and the peak of its resident memory."""

    status: int
    cpu_s: float
    peak_memory_mb: float


@dataclass(frozen=True, kw_only=True)
class ZygoteKind:
    """What the guests of a zygote have in common.

    Args:
        wheels: Distributions that they may import besides the standard library.
        threads: How many each may run.
        twin: Whether they have another hash seed and address layout than usual.
    """

    wheels: tuple[str, ...] = ()
    threads: int = 1
    twin: bool = False

    @property
    def environment(self) -> dict[str, str]:
        """All that the zygote and its guests find in their environment."""
        threads = dict.fromkeys(_THREADS_OF, str(self.threads))
        # An arena per thread would take 64 MiB of a guest's address space each.
        arenas = {} if self.threads == 1 else {"MALLOC_ARENA_MAX": "1"}
        return _ENVIRONMENT | threads | arenas | (_TWIN_ENVIRONMENT if self.twin else {})


class Zygote:
    """A running zygote; safe to use from several threads.

    Args:
        namespaces: Whether to use namespaces where they can be had.
        landlock: Whether to require Landlock; without it guests can read what their user can read.
        enclosure: What it is started in.

    Raises:
        SandboxError: It cannot be started with all that is asked for.
    """

    def __init__(
        self,
        kind: ZygoteKind | None = None,
        *,
        namespaces: bool = True,
        landlock: bool = True,
        enclosure: Enclosure | None = None,
    ) -> None:
        kind, enclosure = kind or ZygoteKind(), enclosure or Bare()
        architecture = platform.machine()
        if sys.platform != "linux" or architecture not in seccomp.ARCHITECTURES:
            raise SandboxError(
                f"the sandbox needs Linux on {' or '.join(seccomp.ARCHITECTURES)}, found {sys.platform} on "
                f"{architecture}; run: thekla doctor"
            )
        self._lock = threading.Lock()
        self._prepared: set[str] = set()
        self._enclosure = enclosure
        wheels = locate_wheels(kind.wheels)
        dies = threading.current_thread() is threading.main_thread()
        self._settings = {
            "python": sys.version_info[:2],
            "sources": _sources(),
            "preload": PRELOADED,
            "wheels": vars(wheels),
            "uids": _UIDS,
            "filter": seccomp.build_filter(architecture, threads=kind.threads > 1).hex(),
            "threads": kind.threads,
            "die_with_parent": dies,
            "namespaces": namespaces and not enclosure.namespaces,
            "landlock": landlock,
        }
        launch = Launch(
            arguments=("-s", "-S", "-P", "-B", "-c", _BOOTSTRAP),
            environment=kind.environment,
            readable=wheels.files,
            dies_with_parent=dies,
            uid=_UIDS[0],
        )
        self._process, self._control = enclosure.start(launch)
        self._control.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _PACKET)
        self.features = self._start()

    @property
    def pid(self) -> int:
        """Process id of the zygote (of its supervisor, where it lives in a pid namespace)."""
        return self._process.pid

    def prepare(self, source: str) -> None:
        """Compile an interface's source once for all guests (30 KiB take 10 ms); no program ever goes this way.

        Raises:
            SandboxError: The zygote is gone or does not answer.
        """
        if not source or source in self._prepared:
            return
        self._prepared.add(source)
        order = {"prepare": source}
        if len(json.dumps(order)) <= _SOURCE_BYTES:
            with self._lock:
                self._ask(order, [])

    def fork(self, *, memory_mb: int, cpu_s: float) -> ForkedGuest:
        """A fresh guest that waits for its program.

        Raises:
            ZygoteDied: The zygote is gone.
            SandboxError: It does not answer.
        """
        channel, inner = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        order = {"memory_bytes": memory_mb << 20, "cpu_s": int(cpu_s) + 2}  # the exact limit is the host's
        try:
            with inner, self._lock:
                answer, fds = self._ask(order, [inner.fileno()])
        except BaseException:
            channel.close()
            raise
        if len(fds) != 1:
            raise ZygoteDied("the sandbox's zygote sent no handle of the guest; run: thekla doctor")
        channel.setblocking(False)
        return ForkedGuest(inner_pid=answer["pid"], pid=_pid_of(fds[0]), pidfd=fds[0], channel=channel)

    def reap(self, guest: ForkedGuest) -> Reaped:
        """How a guest ended; it must have been killed or have ended by itself.

        Raises:
            SandboxError: The zygote is gone or does not answer.
        """
        with self._lock:
            answer, _ = self._ask({"reap": guest.inner_pid}, [])
        return Reaped(status=answer["status"], cpu_s=answer["cpu_s"], peak_memory_mb=answer["peak_kib"] / 1024)

    def close(self) -> None:
        """End the zygote and with it all of its guests."""
        self._control.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(self._enclosure.exit_s)
        if self._process.poll() is None:
            self._enclosure.kill(self._process)
            self._process.wait()
        if self._process.stderr is not None:
            self._process.stderr.close()

    def _start(self) -> Features:
        try:
            answer, _ = self._ask(self._settings, [], timeout_s=_START_S)
        except SandboxError as error:
            self._control.close()
            self._enclosure.kill(self._process)
            _, text = self._process.communicate()
            # None: its last words are in `error` already, and the pipe, which does not block any more, is still open
            last = (text or b"").decode("utf-8", "replace").strip().splitlines()[-1:] or [str(error)]
            raise SandboxError(f"the sandbox cannot start: {last[0]}; run: thekla doctor") from None
        lists = {name: tuple(answer[name]) for name in ("namespaces", "path", "modules")}
        features = Features(**{**answer, **lists})
        if self._enclosure.namespaces:
            return replace(features, namespaces=self._enclosure.namespaces, enclosed=True, missing="")
        return features

    def _ask(
        self, order: Mapping[str, Any], fds: list[int], *, timeout_s: float = _ANSWER_S
    ) -> tuple[dict[str, Any], list[int]]:
        try:
            socket.send_fds(self._control, [json.dumps(order).encode()], fds)
            ready, _, _ = select.select([self._control], [], [], timeout_s)
            if not ready:
                raise SandboxError(f"the sandbox's zygote gave no answer in {timeout_s:g} s; run: thekla doctor")
            packet, received, _, _ = socket.recv_fds(self._control, 1 << 16, 1)
        except OSError:
            raise ZygoteDied(self._obituary()) from None
        if not packet:
            raise ZygoteDied(self._obituary())
        return json.loads(packet), received

    def _obituary(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_EXIT_S)
        words = ""
        if self._process.stderr is not None and not self._process.stderr.closed:
            os.set_blocking(self._process.stderr.fileno(), False)
            words = (self._process.stderr.read() or b"").decode("utf-8", "replace").strip().rpartition("\n")[2]
        return f"the sandbox's zygote is gone (exit code {self._process.poll()}) {words}".rstrip()


def _sources() -> dict[str, str]:
    folder = importlib.resources.files("thekla.sandbox.inside")
    return {name: (folder / f"{name}.py").read_text("utf-8") for name in _MODULES}


def _pid_of(pidfd: int) -> int:
    for line in Path(f"/proc/self/fdinfo/{pidfd}").read_text().splitlines():
        if line.startswith("Pid:"):
            return int(line.split()[1])
    raise SandboxError("the kernel does not tell a guest's process id in /proc/self/fdinfo; run: thekla doctor")
