"""What a run file keeps, and whom it refuses."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from thekla.core.errors import StorageError
from thekla.core.events import Event, EventKind, next_event
from thekla.storage import MemoryRun, RunFile
from thekla.storage.rows import COLUMNS, FORMAT, meta_row
from thekla.testing.stores import chained_events

from .runfiles import RUN, answer_of, fill, make_run

texts = st.text(max_size=20)
values = st.dictionaries(
    texts,
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
        max_leaves=8,
    ),
    max_size=4,
)


class FileAgainstMemory(RuleBasedStateMachine):
    """A run file, closed and opened at will, says what a run in memory says."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.path = Path(self.folder.name) / "run.thekla"
        self.file = RunFile.create(self.path, RUN)
        self.memory = MemoryRun(RUN)
        self.last: Event | None = None

    @rule(batch=st.lists(st.tuples(st.sampled_from(list(EventKind)), values, values), max_size=4))
    def append(self, batch: list[tuple[EventKind, dict[str, object], dict[str, object]]]) -> None:
        events = []
        for kind, data, volatile in batch:
            self.last = next_event(self.last, kind, data, volatile)  # type: ignore[arg-type]  # of JSON by its strategy
            events.append(self.last)
        self.file.append(RUN, events)
        self.memory.append(RUN, events)

    @rule()
    def append_again(self) -> None:
        if self.last is not None:
            with pytest.raises(StorageError):
                self.file.append(RUN, [self.last])

    @rule(key=texts, value=values, durable=st.booleans())
    def record(self, key: str, value: dict[str, object], durable: bool) -> None:
        refusals = 0
        for store in (self.file, self.memory):
            try:
                store.record("answer", key, value, durable=durable)  # type: ignore[arg-type]  # of JSON by its strategy
            except StorageError:
                refusals += 1
        assert refusals in (0, 2)
        assert self.file.fact("answer", key) == self.memory.fact("answer", key)

    @rule(data=st.binary(max_size=300), times=st.integers(1, 60))
    def put_blob(self, data: bytes, times: int) -> None:
        assert self.file.put_blob(data * times) == self.memory.put_blob(data * times)
        assert self.file.blob(sha256(data * times).hexdigest()) == data * times

    @rule()
    def reopen(self) -> None:
        self.file.close()
        self.file = RunFile.open(self.path)
        assert self.file.recovery is None

    @invariant()
    def says_the_same(self) -> None:
        ours, theirs = list(self.file.events(RUN)), list(self.memory.events(RUN))
        assert ours == theirs
        assert [event.volatile for event in ours] == [event.volatile for event in theirs]
        assert list(self.file.facts("answer")) == list(self.memory.facts("answer"))

    def teardown(self) -> None:
        self.file.close()
        self.folder.cleanup()


TestFileAgainstMemory = FileAgainstMemory.TestCase
TestFileAgainstMemory.settings = settings(max_examples=10, stateful_step_count=15, deadline=None)


def test_closed_run_is_one_file(tmp_path: Path) -> None:
    path = make_run(tmp_path, 3)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    with RunFile.open(path, read_only=True) as run:
        assert run.size_bytes() >= path.stat().st_size
        assert len(list(run.events(RUN))) == 3
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_closed_run_is_closed_once_and_refuses_use(tmp_path: Path) -> None:
    run = RunFile.create(tmp_path / "run.thekla", RUN)
    events = run.events(RUN)
    run.close()
    run.close()
    for use in (lambda: run.append(RUN, chained_events(1)), lambda: run.put_blob(b""), lambda: next(events)):
        with pytest.raises(StorageError, match="was closed"):
            use()


def test_existing_run_is_not_made_again(tmp_path: Path) -> None:
    path = make_run(tmp_path, 3)
    before = path.read_bytes()
    with pytest.raises(StorageError, match="already"):
        RunFile.create(path, RUN)
    assert path.read_bytes() == before


def test_missing_run_file_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    for read_only in (True, False):
        with pytest.raises(StorageError, match="no run file"):
            RunFile.open(tmp_path / "none.thekla", read_only=read_only)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", ["", "text", "other database"])
@pytest.mark.parametrize("read_only", [True, False])
def test_other_file_is_refused_and_left_alone(tmp_path: Path, content: str, read_only: bool) -> None:
    path = tmp_path / "notes.thekla"
    if content == "other database":
        with contextlib.closing(sqlite3.connect(path)) as database:
            database.execute("CREATE TABLE event (seq, kind)")
            database.commit()
    else:
        path.write_text(content * 5000)
    before = path.read_bytes()
    with pytest.raises(StorageError, match="not a run file"):
        RunFile.open(path, read_only=read_only)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("read_only", [True, False])
def test_newer_format_is_refused_and_left_alone(tmp_path: Path, read_only: bool) -> None:
    path = make_run(tmp_path, 2)
    newer = meta_row("format", str(FORMAT + 1))
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("DROP TRIGGER meta_no_update")
        database.execute("UPDATE meta SET value = :value, mark = :mark WHERE key = :key", newer)
        database.commit()
    before = path.read_bytes()
    with pytest.raises(StorageError, match=f"format {FORMAT + 1}.*reads up to {FORMAT}"):
        RunFile.open(path, read_only=read_only)
    assert path.read_bytes() == before


