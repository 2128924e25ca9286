"""Whether a run file is whole, and what it holds."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thekla.core.errors import StorageError
from thekla.core.events import GENESIS, Event, link_digest
from thekla.core.values import canonical
from thekla.storage.faults import DamagedRunError, is_damage, os_fault, sqlite_fault
from thekla.storage.pages import PAGE_BYTES, lost_frames
from thekla.storage.rows import COLUMNS, FORMAT, event_of, is_intact

__all__ = ["BUSY_TIMEOUT_S", "Contents", "Ends", "check", "open_to_read", "read_ends", "schema_digest", "wal_of"]

BUSY_TIMEOUT_S = 10.0  # readers never block the writer in WAL; this covers a recovery of the log at opening


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What a whole run file holds: how many rows of each table, and the last event's link."""

    run_id: str
    rows: Mapping[str, int]
    chain: str


@dataclass(frozen=True, kw_only=True)
class Ends:
    """A run at a glance: how many events, the first and the last of them."""

    run_id: str
    events: int
    first: Event | None
    last: Event | None


def wal_of(path: Path) -> Path:
    """Where SQLite keeps the write-ahead log of the file at `path`."""
    return path.with_name(path.name + "-wal")


def open_to_read(path: Path) -> sqlite3.Connection:
    """A connection that changes nothing, neither the file nor what lies beside it.

    A log that is there already is read and not folded back. Without one the file is opened as for writing, since
    the last to close then removes the empty log that SQLite makes even to read; where the folder cannot be written,
    nobody else writes either, and the file is read as it is.

    Raises:
        StorageError: The file is missing or cannot be read.
    """
    wal = wal_of(path)
    try:
        size = path.stat().st_size
        logged = wal.exists()
        modes = ["mode=ro" if logged else "mode=rw"]
        if not logged or wal.stat().st_size == 0:
            modes.append("mode=ro&immutable=1")
    except FileNotFoundError as error:
        raise StorageError(f"there is no run file {path}; give a run that exists") from error
    except OSError as error:
        raise os_fault(error, path) from error
    if size < PAGE_BYTES:  # SQLite would take the log of an empty file for a stray one, and delete it
        raise DamagedRunError(path, f"it is {size} bytes long, less than one page of {PAGE_BYTES}")
    for mode in modes:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?{mode}",
            uri=True,
            timeout=BUSY_TIMEOUT_S,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            connection.text_factory = _text
            connection.execute("PRAGMA query_only=ON")
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.Error as error:
            connection.close()
            if is_damage(error):
                raise DamagedRunError(path, str(error)) from error
            if mode == modes[-1]:
                raise sqlite_fault(error, path) from error
        else:
            return connection
    raise AssertionError("every mode returns or raises")


def check(path: Path, *, log_is_ours: bool) -> Contents:
    """What the file holds, if every row is what was written.

    Args:
        log_is_ours: No writer is at work, so that frames of the log may be expected to be whole.

    Raises:
        DamagedRunError: Something in it is not.
        StorageError: It cannot be read, or a newer Thekla wrote it.
    """
    if log_is_ours and wal_of(path).exists():
        try:
            lost = lost_frames(wal_of(path).read_bytes())
        except OSError as error:
            raise os_fault(error, path) from error
        if lost:
            raise DamagedRunError(path, f"{lost} pages of its log follow a broken one")
    with _judged(path), contextlib.closing(open_to_read(path)) as connection:
        connection.execute("BEGIN")
        settings = _settings(connection, path)
        findings = [text for (text,) in connection.execute("PRAGMA integrity_check(3)")]
        if findings != ["ok"]:
            raise DamagedRunError(path, "; ".join(findings).replace("\n", " "))
        if settings["schema"] != schema_digest(connection):
            raise DamagedRunError(path, "its tables are not laid out as they were")
        rows, chain = _scan(connection, path)
        return Contents(run_id=settings["run_id"], rows=rows, chain=chain)


def read_ends(path: Path) -> Ends:
    """The first and the last event, without a look at what is between them.

    Raises:
        StorageError: The file cannot be read, or is no run file of this version or an earlier one.
    """
    with _judged(path), contextlib.closing(open_to_read(path)) as connection:
        connection.execute("BEGIN")
        settings = _settings(connection, path)
        columns = ", ".join(COLUMNS["event"])
        ends = [
            connection.execute(f"SELECT {columns} FROM event ORDER BY seq {order} LIMIT 1").fetchone()
            for order in ("ASC", "DESC")
        ]
        first, last = (event_of(row, where=str(path)) if row else None for row in ends)
        return Ends(run_id=settings["run_id"], events=last.seq + 1 if last else 0, first=first, last=last)


def schema_digest(connection: sqlite3.Connection) -> str:
    """Hash of the layout as the file itself states it."""
    rows = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name")
    return hashlib.sha256(canonical([list(row) for row in rows])).hexdigest()


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")  # a damaged text need not be UTF-8; its mark tells


@contextlib.contextmanager
def _judged(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise (DamagedRunError(path, str(error)) if is_damage(error) else sqlite_fault(error, path)) from error


def _settings(connection: sqlite3.Connection, path: Path) -> dict[str, str]:
    rows = connection.execute("SELECT key, value, mark FROM meta").fetchall()
    if not all(is_intact("meta", row) for row in rows):
        raise DamagedRunError(path, "its settings are not what was written")
    settings = {key: value for key, value, _ in rows}
    if int(settings.get("format", 0)) > FORMAT:
        raise StorageError(
            f"run file {path} has format {settings['format']}, and this version of Thekla reads up to {FORMAT}; "
            "use the newer version that wrote it"
        )
    if not {"format", "run_id", "schema"} <= set(settings):
        raise DamagedRunError(path, f"of its settings only {sorted(settings)} are left")
    return settings


def _scan(connection: sqlite3.Connection, path: Path) -> tuple[dict[str, int], str]:
    """The number of rows by table, and the last link; all rows proven and none missing between the others."""
    counts: dict[str, int] = {}
    chain, blobs = GENESIS, 0
    for table, columns in COLUMNS.items():
        if "seq" not in columns:
            continue
        count = 0
        for row in connection.execute(f"SELECT {', '.join(columns)} FROM {table} ORDER BY seq"):
            if row[0] != count or not is_intact(table, row):
                raise DamagedRunError(path, f"row {count} of table {table} is not what was written")
            if table == "event":
                chain, blobs = _next_link(chain, row, path), row[5]
            count += 1
        counts[table] = count
    if blobs > counts["blob"]:
        raise DamagedRunError(path, f"{blobs - counts['blob']} blobs are missing")
    return counts, chain


def _next_link(chain: str, row: Sequence[Any], path: Path) -> str:
    link = link_digest(chain, row[1], row[2])
    if link != row[3]:
        raise DamagedRunError(path, f"the hash of event {row[0]} does not continue the chain")
    return link
