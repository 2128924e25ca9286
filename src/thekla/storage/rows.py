"""The rows of a run file: what a fact becomes when it is written, and how a reader knows that it is still that.

Every row ends in a mark, a hash of its table and its other columns, so that a row proves itself wherever it is found:
in its table, or on a page of a file that SQLite no longer opens.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b, sha256
from typing import Final, TypeAlias, cast

from thekla.core.errors import StorageError
from thekla.core.events import GENESIS, Event, EventKind, link_digest
from thekla.core.values import Data, canonical

__all__ = [
    "COLUMNS",
    "FACT_TABLES",
    "FORMAT",
    "Cell",
    "Row",
    "already_recorded",
    "blob_row",
    "continue_chain",
    "event_of",
    "event_row",
    "fact_of",
    "fact_row",
    "foreign_run",
    "is_intact",
    "meta_row",
    "pack",
    "renumbered",
    "unpack",
    "unpack_blob",
]

FORMAT: Final = 1
"""The number of the layout described here; a reader refuses a higher one."""

Cell: TypeAlias = "int | str | bytes"
Row: TypeAlias = dict[str, Cell]

FACT_TABLES: Final = ("answer", "evaluation")

COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "meta": ("key", "value", "mark"),
    # `blobs` is how many blobs were kept before the event, which may name any of them.
    "event": ("seq", "kind", "data", "chain", "volatile", "blobs", "mark"),
    # `data` is compressed where it is shorter than `size`.
    "blob": ("seq", "digest", "size", "data", "mark"),
    "answer": ("seq", "key", "value", "mark"),
    "evaluation": ("seq", "key", "value", "mark"),
}

_MARK_BYTES = 12  # one wrong row in 2**96 passes
_SHORTEST_PACKED = 256  # below, zlib saves a few bytes at the CPU time of writing the whole row
_TYPES = {int: b"int", str: b"str", bytes: b"bytes"}


def _mark(table: str, cells: Iterable[Cell]) -> bytes:
    parts = [table.encode()]
    for cell in cells:
        raw = cell if isinstance(cell, bytes) else str(cell).encode()
        # With the type: SQLite finds a text by its index, but not the bytes that look the same.
        parts.append(b"%b:%d:%b" % (_TYPES[type(cell)], len(raw), raw))
    return blake2b(b"".join(parts), digest_size=_MARK_BYTES).digest()


def _marked(table: str, *cells: Cell) -> Row:
    return dict(zip(COLUMNS[table], (*cells, _mark(table, cells)), strict=True))


def is_intact(table: str, row: Sequence[object]) -> bool:
    """Whether `row`, in the order of the table's columns, is one that was written to that table."""
    cells = [cell for cell in row[:-1] if isinstance(cell, int | str | bytes)]
    return len(row) == len(COLUMNS[table]) == len(cells) + 1 and row[-1] == _mark(table, cells)


def renumbered(table: str, rows: Iterable[Sequence[Cell]]) -> list[Row]:
    """The rows in their order, numbered 0, 1, 2, ... and marked anew."""
    ordered = sorted(rows, key=lambda row: int(row[0]))
    return [_marked(table, seq, *row[1:-1]) for seq, row in enumerate(ordered)]


def pack(data: Mapping[str, Data]) -> bytes:
    """A mapping as it is stored: its canonical text."""
    return canonical(data)


def unpack(text: bytes) -> dict[str, Data]:
    """The mapping that `pack` made `text` from."""
    data = json.loads(text.decode("utf-8", errors="surrogatepass"))
    assert isinstance(data, dict)
    return data


def _shrink(text: bytes) -> bytes:
    """JSON text as it lies in a file: compressed if that makes it shorter. JSON begins with a brace, zlib does not."""
    packed = zlib.compress(text, 6) if len(text) >= _SHORTEST_PACKED else text
    return packed if len(packed) < len(text) else text


def _grow(packed: bytes) -> bytes:
    return packed if packed.startswith(b"{") else zlib.decompress(packed)


