"""What it costs to write, open and keep a run: `python benchmarks/storage.py [--json] [--rows 100 1000 10000]`.

For each kind of row the time and CPU per row, and the disk per row of a closed file. A batch is the events of one
`append`; each call of `append`, and each durable fact, waits once for the disk.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from thekla.core.events import Event, EventKind, next_event
from thekla.core.values import Data
from thekla.storage import RunFile

RUN = "bench"
BATCH = 16
INSTANCES = 10


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table; bytes are of the closed file, 0 where nothing is written."""

    what: str
    rows: int
    rows_per_s: float
    cpu_ms_per_row: float
    bytes_per_row: float
    peak_memory_mb: float


def make_events(count: int) -> list[Event]:
    """Events of the size of a `told` with the scores of ten instances: about a kilobyte."""
    rng = Random(0)
    events: list[Event] = []
    for number in range(count):
        scores: dict[str, Data] = {f"train-{i}": {"scores": {"latency": rng.random()}} for i in range(INSTANCES)}
        data: dict[str, Data] = {"ticket": f"t{number:05}", "program": rng.randbytes(32).hex(), "outcome": scores}
        volatile: dict[str, Data] = {"at_s": 1.8e9 + number, "cost": {"cpu_s": rng.random(), "wall_s": rng.random()}}
        events.append(next_event(events[-1] if events else None, EventKind.TOLD, data, volatile))
    return events


def make_programs(count: int) -> list[bytes]:
    """Texts of 4 KB, each a few lines different from the others."""
    rng = Random(1)
    lines = [f"    if queue[{i}].priority > {i}: place(queue[{i}], pool={i % 3})\n" for i in range(80)]
    programs = []
    for number in range(count):
        changed = {rng.randrange(80): f"    size = {rng.random()}  # {number}\n" for _ in range(4)}
        programs.append("".join(changed.get(i, line) for i, line in enumerate(lines)).encode())
    return programs


def writers(count: int) -> Iterator[tuple[str, Callable[[RunFile], None]]]:
    """Each kind of row, with what writes `count` of them."""
    events, programs = make_events(count), make_programs(count)
    fact: dict[str, Data] = {"scores": {"latency": 0.123456789}, "measures": {"batch": 1.5}, "cpu_s": 0.01}

    def one_by_one(run: RunFile) -> None:
        for event in events:
            run.append(RUN, [event])

    def in_batches(run: RunFile) -> None:
        for start in range(0, count, BATCH):
            run.append(RUN, events[start : start + BATCH])

    def facts(durable: bool) -> Callable[[RunFile], None]:
        def write(run: RunFile) -> None:
            for number in range(count):
                run.record("evaluation", f"{number:064x}", fact, durable=durable)

        return write

    def blobs(run: RunFile) -> None:
        for program in programs:
            run.put_blob(program)

    yield "event, one a call", one_by_one
    yield f"event, {BATCH} a call", in_batches
    yield "fact, durable", facts(True)
    yield "fact", facts(False)
    yield "blob of 4 KB", blobs


@contextmanager
def measured(what: str, rows: int, table: list[Row], size: Callable[[], float]) -> Iterator[None]:
    """Appends a row to the table over what is done inside."""
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    yield
    wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
    table.append(
        Row(
            what=what,
            rows=rows,
            rows_per_s=rows / wall_s,
            cpu_ms_per_row=cpu_s * 1000 / rows,
            bytes_per_row=size() / rows,
            peak_memory_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        )
    )


def measure(rows: int, folder: Path) -> list[Row]:
    """The table for a number of rows."""
    table: list[Row] = []
    with RunFile.create(folder / f"empty-{rows}.thekla", RUN) as empty:
        pass
    for number, (what, write) in enumerate(writers(rows)):
        path = folder / f"{rows}-{number}.thekla"
        with RunFile.create(path, RUN) as run:
            grown: list[float] = []
            with measured(what, rows, table, lambda grown=grown: grown[0]):  # type: ignore[misc]
                write(run)
                run.close()
                grown.append(path.stat().st_size - empty.size_bytes())
    for what, number in (("open, per event", 1), ("open, per fact", 3), ("open, per blob", 4)):
        with measured(what, rows, table, lambda: 0.0):
            RunFile.open(folder / f"{rows}-{number}.thekla").close()
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rows", type=int, nargs="+", default=[100, 1_000, 10_000])
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        table = [row for rows in options.rows for row in measure(rows, Path(folder))]
    if options.json:
        print(json.dumps([asdict(row) for row in table], indent=2))
        return
    print(f"{'what':<20}{'rows':>7}{'rows/s':>10}{'CPU ms/row':>12}{'bytes/row':>11}{'peak MB':>9}")
    for row in table:
        print(
            f"{row.what:<20}{row.rows:>7}{row.rows_per_s:>10.0f}{row.cpu_ms_per_row:>12.3f}"
            f"{row.bytes_per_row:>11.0f}{row.peak_memory_mb:>9.0f}"
        )


if __name__ == "__main__":
    main()
