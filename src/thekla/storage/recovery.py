"""The last good state of a damaged run file."""

from __future__ import annotations

import itertools
import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from thekla.core.events import GENESIS, link_digest
from thekla.storage.build import build, sync_to_disk
from thekla.storage.check import wal_of
from thekla.storage.faults import not_a_run_file, os_fault
from thekla.storage.pages import rows_on_pages
from thekla.storage.rows import COLUMNS, FACT_TABLES, Cell, Row, renumbered

__all__ = ["Recovery", "Salvage", "restore", "salvage"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Recovery:
    """What became of a damaged run file.

    Args:
        lost_events: Events known to have followed the kept ones; those of which no trace is left are not counted.
        kept_facts: Answers and evaluations that are left: they are not paid or computed again.
        backup_path: The damaged file as it was found.
        found: What was wrong.
    """

    kept_events: int
    lost_events: int
    kept_facts: int
    backup_path: Path
    found: str


@dataclass(frozen=True, kw_only=True)
class Salvage:
    """What can be proven of a damaged file: rows by table, ready to be written again."""

    run_id: str
    rows: Mapping[str, list[Row]]
    lost_events: int


def salvage(path: Path) -> Salvage | None:
    """All facts and blobs that are left, and the longest unbroken beginning of the journal; None if it is no run file.

    An event is given up with those after it if it may name a blob that is lost. What it said is found again when the
    run is resumed, from the facts.
    """
    found: dict[str, dict[Cell, tuple[Cell, ...]]] = {table: {} for table in COLUMNS}
    try:
        wal = wal_of(path).read_bytes() if wal_of(path).exists() else b""
        for table, cells in rows_on_pages(path.read_bytes(), wal):
            found[table][cells[0]] = cells
    except OSError as error:
        raise os_fault(error, path) from error
    if not any(found.values()):
        return None
    whole_blobs = next(seq for seq in itertools.count() if seq not in found["blob"])
    events = _unbroken(found["event"], whole_blobs)
    rows = {table: renumbered(table, found[table].values()) for table in ("blob", *FACT_TABLES)}
    last = max((int(seq) for seq in found["event"]), default=-1)
    run_id = found["meta"].get("run_id", ("", path.name.partition(".")[0]))[1]
    return Salvage(run_id=str(run_id), rows={**rows, "event": events}, lost_events=last + 1 - len(events))


def restore(path: Path, found: str) -> Recovery:
    """Keep the damaged file at `path` aside and put its last good state in its place; the caller holds the lease.

    Raises:
        StorageError: It is no run file, or there is no room; the file is as it was.
    """
    saved = salvage(path)
    if saved is None:
        raise not_a_run_file(path, found)
    backup = _copy_aside(path)
    build(path, saved.run_id, saved.rows)
    kept = len(saved.rows["event"])
    logger.warning(
        "run file %s was damaged (%s): %d events are kept and at least %d lost; the damaged file is %s",
        *(path, found, kept, saved.lost_events, backup),
    )
    return Recovery(
        kept_events=kept,
        lost_events=saved.lost_events,
        kept_facts=sum(len(saved.rows[table]) for table in FACT_TABLES),
        backup_path=backup,
        found=found,
    )


def _unbroken(found: Mapping[Cell, tuple[Cell, ...]], blobs: int) -> list[Row]:
    """The events from the first on whose links agree, and which name none but the first `blobs` blobs."""
    link = GENESIS
    events: list[Row] = []
    for seq in itertools.count():
        row = dict(zip(COLUMNS["event"], found.get(seq, ()), strict=False))
        if not row or int(row["blobs"]) > blobs:
            return events
        data = row["data"]
        assert isinstance(data, bytes)  # the row's mark says so
        link = link_digest(link, str(row["kind"]), data)
        if row["chain"] != link:
            return events
        events.append(row)
    raise AssertionError("an unending count ended")


def _copy_aside(path: Path) -> Path:
    """Copy the file and its log to the first free name beside it."""
    backup = next(
        name for number in itertools.count(1) if not (name := path.with_name(f"{path.name}.damaged-{number}")).exists()
    )
    made: list[Path] = []
    try:
        for source, target in ((path, backup), (wal_of(path), wal_of(backup))):
            if source.exists():
                made.append(target)
                shutil.copyfile(source, target)
                sync_to_disk(target)
    except OSError as error:
        for target in made:
            target.unlink(missing_ok=True)
        raise os_fault(error, path) from error
    return backup
