"""The host's handle of a zygote: starts it clean, orders guests from it, reaps them."""

from __future__ import annotations

import contextlib
import importlib.metadata
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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from thekla.core.errors import SandboxError
from thekla.sandbox import seccomp

__all__ = ["PRELOADED", "Features", "ForkedGuest", "Reaped", "Zygote", "ZygoteDied"]

PRELOADED: Final = (
    "abc", "array", "ast", "bisect", "bz2", "calendar", "cmath", "collections", "collections.abc", "contextlib",
    "copy", "csv", "ctypes", "dataclasses", "datetime", "decimal", "enum", "fractions", "functools", "graphlib",
    "hashlib", "heapq", "inspect", "io", "itertools", "json", "linecache", "logging", "lzma", "math", "numbers",
    "operator", "pprint", "queue", "random", "re", "secrets", "statistics", "string", "struct", "textwrap",
    "threading", "time", "traceback", "types", "typing", "uuid", "warnings", "weakref", "zlib",
)  # fmt: skip
"""Modules that a guest has at no cost: what programs commonly import, and what needs a shared library."""

_ENVIRONMENT: Final = {
    "PYTHONHASHSEED": "0",
    "LANG": "C.UTF-8",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}
_TWIN_ENVIRONMENT: Final = {
    **_ENVIRONMENT,
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
import json, socket, types
control = socket.socket(fileno=0)
settings = json.loads(control.recv(1 << 20))
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
class _Wheels:
    """Where the declared wheels lie."""

    entries: Mapping[str, str] = field(default_factory=dict)
    metadata: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()


class Zygote:
    """A running zygote; safe to use from several threads.

    Args:
        wheels: Distributions that its guests may import besides the standard library.
        namespaces: Whether to use namespaces where they can be had.
        twin: Whether its guests have another hash seed and address layout than usual.

    Raises:
        SandboxError: It cannot be started with all that the strict tier needs.
    """

    def __init__(self, wheels: tuple[str, ...] = (), *, namespaces: bool = True, twin: bool = False) -> None:
        architecture = platform.machine()
        if sys.platform != "linux" or architecture not in seccomp.ARCHITECTURES:
            raise SandboxError(
                f"the strict sandbox needs Linux on {' or '.join(seccomp.ARCHITECTURES)}, found {sys.platform} on "
                f"{architecture}; run: thekla doctor"
            )
        self._lock = threading.Lock()
        self._prepared: set[str] = set()
        self._settings = {
            "sources": _sources(),
            "preload": PRELOADED,
            "wheels": vars(_locate_wheels(wheels)),
            "uids": _UIDS,
            "filter": seccomp.build_filter(architecture).hex(),
            "die_with_parent": threading.current_thread() is threading.main_thread(),
            "namespaces": namespaces,
        }
        self._control, inner = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _PACKET)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-s", "-S", "-P", "-B", "-c", _BOOTSTRAP],
                stdin=inner.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=_TWIN_ENVIRONMENT if twin else _ENVIRONMENT,
                cwd="/",
            )
        finally:
            inner.close()
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
            self._process.wait(0.2)
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        if self._process.stderr is not None:
            self._process.stderr.close()

    def _start(self) -> Features:
        try:
            answer, _ = self._ask(self._settings, [], timeout_s=_START_S)
        except SandboxError as error:
            self._process.kill()
            _, text = self._process.communicate()
            self._control.close()
            # None: its last words are in `error` already, and the pipe, which does not block any more, is still open
            last = (text or b"").decode("utf-8", "replace").strip().splitlines()[-1:] or [str(error)]
            raise SandboxError(f"the strict sandbox cannot start: {last[0]}; run: thekla doctor") from None
        lists = {name: tuple(answer[name]) for name in ("namespaces", "path", "modules")}
        return Features(**{**answer, **lists})

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


def _locate_wheels(names: tuple[str, ...]) -> _Wheels:
    entries: dict[str, str] = {}
    metadata: list[str] = []
    files: set[str] = set()
    for name in names:
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            raise SandboxError(
                f"the interface declares the wheel {name!r}, which is not installed; run: pip install {name}"
            ) from None
        tops = {file.parts[0] for file in distribution.files or () if ".." not in file.parts}
        for top in sorted(tops - {"__pycache__", "bin"}):
            place = str(distribution.locate_file(top))
            if not os.path.exists(place) or top.endswith(".pth"):
                continue
            files.add(place)
            if top.endswith(".dist-info"):
                metadata.append(place)
            elif (module := _module_name(top, place)) is not None:
                entries[module] = place
    modules = sorted(entries)
    extra = [f"{module}.random" for module in modules if module == "numpy"]
    return _Wheels(entries=entries, metadata=tuple(metadata), files=tuple(sorted(files)), modules=(*modules, *extra))


def _module_name(top: str, place: str) -> str | None:
    if os.path.isdir(place):
        return top if os.path.exists(os.path.join(place, "__init__.py")) else None
    return top.partition(".")[0] if top.endswith((".py", ".so")) else None
