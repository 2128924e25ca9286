"""What a zygote is started in: nothing, bubblewrap, or a container. The tier inside is the same."""

from __future__ import annotations

import contextlib
import os
import secrets
import select
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final, Protocol, TypeAlias

from thekla.core.errors import SandboxError

__all__ = ["Bare", "Bubblewrap", "Container", "Enclosure", "Launch", "Started"]

Started: TypeAlias = tuple["subprocess.Popen[bytes]", socket.socket]
_NAMESPACES: Final = ("mount", "uts", "ipc", "pid", "net")
_CONTAINER_START_S: Final = 60.0
_CONTAINER_EXIT_S: Final = 10.0  # an engine removes a container in a second or so
_MOST_TASKS: Final = 4096  # of a container: all guests of a zygote and their threads
_CONNECT: Final = """
import os, socket
control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
control.connect({path!r})
os.dup2(control.fileno(), 0)
control.close()
"""


@dataclass(frozen=True, kw_only=True)
class Launch:
    """How the zygote's interpreter is to be started.

    Args:
        arguments: Of the interpreter; the last is the program.
        environment: All that it may find in its environment.
        readable: Files and folders of the host that it must see besides the interpreter's own.
        dies_with_parent: Whether it is to end with the thread that starts it.
        uid: User to run as where a container of root's needs one.
    """

    arguments: Sequence[str]
    environment: Mapping[str, str]
    readable: Sequence[str]
    dies_with_parent: bool
    uid: int


class Enclosure(Protocol):
    """Starts a zygote whose control socket is its standard input."""

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Kinds of namespaces that it puts the zygote into; empty if the zygote is to make them itself."""

    @property
    def exit_s(self) -> float:
        """Longest time from hanging up to the end of the process."""

    def start(self, launch: Launch) -> Started:
        """The process and the host's end of its control socket.

        Raises:
            SandboxError: It cannot be started.
        """

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """End what `start` has started."""


class Bare:
    """No enclosure: the zygote makes its own namespaces where it may."""

    namespaces: tuple[str, ...] = ()
    exit_s = 0.2

    def start(self, launch: Launch) -> Started:
        """As `Enclosure.start`."""
        return _spawn([sys.executable, *launch.arguments], launch.environment)

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """As `Enclosure.kill`."""
        process.kill()


class Bubblewrap:
    """Debian's `bwrap` around the zygote: an empty file system with the interpreter in it, and new namespaces."""

    namespaces = _NAMESPACES
    exit_s = 1.0

    def __init__(self, program: str = "bwrap") -> None:
        self._program = program

    def start(self, launch: Launch) -> Started:
        """As `Enclosure.start`."""
        return _spawn(self.command(launch), {})

    def command(self, launch: Launch) -> list[str]:
        """The command line.

        Raises:
            SandboxError: bubblewrap is not installed.
        """
        program = shutil.which(self._program)
        if program is None:
            raise SandboxError("the bubblewrap sandbox needs the program bwrap; run: apt install bubblewrap")
        environment = [word for name, value in launch.environment.items() for word in ("--setenv", name, value)]
        return [
            program,
            *_namespace_flags(),
            *(["--die-with-parent"] if launch.dies_with_parent else []),
            "--clearenv",
            *environment,
            "--proc",
            "/proc",
            "--dev",
            "/dev",
            *_mounts(launch.readable),
            "--remount-ro",
            "/",
            "--chdir",
            "/",
            "--",
            os.path.realpath(sys.executable),
            *launch.arguments,
        ]

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """As `Enclosure.kill`."""
        process.kill()


def _namespace_flags() -> list[str]:
    if os.geteuid() != 0:
        return ["--unshare-all"]
    # Root needs no user namespace; what it keeps is what the zygote needs to become another user.
    kept = [word for name in ("SETUID", "SETGID", "SETPCAP") for word in ("--cap-add", f"CAP_{name}")]
    return [*(f"--unshare-{name}" for name in ("ipc", "pid", "net", "uts")), "--cap-drop", "ALL", *kept]


def _mounts(readable: Sequence[str]) -> Iterator[str]:
    """The interpreter, the libraries that it is linked with, and `readable`, as bubblewrap's arguments."""
    own = sorted({"/usr", sys.base_prefix, sys.base_exec_prefix})
    # Else a folder on the way to them would be closed to others than root where the host's is.
    for folder in sorted({str(parent) for path in (*own, *readable) for parent in PurePath(path).parents} - {"/"}):
        yield from ("--perms", "0755", "--dir", folder)
    for path in own:
        yield from ("--ro-bind", path, path)
    for path in ("/lib", "/lib32", "/lib64", "/libx32"):
        if os.path.islink(path):
            yield from ("--symlink", os.readlink(path), path)
        elif os.path.isdir(path):
            yield from ("--ro-bind", path, path)
    yield from ("--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache")
    for path in readable:
        yield from ("--ro-bind", path, path)