@pytest.mark.parametrize("table", list(COLUMNS))
@pytest.mark.parametrize("change", ["DELETE FROM {}", "UPDATE {} SET mark = x'00'"])
def test_rows_can_be_neither_changed_nor_deleted(tmp_path: Path, table: str, change: str) -> None:
    path = make_run(tmp_path, 2)
    with contextlib.closing(sqlite3.connect(path)) as database, pytest.raises(sqlite3.IntegrityError, match="append"):
        database.execute(change.format(table))


def test_reader_follows_a_run_that_is_being_written(tmp_path: Path) -> None:
    path, events = tmp_path / "run.thekla", chained_events(400)
    with RunFile.create(path, RUN) as writer:
        fill(writer, events[:5])
        with RunFile.open(path, read_only=True) as reader:
            assert list(reader.events(RUN)) == events[:5]
            following = reader.events(RUN, after=2)
            assert next(following) == events[3]
            fill(writer, events[5:8])
            writer.append(RUN, events[8:])
            assert list(following) == events[4:]
            assert reader.fact("answer", "a7") == answer_of(7)
            with pytest.raises(StorageError, match="reading only"):
                reader.append(RUN, chained_events(401)[400:])
            with pytest.raises(StorageError, match="reading only"):
                reader.record("answer", "new", {}, durable=True)
        assert list(writer.events(RUN)) == events


def test_reader_does_not_hold_up_the_folding_of_the_log(tmp_path: Path) -> None:
    path, events = tmp_path / "run.thekla", chained_events(300)
    with RunFile.create(path, RUN) as writer:
        writer.append(RUN, events)
        with RunFile.open(path, read_only=True) as reader:
            paused = reader.events(RUN)
            next(paused)
            with contextlib.closing(sqlite3.connect(path)) as other:
                busy, pages, folded = other.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            assert (busy, pages) == (0, folded)


def test_events_and_durable_facts_wait_for_the_disk(tmp_path: Path) -> None:
    with RunFile.create(tmp_path / "run.thekla", RUN) as run:
        writing = run._writer()
        levels = [
            connection.exec_driver_sql("PRAGMA synchronous").scalar() for connection in (writing.full, writing.normal)
        ]
        assert levels == [2, 1]


def test_second_writer_of_the_same_process_is_refused(tmp_path: Path) -> None:
    with RunFile.create(tmp_path / "run.thekla", RUN) as run:
        fill(run, chained_events(1))
        with pytest.raises(StorageError, match=f"written by process {os.getpid()}"):
            RunFile.open(run.path)
        fill(run, chained_events(2)[1:])
    with RunFile.open(run.path) as run:
        assert len(list(run.events(RUN))) == 2


def test_second_process_is_refused_until_the_first_is_killed(tmp_path: Path) -> None:
    path = make_run(tmp_path, 2)
    code = (
        "import sys, pathlib, thekla.storage as s; run = s.RunFile.open(pathlib.Path(sys.argv[1]))\n"
        "print('open', flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        with pytest.raises(StorageError, match=f"written by process {writer.pid}"):
            RunFile.open(path)
        with RunFile.open(path, read_only=True) as reader:
            assert len(list(reader.events(RUN))) == 2
        writer.kill()
        writer.wait()
    with RunFile.open(path) as run:
        assert run.recovery is None
        fill(run, chained_events(3)[2:])
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_lease_does_not_outlive_its_writer_in_a_child(tmp_path: Path) -> None:
    path = make_run(tmp_path, 1)
    code = (
        "import os, sys, time, pathlib, thekla.storage as s; r = s.RunFile.open(pathlib.Path(sys.argv[1]))\n"
        "child = os.fork()\n"
        "if child == 0: time.sleep(600)\n"
        "print(child, flush=True); os.kill(os.getpid(), 9)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        child = int(writer.stdout.readline())
        try:
            assert writer.wait() == -signal.SIGKILL
            with RunFile.open(path) as run:
                assert run.recovery is None
        finally:
            os.kill(child, signal.SIGKILL)


def test_threads_may_share_a_run(tmp_path: Path) -> None:
    with RunFile.create(tmp_path / "run.thekla", RUN) as run:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda n: run.record("evaluation", f"e{n}", {"number": n}, durable=n % 9 == 0), range(200)))
            list(pool.map(lambda n: run.put_blob(b"%d" % (n // 2)), range(100)))
        assert sorted(value["number"] for _, value in run.facts("evaluation")) == list(range(200))  # type: ignore[type-var]  # integers
    with RunFile.open(run.path) as run:
        assert run.recovery is None


def test_reading_the_package_loads_no_database_library() -> None:
    code = "import sys, thekla.storage, thekla.storage.runs; print('sqlalchemy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
