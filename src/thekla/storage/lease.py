"""One writer per run file, and a clear refusal of the second."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from pathlib import Path

from thekla.core.errors import StorageError
from thekla.storage.faults import is_full, os_fault

__all__ = ["Lease", "is_held"]

_ATTEMPTS, _PAUSE_S = 4, 0.02
_held: dict[tuple[int, int], int] = {}  # (device, inode) -> process: a lock does not keep its own process out


class Lease:
    """The right to write a run file: a lock on a file beside it, which the kernel drops with the process.

    It is a POSIX record lock: unlike `flock` it is not inherited by children, so one that outlives a killed writer
    keeps nobody out.

    Raises:
        StorageError: Another process, or this one, holds it; or the folder cannot be written.
    """

    def __init__(self, run_file: Path) -> None:
        self._path = run_file.with_name(run_file.name + "-lock")
        self._run_file = run_file
        try:
            self._descriptor, self._identity = self._take()
        except OSError as error:
            raise os_fault(error, run_file) from error

    def _take(self) -> tuple[int, tuple[int, int]]:
        while True:
            self._refuse_own()
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                _lock(descriptor)
            except BlockingIOError as error:
                holder = os.pread(descriptor, 32, 0).decode("ascii", errors="replace").strip()
                os.close(descriptor)
                raise self._taken(holder) from error
            status = os.fstat(descriptor)
            identity = (status.st_dev, status.st_ino)
            # A writer that closes removes the file; a lock on a removed file keeps nobody out, so take the new one.
            if self._path.exists() and os.path.samestat(status, self._path.stat()):
                _held[identity] = os.getpid()
                _write_holder(descriptor)
                return descriptor, identity
            os.close(descriptor)

    def _refuse_own(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            status = self._path.stat()
            if _held.get((status.st_dev, status.st_ino)) == os.getpid():
                raise self._taken(str(os.getpid()))

    def _taken(self, holder: str) -> StorageError:
        return StorageError(
            f"run file {self._run_file} is being written by process {holder or '(unknown)'}; "
            "wait for it, stop it, or open the run for reading"
        )

    def release(self) -> None:
        """Let others write."""
        _held.pop(self._identity, None)
        with contextlib.suppress(OSError):  # the lock goes with the descriptor; a file left behind is taken over
            self._path.unlink()
        os.close(self._descriptor)


def _lock(descriptor: int) -> None:
    """Lock the file, past the instants for which `is_held` of another process has it."""
    for _ in range(_ATTEMPTS - 1):
        with contextlib.suppress(BlockingIOError):
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        time.sleep(_PAUSE_S)
    fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def is_held(run_file: Path) -> bool:
    """Whether a process is writing the run file at this moment."""
    path = run_file.with_name(run_file.name + "-lock")
    try:
        status = path.stat()
        if _held.get((status.st_dev, status.st_ino)) == os.getpid():
            return True  # opening and closing it here would drop the lock
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False  # no such file, or one that we may not write, whose writer we could not keep out either
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _write_holder(descriptor: int) -> None:
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    except OSError as error:
        if not is_full(error):  # the lock counts; the number in it only helps a message
            raise
