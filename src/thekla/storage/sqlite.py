"""A run as one SQLite file: events, blobs and facts, each written once and never changed."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Self, cast

from thekla.core.errors import StorageError
from thekla.core.events import Event, EventKind
from thekla.core.protocols import FactTable
from thekla.core.values import Data
from thekla.storage.build import build, finish_build
from thekla.storage.check import Contents, check, open_to_read, wal_of
from thekla.storage.faults import DamagedRunError, is_full, not_a_run_file, os_fault, sqlite_fault
from thekla.storage.lease import Lease
from thekla.storage.recovery import Recovery, restore, salvage
from thekla.storage.reserve import Reserve
from thekla.storage.rows import (
    Row,
    already_recorded,
    blob_row,
    continue_chain,
    event_of,
    event_row,
    fact_of,
    fact_row,
    foreign_run,
    unpack_blob,
)
from thekla.storage.schema import BLOB_BY_DIGEST, FACT_BY_KEY, KEYS, ROWS_AFTER, open_to_write, write

__all__ = ["RunFile", "recover"]

# A reader that pauses holds no snapshot between two lots, so the writer's log can be folded back.
_ROWS_AT_ONCE = 256

logger = logging.getLogger(__name__)


class RunFile:
    """A run's journal, blobs and facts in one file; `RunStore`, `BlobStore` and `Facts` at once.

    One process writes, any number read meanwhile. Events and durable facts cost one flush of the disk per call (some
    milliseconds), so append events in batches; other facts and blobs survive a kill at once and a loss of power from
    the next durable write on. Any thread may call, one at a time is served.

    When the disk is full, a reserve is given up so that what is already paid for can still be written; from then on
    new tickets are refused until there is room again.
    """

    def __init__(
        self,
        path: Path,
        contents: Contents,
        *,
        reading: sqlite3.Connection,
        writing: _Writing | None = None,
        recovery: Recovery | None = None,
    ) -> None:
        """Use `create` or `open`."""
        self.path = path
        self.run_id = contents.run_id
        self.recovery = recovery
        """What was restored when the file was opened, None if it was whole."""
        self._rows = dict(contents.rows)
        self._chain = contents.chain
        self._keys: dict[str, set[int]] = {}
        self._reading = reading
        self._writing = writing
        self._lock = threading.Lock()
        self._closed = False

    @classmethod
    def create(cls, path: Path, run_id: str) -> Self:
        """A new, empty run file, open for writing; its folder is made if need be.

        Raises:
            StorageError: There is a file already, or it cannot be written.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise os_fault(error, path.parent) from error
        lease = Lease(path)
        try:
            if path.exists():
                raise StorageError(f"there is a file {path} already; resume that run, or give the new one another name")
            build(path, run_id, {})
            return cls._open_held(path, lease)
        except BaseException:
            lease.release()
            raise

    @classmethod
    def open(cls, path: Path, *, read_only: bool = False) -> Self:
        """The run in an existing file, verified.

        A damaged file is restored to its last good state if it is opened for writing; `recovery` says so.

        Raises:
            DamagedRunError: It is damaged and was to be read only.
            StorageError: It is missing, is no run file, cannot be read, is of a newer format, or has a writer.
        """
        if read_only:
            return cls._open_to_read(path)
        if not path.exists():
            raise StorageError(f"there is no run file {path}; give a run that exists")
        lease = Lease(path)
        try:
            return cls._open_held(path, lease)
        except BaseException:
            lease.release()
            raise

    @classmethod
    def _open_to_read(cls, path: Path) -> Self:
        try:
            contents = check(path, log_is_ours=False)
            return cls(path, contents, reading=open_to_read(path))
        except DamagedRunError as error:
            if salvage(path) is None:
                raise not_a_run_file(path, error.found) from error
            raise

    @classmethod
    def _open_held(cls, path: Path, lease: Lease) -> Self:
        reserve = Reserve(path)
        recovery = None
        try:
            finish_build(path)
            try:
                contents = check(path, log_is_ours=True)
            except DamagedRunError as error:
                recovery = restore(path, error.found)
                contents = check(path, log_is_ours=True)
            writing = _Writing(path, lease, reserve)
        except sqlite3.Error as error:
            raise sqlite_fault(error, path) from error
        except OSError as error:
            raise os_fault(error, path) from error
        return cls(path, contents, reading=writing.normal, writing=writing, recovery=recovery)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Fold the log into the file and let others write; may be called again."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._reading.close()
            if self._writing is not None:
                self._writing.close()

    def size_bytes(self) -> int:
        """The disk that the run takes, with its log."""
        try:
            log = wal_of(self.path)
            return self.path.stat().st_size + (log.stat().st_size if log.exists() else 0)
        except OSError as error:
            raise os_fault(error, self.path) from error

    def append(self, run_id: str, events: Sequence[Event]) -> None:
        """Add events, durably, all or none, at the price of one flush of the disk for all of them.

        Raises:
            StorageError: They do not continue the chain, cannot be written, or ask for new work on a full disk;
                nothing is changed then.
        """
        with self._lock:
            self._refuse_other(run_id)
            writing = self._writer()
            new = list(continue_chain(run_id, events, count=self._rows["event"], chain=self._chain))
            if not new:
                return
            if any(event.kind is EventKind.ASKED for event in events):
                writing.refuse_new_work()
            rows = [event_row(event, text, blobs=self._rows["blob"]) for event, text in new]
            writing.insert(writing.full, "event", rows)
            self._rows["event"] += len(rows)
            self._chain = new[-1][0].chain

    def events(self, run_id: str, *, after: int = -1) -> Iterator[Event]:
        """The events with `seq > after`, in order; those appended during the iteration come too."""
        self._refuse_other(run_id)
        for row in self._rows_of("event", after):
            yield event_of(row, where=str(self.path))

    def put_blob(self, data: bytes) -> str:
        """Keep `data`, compressed; returns its SHA-256 in hexadecimal.

        An event that is appended later makes it durable with itself.
        """
        digest = sha256(data).hexdigest()
        with self._lock:
            writing = self._writer()
            if not self._find("blob", BLOB_BY_DIGEST, digest=digest):
                writing.insert(writing.normal, "blob", [blob_row(self._rows["blob"], digest, data)])
                self._rows["blob"] += 1
                self._note("blob", digest)
        return digest

    def blob(self, digest: str) -> bytes:
        """The bytes with that digest.

        Raises:
            KeyError: There are none.
            StorageError: They are not what they were.
        """
        with self._lock:
            rows = self._find("blob", BLOB_BY_DIGEST, digest=digest)
        if not rows:
            raise KeyError(f"no blob {digest} in run {self.run_id}")
        return unpack_blob(rows[0], where=str(self.path))

    def fact(self, table: FactTable, key: str) -> Mapping[str, Data] | None:
        """The fact of that key, None if there is none."""
        with self._lock:
            rows = self._find(table, FACT_BY_KEY[table], key=key)
        return fact_of(table, rows[0], where=str(self.path))[1] if rows else None

    def facts(self, table: FactTable) -> Iterator[tuple[str, Mapping[str, Data]]]:
        """All facts of a table with their keys, in the order in which they were recorded."""
        for row in self._rows_of(table, -1):
            yield fact_of(table, row, where=str(self.path))

    def record(self, table: FactTable, key: str, value: Mapping[str, Data], *, durable: bool) -> None:
        """Write a fact; it survives kill -9 when this returns, and power loss if `durable`.

        Raises:
            StorageError: The key has a fact already, or the disk refuses.
        """
        with self._lock:
            writing = self._writer()
            row = fact_row(table, self._rows[table], key, value)
            try:
                writing.insert(writing.full if durable else writing.normal, table, [row])
            except sqlite3.IntegrityError as error:
                raise already_recorded(self.run_id, table, key) from error
            self._rows[table] += 1
            self._note(table, key)

    def _find(self, table: str, statement: str, **key: str) -> Sequence[Sequence[object]]:
        """The row with a key; a key that was never written costs no query.

        A writer alone knows that nobody else writes. Its hashes of keys may collide, which costs a query and no more.
        """
        if self._writing is not None and hash(*key.values()) not in self._known(table):
            return ()
        return self._select(statement, key)

    def _known(self, table: str) -> set[int]:
        self._refuse_closed()
        if table not in self._keys:
            try:
                with contextlib.closing(self._reading.execute(KEYS[table])) as cursor:
                    self._keys[table] = {hash(key) for (key,) in cursor}
            except sqlite3.Error as error:
                raise sqlite_fault(error, self.path) from error
        return self._keys[table]

    def _note(self, table: str, key: str) -> None:
        if table in self._keys:
            self._keys[table].add(hash(key))

    def _rows_of(self, table: str, after: int) -> Iterator[Sequence[object]]:
        while True:
            with self._lock:
                rows = self._select(ROWS_AFTER[table], {"after": after})
            if not rows:
                return
            yield from rows
            after = cast(int, rows[-1][0])

    def _select(self, statement: str, arguments: Mapping[str, str | int]) -> Sequence[Sequence[object]]:
        self._refuse_closed()
        try:
            with contextlib.closing(self._reading.execute(statement, arguments)) as cursor:
                return cursor.fetchmany(_ROWS_AT_ONCE)
        except sqlite3.Error as error:
            raise sqlite_fault(error, self.path) from error

    def _refuse_other(self, run_id: str) -> None:
        if run_id != self.run_id:
            raise foreign_run(run_id, self.run_id)

    def _refuse_closed(self) -> None:
        if self._closed:
            raise StorageError(f"run file {self.path} was closed; open it again")

    def _writer(self) -> _Writing:
        self._refuse_closed()
        if self._writing is None:
            raise StorageError(f"run file {self.path} is open for reading only; open it for writing")
        return self._writing


