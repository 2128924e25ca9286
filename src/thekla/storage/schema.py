"""The tables of a run file, the statements over them, and how a connection to one is made."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

from sqlalchemy import Column, Connection, Integer, LargeBinary, MetaData, Table, Text, bindparam, create_engine, select
from sqlalchemy.pool import NullPool

from thekla.storage.check import BUSY_TIMEOUT_S, schema_digest
from thekla.storage.pages import PAGE_BYTES
from thekla.storage.rows import COLUMNS, FACT_TABLES, FORMAT, meta_row

__all__ = [
    "BLOB_BY_DIGEST",
    "FACT_BY_KEY",
    "ROWS_AFTER",
    "TABLES",
    "connect",
    "make_schema",
    "open_to_write",
]

_metadata = MetaData()
TABLES: Final = {
    "meta": Table(
        "meta",
        _metadata,
        Column("key", Text, primary_key=True),
        Column("value", Text, nullable=False),
        Column("mark", LargeBinary, nullable=False),
    ),
    "event": Table(
        "event",
        _metadata,
        Column("seq", Integer, primary_key=True),
        Column("kind", Text, nullable=False),
        Column("data", LargeBinary, nullable=False),
        Column("chain", Text, nullable=False),
        Column("volatile", LargeBinary, nullable=False),
        Column("blobs", Integer, nullable=False),
        Column("mark", LargeBinary, nullable=False),
    ),
    "blob": Table(
        "blob",
        _metadata,
        Column("seq", Integer, primary_key=True),
        Column("digest", Text, nullable=False, unique=True),
        Column("size", Integer, nullable=False),
        Column("data", LargeBinary, nullable=False),
        Column("mark", LargeBinary, nullable=False),
    ),
    **{
        name: Table(
            name,
            _metadata,
            Column("seq", Integer, primary_key=True),
            Column("key", Text, nullable=False, unique=True),
            Column("value", LargeBinary, nullable=False),
            Column("mark", LargeBinary, nullable=False),
        )
        for name in FACT_TABLES
    },
}
assert all(tuple(table.columns.keys()) == COLUMNS[name] for name, table in TABLES.items())

# A page of rows at a time: a reader that pauses holds no snapshot, so the writer's log can be folded back.
ROWS_AFTER: Final = {
    name: select(table).where(table.c.seq > bindparam("after")).order_by(table.c.seq).limit(256)
    for name, table in TABLES.items()
    if "seq" in table.c
}
BLOB_BY_DIGEST: Final = select(TABLES["blob"]).where(TABLES["blob"].c.digest == bindparam("digest"))
FACT_BY_KEY: Final = {name: select(TABLES[name]).where(TABLES[name].c.key == bindparam("key")) for name in FACT_TABLES}


def connect(opened: Callable[[], sqlite3.Connection], *, synchronous: Literal["FULL", "NORMAL"]) -> Connection:
    """A connection without implicit transactions, over what `opened` returns.

    Raises:
        sqlalchemy.exc.DBAPIError: SQLite refuses.
    """
    engine = create_engine("sqlite://", creator=opened, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    connection = engine.connect()
    connection.exec_driver_sql(f"PRAGMA synchronous={synchronous}")
    return connection


def open_to_write(path: Path, *, create: bool = False) -> sqlite3.Connection:
    """A connection of SQLite's own to a file that is there, or to a new one."""
    mode = "rwc" if create else "rw"
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=BUSY_TIMEOUT_S,
        isolation_level=None,
        check_same_thread=False,
    )


def make_schema(connection: Connection, run_id: str) -> None:
    """Lay out an empty file."""
    connection.exec_driver_sql(f"PRAGMA page_size={PAGE_BYTES}")
    connection.exec_driver_sql("PRAGMA journal_mode=WAL")
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    _metadata.create_all(connection, checkfirst=False)
    for name in TABLES:
        for change in ("UPDATE", "DELETE"):
            connection.exec_driver_sql(
                f"CREATE TRIGGER {name}_no_{change.lower()} BEFORE {change} ON {name} "
                f"BEGIN SELECT RAISE(ABORT, 'table {name} is append-only'); END"
            )
    raw = connection.connection.dbapi_connection
    assert isinstance(raw, sqlite3.Connection)
    settings = {"format": str(FORMAT), "run_id": run_id, "schema": schema_digest(raw)}
    connection.execute(TABLES["meta"].insert(), [meta_row(key, value) for key, value in settings.items()])
    connection.exec_driver_sql("COMMIT")
