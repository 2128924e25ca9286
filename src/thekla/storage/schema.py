"""The tables of a run file, the statements over them, and how a connection to one is made."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

from sqlalchemy import Column, Integer, LargeBinary, MetaData, Table, Text, bindparam, select
from sqlalchemy.dialects.sqlite.pysqlite import dialect
from sqlalchemy.schema import CreateTable
from sqlalchemy.sql import ClauseElement

from thekla.storage.check import BUSY_TIMEOUT_S, schema_digest
from thekla.storage.pages import PAGE_BYTES
from thekla.storage.rows import COLUMNS, FACT_TABLES, FORMAT, Row, meta_row

__all__ = ["BLOB_BY_DIGEST", "FACT_BY_KEY", "ROWS_AFTER", "TABLES", "make_schema", "open_to_write", "write"]

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


def _text(statement: ClauseElement) -> str:
    return str(statement.compile(dialect=dialect(paramstyle="named")))


# Compiled once: through an engine, which compiles or looks up each time, a row costs twice the CPU.
INSERT: Final = {name: _text(table.insert()) for name, table in TABLES.items()}
ROWS_AFTER: Final = {
    name: _text(select(table).where(table.c.seq > bindparam("after")).order_by(table.c.seq))
    for name, table in TABLES.items()
    if "seq" in table.c
}
BLOB_BY_DIGEST: Final = _text(select(TABLES["blob"]).where(TABLES["blob"].c.digest == bindparam("digest")))
FACT_BY_KEY: Final = {
    name: _text(select(TABLES[name]).where(TABLES[name].c.key == bindparam("key"))) for name in FACT_TABLES
}
KEYS: Final = {
    "blob": _text(select(TABLES["blob"].c.digest)),
    **{name: _text(select(TABLES[name].c.key)) for name in FACT_TABLES},
}


def open_to_write(path: Path, *, synchronous: Literal["FULL", "NORMAL"], create: bool = False) -> sqlite3.Connection:
    """A connection without implicit transactions to a file that is there, or to a new one.

    Raises:
        sqlite3.Error: SQLite refuses.
    """
    mode = "rwc" if create else "rw"
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=BUSY_TIMEOUT_S,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.execute(f"PRAGMA synchronous={synchronous}")
    return connection


def write(connection: sqlite3.Connection, rows: Mapping[str, Sequence[Row]]) -> None:
    """Insert rows by table, all or none.

    Raises:
        sqlite3.IntegrityError: One is there already.
        sqlite3.Error: SQLite refuses.
    """
    filled = {table: its_rows for table, its_rows in rows.items() if its_rows}
    if len(filled) == 1 and all(len(its_rows) == 1 for its_rows in filled.values()):
        ((table, (row,)),) = filled.items()  # one statement is a transaction by itself, at half the CPU
        connection.execute(INSERT[table], row)
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for table, its_rows in filled.items():
            connection.executemany(INSERT[table], its_rows)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def make_schema(connection: sqlite3.Connection, run_id: str) -> None:
    """Lay out an empty file."""
    connection.execute(f"PRAGMA page_size={PAGE_BYTES}")
    connection.execute("PRAGMA journal_mode=WAL")
    for name, table in TABLES.items():
        connection.execute(_text(CreateTable(table)))
        for change in ("UPDATE", "DELETE"):
            connection.execute(
                f"CREATE TRIGGER {name}_no_{change.lower()} BEFORE {change} ON {name} "
                f"BEGIN SELECT RAISE(ABORT, 'table {name} is append-only'); END"
            )
    settings = {"format": str(FORMAT), "run_id": run_id, "schema": schema_digest(connection)}
    write(connection, {"meta": [meta_row(key, value) for key, value in settings.items()]})