class _Writing:
    """All that only the writer of a run file has: two connections, the lease and the reserve."""

    def __init__(self, path: Path, lease: Lease, reserve: Reserve) -> None:
        self._path = path
        self._lease = lease
        self._reserve = reserve
        with contextlib.ExitStack() as undo:
            self.full = undo.enter_context(contextlib.closing(open_to_write(path, synchronous="FULL")))
            self.normal = undo.enter_context(contextlib.closing(open_to_write(path, synchronous="NORMAL")))
            reserve.hold()
            undo.pop_all()

    def refuse_new_work(self) -> None:
        if not self._reserve.hold():
            raise StorageError(
                f"the disk of {self._path} is nearly full: what is left is for answers already paid for, "
                "so no new ticket is asked; free some space, then resume the run"
            )

    def insert(self, connection: sqlite3.Connection, table: str, rows: Sequence[Row]) -> None:
        """Write rows of one table, all or none.

        Raises:
            sqlite3.IntegrityError: One is there already.
            StorageError: They cannot be written.
        """
        try:
            try:
                write(connection, {table: rows})
            except sqlite3.Error as error:
                if not is_full(error) or not self._reserve.release():
                    raise
                logger.warning("the disk of %s is full; the reserve is given up, no new work is begun", self._path)
                write(connection, {table: rows})
        except sqlite3.IntegrityError:
            raise
        except sqlite3.Error as error:
            raise sqlite_fault(error, self._path) from error

    def close(self) -> None:
        self._reserve.release()  # before the last connection folds the log into the file, which may need the space
        self.normal.close()
        self.full.close()
        self._lease.release()


def recover(path: Path) -> Recovery | None:
    """Restore the last good state of a damaged run file; None if it is whole.

    Raises:
        StorageError: It is no run file, has a writer, or there is no room for the copy.
    """
    with RunFile.open(path) as run:
        return run.recovery
