"""A run file that appears whole or not at all."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path

from thekla.storage.check import wal_of
from thekla.storage.faults import os_fault, sqlite_fault
from thekla.storage.rows import Row
from thekla.storage.schema import make_schema, open_to_write, write

__all__ = ["build", "finish_build", "sync_to_disk"]


def build(path: Path, run_id: str, rows: Mapping[str, Sequence[Row]]) -> None:
    """Write a file with `rows` by table in the place of `path`.

    Killed at any instant, either it or the old one is there, or the next `finish_build` sees to that.

    Raises:
        StorageError: It cannot be written; what was there still is.
    """
    draft, finished = _draft_of(path), _finished_of(path)
    try:
        _remove(draft)
        with contextlib.closing(open_to_write(draft, synchronous="NORMAL", create=True)) as connection:
            make_schema(connection, run_id)
            write(connection, rows)
        sync_to_disk(draft)
        draft.rename(finished)
        finish_build(path)
    except sqlite3.Error as error:
        _remove(draft)
        raise sqlite_fault(error, path) from error
    except OSError as error:
        raise os_fault(error, path) from error


def finish_build(path: Path) -> None:
    """Put a finished file in its place, if a kill came before that.

    The log of the old file goes first: over the new one it would be applied, and destroy it.
    """
    finished = _finished_of(path)
    if finished.exists():
        _remove_log(path)
        finished.rename(path)
        sync_to_disk(path.parent)


def sync_to_disk(path: Path) -> None:
    """Wait until a file's bytes, or a folder's entries, would survive a loss of power."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _draft_of(path: Path) -> Path:
    return path.with_name(path.name + ".draft")


def _finished_of(path: Path) -> Path:
    return path.with_name(path.name + ".finished")


def _remove(path: Path) -> None:
    _remove_log(path)
    path.unlink(missing_ok=True)


def _remove_log(path: Path) -> None:
    wal_of(path).unlink(missing_ok=True)
    path.with_name(path.name + "-shm").unlink(missing_ok=True)
