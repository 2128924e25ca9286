"""Disk space kept back for facts that are paid for when the disk fills up."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from thekla.storage.faults import is_full, os_fault

__all__ = ["RESERVE_BYTES", "Reserve"]

# 4 MiB: about 300 facts at three pages each, more than any run has in flight; or an answer of a megabyte or two.
RESERVE_BYTES = 4 << 20


class Reserve:
    """A file beside the run file that holds `size` bytes of disk until they are needed."""

    def __init__(self, run_file: Path, size: int = RESERVE_BYTES) -> None:
        self._path = run_file.with_name(run_file.name + "-reserve")
        self._run_file = run_file
        self._size = size
        self._held = False

    def hold(self) -> bool:
        """Take the space if it is not held; returns whether it is held now.

        Raises:
            StorageError: The folder refuses for another reason than want of space.
        """
        if self._held:
            return True
        try:
            with self._path.open("wb") as file:
                _allocate(file.fileno(), self._size)
        except OSError as error:
            self.release()
            if not is_full(error):
                raise os_fault(error, self._run_file) from error
            return False
        self._held = True
        return True

    def release(self) -> bool:
        """Give the space back to the disk; returns whether there was any."""
        with contextlib.suppress(FileNotFoundError):
            freed = self._path.stat().st_size > 0
            self._path.unlink()
            self._held = False
            return freed
        self._held = False
        return False


def _allocate(descriptor: int, size: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)
    else:  # macOS; random bytes, since a disk may store zeros in no space
        os.write(descriptor, os.urandom(size))