def meta_row(key: str, value: str) -> Row:
    """A row of `meta`."""
    return _marked("meta", key, value)


def event_row(event: Event, text: bytes, *, blobs: int) -> Row:
    """A row of `event`; `text` is the canonical text of the event's data."""
    return _marked("event", event.seq, str(event.kind), text, event.chain, _shrink(pack(event.volatile)), blobs)


def event_of(row: Sequence[object], *, where: str) -> Event:
    """The event in a row of `event`.

    Args:
        where: What to call the file in an error.

    Raises:
        StorageError: The row is not what was written, or is of a later version's making.
    """
    if not is_intact("event", row):
        raise StorageError(f"event {row[0]} of {where} is not what was written; resume the run to restore it")
    seq, kind, data, chain, volatile = cast("tuple[int, str, bytes, str, bytes]", tuple(row[:5]))
    if kind not in set(EventKind):
        raise StorageError(f"event {seq} of {where} is of the unknown kind {kind!r}; read it with a newer Thekla")
    return Event(seq=seq, kind=EventKind(kind), data=unpack(data), chain=chain, volatile=unpack(_grow(volatile)))


def fact_row(table: str, seq: int, key: str, value: Mapping[str, Data]) -> Row:
    """A row of `answer` or `evaluation`."""
    return _marked(table, seq, key, _shrink(pack(value)))


def blob_row(seq: int, digest: str, data: bytes) -> Row:
    """A row of `blob`, compressed if that makes it shorter."""
    packed = zlib.compress(data, 6) if len(data) >= _SHORTEST_PACKED else data
    return _marked("blob", seq, digest, len(data), packed if len(packed) < len(data) else data)


def unpack_blob(row: Sequence[object], *, where: str) -> bytes:
    """The bytes in a row of `blob`.

    Raises:
        StorageError: They are not what they were.
    """
    digest, size, packed = row[1:4]
    if is_intact("blob", row) and isinstance(size, int) and isinstance(packed, bytes):
        data = zlib.decompress(packed, bufsize=size) if len(packed) < size else packed
        if sha256(data).hexdigest() == digest:
            return data
    raise StorageError(f"blob {digest} of {where} is not what was written; resume the run to restore it")


def continue_chain(run_id: str, events: Sequence[Event], *, count: int, chain: str) -> Iterator[tuple[Event, bytes]]:
    """The events with the canonical text of their data.

    Args:
        count: How many events the run has.
        chain: The link of the last of them.

    Raises:
        StorageError: They do not continue the chain.
    """
    link = chain if count else GENESIS
    for seq, event in enumerate(events, start=count):
        if event.seq != seq:
            raise StorageError(
                f"event {event.seq} does not continue run {run_id}, which expects event {seq}; "
                "append events in order, each once"
            )
        text = pack(event.data)
        link = link_digest(link, event.kind, text)
        if event.chain != link:
            raise StorageError(
                f"the hash of event {seq} does not continue the chain of run {run_id}; "
                "make each event from the one before it, with next_event"
            )
        yield event, text


def fact_of(table: str, row: Sequence[object], *, where: str) -> tuple[str, dict[str, Data]]:
    """Key and value in a row of `answer` or `evaluation`.

    Raises:
        StorageError: They are not what was written.
    """
    _, key, value, _ = row
    if not (is_intact(table, row) and isinstance(key, str) and isinstance(value, bytes)):
        raise StorageError(f"{table} {key!r} of {where} is not what was written; resume the run to restore it")
    return key, unpack(_grow(value))


def foreign_run(asked: str, held: str) -> StorageError:
    """What to tell who asks one run's store for another run."""
    return StorageError(f"this store holds run {held}, not {asked}; open the file of run {asked}")


def already_recorded(run_id: str, table: str, key: str) -> StorageError:
    """What to tell who records a fact twice."""
    return StorageError(
        f"run {run_id} has the {table} {key!r} already; a fact is recorded once, so look it up before it is computed"
    )