class Container:
    """A container of Docker's or Podman's around the zygote, without network, rights or anything to write.

    The image must hold the version of Python that runs Thekla. It is never fetched here.

    Args:
        engine: `docker` or `podman`, or a path to one; empty for the first that is found.
        image: Empty for the official image of this version of Python.
    """

    namespaces = _NAMESPACES
    exit_s = _CONTAINER_EXIT_S

    def __init__(self, engine: str = "", image: str = "") -> None:
        self._engine = engine
        self.image = image or f"docker.io/library/python:{sys.version_info[0]}.{sys.version_info[1]}-slim"
        self._names: dict[int, str] = {}

    def start(self, launch: Launch) -> Started:
        """As `Enclosure.start`."""
        name = f"thekla-{secrets.token_hex(8)}"
        with _listening(launch.uid) as (listener, folder):
            command = self.command(launch, name=name, folder=folder)
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd="/"
            )
            self._names[process.pid] = name
            return process, self._accepted(listener, process)

    def command(self, launch: Launch, *, name: str, folder: str) -> list[str]:
        """The command line.

        Args:
            folder: Where the host listens, on the socket `control`.

        Raises:
            SandboxError: No engine is installed.
        """
        *flags, program = launch.arguments
        user = os.geteuid() or launch.uid
        variables = [f"--env={variable}={value}" for variable, value in launch.environment.items()]
        volumes = [f"--volume={path}:{path}:ro" for path in (folder, *launch.readable)]
        engine = self._found_engine()
        return [
            engine,
            "run",
            "--rm",
            "--pull=never",
            f"--name={name}",
            "--network=none",
            "--ipc=none",
            "--read-only",
            "--cap-drop=ALL",
            "--security-opt=no-new-privileges",
            f"--pids-limit={_MOST_TASKS}",
            f"--user={user}:{os.getegid() or launch.uid}",
            # Without root a container's users are others outside, and a host can signal its own only.
            *(["--userns=keep-id"] if os.path.basename(engine) == "podman" and os.geteuid() else []),
            "--workdir=/",
            *variables,
            *volumes,
            "--entrypoint=python3",
            self.image,
            *flags,
            _CONNECT.format(path=f"{folder}/control") + program,
        ]

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """As `Enclosure.kill`: the container too, which outlives the command that has started it."""
        name = self._names.pop(process.pid, None)
        if name is not None:
            with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                command = [self._found_engine(), "kill", name]
                subprocess.run(command, timeout=_CONTAINER_EXIT_S, capture_output=True, check=False)
        process.kill()

    def _found_engine(self) -> str:
        for name in (self._engine,) if self._engine else ("docker", "podman"):
            if found := shutil.which(name):
                return found
        raise SandboxError(f"the container sandbox needs {self._engine or 'docker or podman'}, which is not installed")

    def _accepted(self, listener: socket.socket, process: subprocess.Popen[bytes]) -> socket.socket:
        """The zygote's connection; whichever is first, that or the end of the process."""
        handle = os.pidfd_open(process.pid)
        try:
            ready, _, _ = select.select([listener.fileno(), handle], [], [], _CONTAINER_START_S)
        finally:
            os.close(handle)
        if listener.fileno() in ready:
            return listener.accept()[0]
        self.kill(process)
        _, said = process.communicate()
        words = said.decode("utf-8", "replace").strip().splitlines()
        why = words[0] if words else f"no connection in {_CONTAINER_START_S:g} s"
        raise SandboxError(f"no container of image {self.image} can be started: {why}; run it by hand to see more")


@contextlib.contextmanager
def _listening(uid: int) -> Iterator[tuple[socket.socket, str]]:
    """A listening socket `control` in a folder of its own, which `uid` alone may enter if root asks."""
    folder = tempfile.mkdtemp(prefix="thekla-")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        path = f"{folder}/control"
        listener.bind(path)
        listener.listen(1)
        if os.geteuid() == 0:
            os.chown(path, uid, uid)
            os.chown(folder, uid, uid)
        yield listener, folder
    finally:
        listener.close()
        shutil.rmtree(folder)


def _spawn(command: Sequence[str], environment: Mapping[str, str]) -> Started:
    control, inner = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        with inner:
            process = subprocess.Popen(
                command,
                stdin=inner.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=environment,
                cwd="/",
            )
    except BaseException:
        control.close()
        raise
    return process, control
