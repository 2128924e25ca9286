"""The rows that stand on the pages of a damaged run file, read without SQLite.

Only what the file format says of table leaves, overflow pages and write-ahead frames is used; a row is taken if its
mark proves it, so no other structure has to be right.

References:
    SQLite, Database File Format, sections 1.6, 2.1 and 4: https://www.sqlite.org/fileformat2.html
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from thekla.storage.rows import COLUMNS, is_intact

__all__ = ["PAGE_BYTES", "Frame", "lost_frames", "rows_on_pages"]

PAGE_BYTES: Final = 4096
_TABLE_LEAF = 13
_LEAF_HEADER_BYTES = 8
_FILE_HEADER_BYTES = 100
_WAL_HEADER_BYTES = 32
_FRAME_HEADER_BYTES = 24
_MOST_LOCAL = PAGE_BYTES - 35
_LEAST_LOCAL = (PAGE_BYTES - 12) * 32 // 255 - 23
_INTEGER_BYTES = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}


@dataclass(frozen=True, kw_only=True)
class Frame:
    """A page in the write-ahead log; `commits` if it is the last of its transaction."""

    page: int
    commits: bool
    salts: bytes
    image: bytes


def frames(wal: bytes) -> Iterator[Frame]:
    """The whole frames of a log, valid or not."""
    step = _FRAME_HEADER_BYTES + PAGE_BYTES
    for start in range(_WAL_HEADER_BYTES, len(wal) - step + 1, step):
        page, size = struct.unpack_from(">II", wal, start)
        yield Frame(
            page=page,
            commits=size > 0,
            salts=wal[start + 8 : start + 16],
            image=wal[start + _FRAME_HEADER_BYTES : start + step],
        )


def lost_frames(wal: bytes) -> int:
    """How many frames of the log's current round SQLite will pass over, because one before them is damaged.

    A killed writer leaves at most its last frame broken; a broken one with others behind it is damage.
    """
    if len(wal) < _WAL_HEADER_BYTES:
        return 0
    big_endian = struct.unpack_from(">I", wal)[0] & 1 == 1
    salts = wal[16:24]
    sums = _checksum(wal[:24], (0, 0), big_endian=big_endian)
    if sums != struct.unpack_from(">II", wal, 24):
        return sum(1 for _ in frames(wal))
    step = _FRAME_HEADER_BYTES + PAGE_BYTES
    for number, frame in enumerate(frames(wal)):
        start = _WAL_HEADER_BYTES + number * step
        sums = _checksum(wal[start : start + 8], sums, big_endian=big_endian)
        sums = _checksum(frame.image, sums, big_endian=big_endian)
        if frame.salts != salts or sums != struct.unpack_from(">II", wal, start + 16):
            behind = [later for at, later in enumerate(frames(wal)) if at > number and later.salts == salts]
            return len(behind)
    return 0


def _checksum(data: bytes, sums: tuple[int, int], *, big_endian: bool) -> tuple[int, int]:
    first, second = sums
    words = struct.unpack(f"{'>' if big_endian else '<'}{len(data) // 4}I", data)
    for left, right in zip(words[::2], words[1::2], strict=True):
        first = (first + left + second) & 0xFFFFFFFF
        second = (second + right + first) & 0xFFFFFFFF
    return first, second


def rows_on_pages(file: bytes, wal: bytes) -> Iterator[tuple[str, tuple[int | str | bytes, ...]]]:
    """Table and columns of every proven row, in no order; a row may come more than once.

    Rows of a transaction that was not committed are left out.
    """
    versions: defaultdict[int, list[bytes]] = defaultdict(list)
    for start in range(0, len(file), PAGE_BYTES):
        versions[start // PAGE_BYTES + 1].append(file[start : start + PAGE_BYTES].ljust(PAGE_BYTES, b"\0"))
    for frame in _committed(wal):
        versions[frame.page].append(frame.image)
    for number, images in versions.items():
        for image in images:
            yield from _rows_of_leaf(number, image, versions)


def _committed(wal: bytes) -> list[Frame]:
    """All frames but those of the current round behind its last commit; those of older rounds were all committed."""
    found = list(frames(wal))
    salts = wal[16:24]
    last = max((at for at, frame in enumerate(found) if frame.salts == salts and frame.commits), default=-1)
    return [frame for at, frame in enumerate(found) if at <= last or frame.salts != salts]


def _rows_of_leaf(
    number: int, image: bytes, versions: defaultdict[int, list[bytes]]
) -> Iterator[tuple[str, tuple[int | str | bytes, ...]]]:
    header = _FILE_HEADER_BYTES if number == 1 else 0
    if image[header] != _TABLE_LEAF:
        return
    count = min(struct.unpack_from(">H", image, header + 3)[0], (PAGE_BYTES - header - _LEAF_HEADER_BYTES) // 2)
    for pointer in struct.unpack_from(f">{count}H", image, header + _LEAF_HEADER_BYTES):
        try:
            cells = _record(*_payload(image, pointer, versions))
        except (IndexError, ValueError, struct.error):
            continue
        for table, columns in COLUMNS.items():
            if len(columns) == len(cells) and is_intact(table, cells):
                yield table, cells
                break


def _payload(image: bytes, at: int, versions: defaultdict[int, list[bytes]]) -> tuple[int, bytes]:
    """Row id and record of the cell at an offset, with what overflowed to other pages."""
    size, at = _varint(image, at)
    row_id, at = _varint(image, at)
    if size <= _MOST_LOCAL:
        return row_id, image[at : at + size]
    local = _LEAST_LOCAL + (size - _LEAST_LOCAL) % (PAGE_BYTES - 4)
    local = local if local <= _MOST_LOCAL else _LEAST_LOCAL
    parts = [image[at : at + local]]
    missing = size - local
    following = struct.unpack_from(">I", image, at + local)[0]
    while missing > 0:
        if following not in versions:
            raise ValueError(f"overflow page {following} is missing")
        page = versions[following][-1]
        parts.append(page[4 : 4 + missing])
        missing -= PAGE_BYTES - 4
        following = struct.unpack_from(">I", page)[0]
    return row_id, b"".join(parts)


def _record(row_id: int, payload: bytes) -> tuple[int | str | bytes, ...]:
    """The columns of a record; the key column of a table is kept as NULL and stands in the row id."""
    header, at = _varint(payload, 0)
    types = []
    while at < header:
        kind, at = _varint(payload, at)
        types.append(kind)
    cells: list[int | str | bytes] = []
    at = header
    for kind in types:
        size = _INTEGER_BYTES.get(kind, 0) if kind < 12 else (kind - 12) // 2
        raw = payload[at : at + size]
        at += size
        if kind == 0:
            cells.append(row_id)
        elif kind in (8, 9):
            cells.append(kind - 8)
        elif kind in _INTEGER_BYTES:
            cells.append(int.from_bytes(raw, "big", signed=True))
        elif kind >= 12:
            cells.append(raw if kind % 2 == 0 else raw.decode())
        else:
            raise ValueError(f"a column of type {kind} is none of ours")
    return tuple(cells)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of one to nine bytes, and the offset behind it."""
    value = 0
    for step in range(8):
        byte = data[at + step]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + step + 1
    return value << 8 | data[at + 8], at + 9
