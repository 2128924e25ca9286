"""Attacks that the sandbox tries on itself; it runs as an ordinary program in a guest. Standard library only.

An attack that works returns what it got; one that does not raises OSError or kills the guest.
"""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import socket
import sys
from collections.abc import Callable
from typing import Any

_LIBC = ctypes.CDLL(None, use_errno=True)
_NUMBERS = {
    "x86_64": {"ptrace": 101, "unshare": 272, "process_vm_readv": 310, "memfd_create": 319, "getrandom": 318},
    "aarch64": {"ptrace": 117, "unshare": 97, "process_vm_readv": 270, "memfd_create": 279, "getrandom": 278},
}[os.uname().machine]
_IO_URING_SETUP = 425
_NEW_USER_NAMESPACE = 0x10000000
_PTRACE_ATTACH = 16


def _raw(number: int, *words: Any) -> str:
    result = _LIBC.syscall(ctypes.c_long(number), *[ctypes.c_long(w) if isinstance(w, int) else w for w in words])
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return f"system call {number} returned {result}"


def read_file(path: str) -> str:
    """A file of the host."""
    with open(path, "rb") as file:
        return f"read {len(file.read(64))} bytes"


def list_folder(path: str) -> str:
    """The names in a folder of the host."""
    return f"{len(os.listdir(path))} names"


def stat_file(path: str) -> str:
    """Size and times of a file of the host."""
    return f"{os.stat(path).st_size} bytes long"


def write_file(path: str) -> str:
    """A new file on the host."""
    with open(path, "w") as file:
        file.write("written")
    return "written"


def open_socket(family: str, kind: str) -> str:
    """A socket of any kind."""
    with socket.socket(getattr(socket, family), getattr(socket, kind)):
        return "open"


def fork() -> str:
    """A second process."""
    child = os.fork()
    if child == 0:
        os._exit(0)
    return "forked"


def execute() -> str:
    """Another program in this process."""
    os.execve(sys.executable, [sys.executable, "-c", ""], {})
    return "executed"


def signal_process(pid: int) -> str:
    """A signal to the host."""
    os.kill(pid, 0)
    return "signalled"


def trace_process(pid: int) -> str:
    """A debugger on the host."""
    return _raw(_NUMBERS["ptrace"], _PTRACE_ATTACH, pid, 0, 0)


def read_memory(pid: int) -> str:
    """The memory of the host."""
    return _raw(_NUMBERS["process_vm_readv"], pid, None, 0, None, 0, 0)


def raise_limit() -> str:
    """More memory than was given."""
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    return "raised"


def make_memory_file() -> str:
    """A file that no disk holds."""
    return _raw(_NUMBERS["memfd_create"], b"probe", 0)


def set_up_io_uring() -> str:
    """System calls that no filter sees."""
    return _raw(_IO_URING_SETUP, 4, ctypes.create_string_buffer(128))


def leave_namespaces() -> str:
    """New rights in a namespace of one's own."""
    return _raw(_NUMBERS["unshare"], _NEW_USER_NAMESPACE)


def draw_entropy() -> str:
    """Randomness that the seed does not determine."""
    return _raw(_NUMBERS["getrandom"], ctypes.create_string_buffer(8), 8, 0)


def attempt(name: str, args: list[Any]) -> list[Any]:
    """Whether the attack `name` worked, and what it got or what stopped it."""
    attack: Callable[..., str] = globals()[name]
    try:
        return [True, attack(*args)]
    except OSError as error:
        return [False, type(error).__name__ if error.errno is None else errno.errorcode[error.errno]]
