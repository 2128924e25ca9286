"""What SQLite and the operating system refuse, as errors a user can act on."""

from __future__ import annotations

import contextlib
import errno
import shutil
import sqlite3
from pathlib import Path

from thekla.core.errors import StorageError

__all__ = ["DamagedRunError", "is_damage", "is_full", "not_a_run_file", "os_fault", "sqlite_fault"]

_INDEX_BYTES = 32 << 10  # the step in which SQLite's index of the log grows
_FULL_ERRNOS = (errno.ENOSPC, errno.EDQUOT)


class DamagedRunError(StorageError):
    """A run file holds something else than what was written to it."""

    def __init__(self, path: Path, found: str) -> None:
        super().__init__(
            f"run file {path} is damaged: {found}; resume the run to restore its last good state "
            "(the damaged file is kept beside it)"
        )
        self.path = path
        self.found = found


def _code(error: sqlite3.Error) -> int:
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF


def is_full(error: BaseException | None) -> bool:
    """Whether the disk, or the user's share of it, is full."""
    if isinstance(error, sqlite3.Error):
        return _code(error) == sqlite3.SQLITE_FULL
    return isinstance(error, OSError) and error.errno in _FULL_ERRNOS


def is_damage(error: sqlite3.Error) -> bool:
    """Whether SQLite says that the file's content is wrong, as opposed to: cannot be had now."""
    refused = (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_READONLY,
    )
    return _code(error) not in refused


def sqlite_fault(error: BaseException | None, path: Path) -> StorageError:
    """What to tell the user when SQLite raised `error` over the run file at `path`."""
    if not isinstance(error, sqlite3.Error):
        return StorageError(f"run file {path} cannot be used: {error}")
    match _code(error):
        case sqlite3.SQLITE_FULL:
            return _full(path)
        case sqlite3.SQLITE_IOERR if _has_no_room(path):  # SQLite's word when the index of its log finds no space
            return _full(path)
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
            return _read_only(path)
        case sqlite3.SQLITE_CANTOPEN:
            return StorageError(f"run file {path} cannot be opened ({error}); check that its folder can be written")
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return StorageError(f"run file {path} is locked by another program; close that and try again")
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return DamagedRunError(path, str(error))
        case _:
            return StorageError(f"run file {path} cannot be used: {error}; check the disk")


def os_fault(error: OSError, path: Path) -> StorageError:
    """What to tell the user when the operating system raised `error` over `path`."""
    if is_full(error):
        return _full(path)
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return _read_only(path)
    return StorageError(f"{path} cannot be used: {error.strerror or error}; check the folder and the disk")


def _has_no_room(path: Path) -> bool:
    with contextlib.suppress(OSError):
        return shutil.disk_usage(path.parent).free < _INDEX_BYTES
    return False


def _full(path: Path) -> StorageError:
    return StorageError(
        f"the disk of {path} is full; nothing that was recorded is lost: free some space, then resume the run"
    )


def _read_only(path: Path) -> StorageError:
    return StorageError(
        f"{path} cannot be written: its folder or file is read-only; choose a folder that can be written (--runs DIR)"
    )


def not_a_run_file(path: Path, found: str) -> StorageError:
    """What to tell who gives some other file."""
    return StorageError(f"{path} is not a run file of Thekla ({found}); give a file that `thekla run` made")
