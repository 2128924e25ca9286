"""A file that was cut or changed opens unharmed, is restored to a good state, or is refused: never silently wrong."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thekla.core.errors import StorageError
from thekla.storage import DamagedRunError, RunFile, recover
from thekla.storage.build import build
from thekla.storage.check import wal_of
from thekla.storage.pages import PAGE_BYTES
from thekla.storage.recovery import salvage
from thekla.testing.stores import chained_events

from .runfiles import RUN, assert_consistent, blob_of, fill, make_run

COUNT = 40


@pytest.fixture(scope="module")
def originals() -> Iterator[dict[str, Path]]:
    """Runs with the same content: `closed` is one file, `killed` has almost all of it in the log."""
    with TemporaryDirectory() as name:
        closed, killed = Path(name) / "closed", Path(name) / "killed"
        closed.mkdir()
        killed.mkdir()
        with RunFile.create(closed / f"{RUN}.thekla", RUN) as run:
            fill(run, chained_events(COUNT))
            copy_run(run.path, killed)
        yield {"closed": run.path, "killed": killed / run.path.name}


def copy_run(path: Path, folder: Path) -> Path:
    for source in (path, wal_of(path)):
        if source.exists():
            shutil.copy(source, folder)
    return folder / path.name


def damage(path: Path, *, where: float, bit: int | None) -> None:
    """Flip a bit, or cut the file there if it is None."""
    content = bytearray(path.read_bytes())
    at = int(where * len(content))
    if bit is None:
        del content[at:]
    else:
        content[at] ^= 1 << bit
    path.write_bytes(content)


@given(
    which=st.sampled_from(["closed", "killed"]),
    in_log=st.booleans(),
    where=st.floats(0, 1, exclude_max=True),
    bit=st.none() | st.integers(0, 7),
)
@settings(max_examples=40)
def test_damaged_file_is_never_silently_wrong(
    originals: dict[str, Path], which: str, in_log: bool, where: float, bit: int | None
) -> None:
    with TemporaryDirectory() as folder:
        path = copy_run(originals[which], Path(folder))
        damage(wal_of(path) if in_log and which == "killed" else path, where=where, bit=bit)
        try:
            with RunFile.open(path, read_only=True) as run:
                assert list(run.events(RUN)) == chained_events(COUNT)[: len(list(run.events(RUN)))]
        except StorageError:
            pass
        if salvage(path) is None:  # the first rows lie at the end of the second page
            assert path.stat().st_size < 2 * PAGE_BYTES
            assert not wal_of(path).exists()
            with pytest.raises(StorageError, match="not a run file"):
                RunFile.open(path)
            return
        assert path.stat().st_size > PAGE_BYTES or wal_of(path).exists()
        with RunFile.open(path) as run:
            kept = assert_consistent(run, COUNT)
            assert run.recovery is None or run.recovery.kept_events == kept
            run.append(RUN, chained_events(COUNT)[kept:])
        with RunFile.open(path) as run:
            assert run.recovery is None
            assert list(run.events(RUN)) == chained_events(COUNT)


def test_flip_in_the_log_does_not_lose_what_the_rest_of_it_repeats(originals: dict[str, Path], tmp_path: Path) -> None:
    for number, where in enumerate((0.1, 0.3, 0.5, 0.7, 0.9)):
        folder = tmp_path / str(number)
        folder.mkdir()
        path = copy_run(originals["killed"], folder)
        damage(wal_of(path), where=where, bit=3)
        with RunFile.open(path) as run:
            assert run.recovery is not None
            assert assert_consistent(run, COUNT) == COUNT
            assert len(list(run.facts("answer"))) == len(list(run.facts("evaluation"))) == COUNT


def damaged_run(folder: Path) -> Path:
    """A run with a flipped bit in a blob that event 23 may name."""
    path = make_run(folder, COUNT)
    content = path.read_bytes()
    at = content.index(blob_of(23)[:150])
    path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    return path


def test_damage_is_reported_with_what_is_kept_and_where_the_rest_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = damaged_run(tmp_path)
    before = path.read_bytes()
    with caplog.at_level(logging.WARNING), RunFile.open(path) as run:
        recovery = run.recovery
        assert recovery is not None
        assert assert_consistent(run, COUNT) == 23
    assert (recovery.kept_events, recovery.lost_events) == (23, COUNT - 23)
    assert recovery.kept_facts == 2 * COUNT
    assert recovery.backup_path.read_bytes() == before
    assert recovery.backup_path.name in caplog.text


def test_recover_restores_a_damaged_file_and_leaves_a_whole_one(tmp_path: Path) -> None:
    path = damaged_run(tmp_path)
    recovery = recover(path)
    assert recovery is not None
    assert "row 23 of table blob" in recovery.found
    assert recover(path) is None


def test_reader_refuses_a_damaged_file_and_leaves_it_alone(tmp_path: Path) -> None:
    path = damaged_run(tmp_path)
    before = path.read_bytes()
    with pytest.raises(DamagedRunError, match="resume the run"):
        RunFile.open(path, read_only=True)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_second_damage_keeps_the_first_copy(tmp_path: Path) -> None:
    path = damaged_run(tmp_path)
    first = recover(path)
    damage(path, where=0.6, bit=None)
    second = recover(path)
    assert first is not None
    assert second is not None
    assert first.backup_path != second.backup_path
    assert first.backup_path.exists()


def test_run_without_its_first_page_is_restored_whole(tmp_path: Path) -> None:
    path = make_run(tmp_path, COUNT)
    path.write_bytes(b"\xff" * 4096 + path.read_bytes()[4096:])
    with RunFile.open(path) as run:
        assert run.recovery is not None
        assert assert_consistent(run, COUNT) == COUNT


def test_event_after_a_lost_blob_is_not_kept(tmp_path: Path) -> None:
    path = make_run(tmp_path, COUNT)
    content = path.read_bytes()
    at = content.index(blob_of(3)[5000:5100])  # on an overflow page
    path.write_bytes(content[:at] + b"\0" * 100 + content[at + 100 :])
    with RunFile.open(path) as run:
        assert len(list(run.events(RUN))) == 3
        fill_again = chained_events(COUNT)[3:]
        run.put_blob(blob_of(3))
        run.append(RUN, fill_again)
        assert_consistent(run, COUNT)


@pytest.mark.parametrize("step", ["log_removed", "before"])
def test_interrupted_restoration_is_finished_at_the_next_opening(tmp_path: Path, step: str) -> None:
    """A kill between the last steps: the new file is finished, the damaged one still in its place."""
    path = make_run(tmp_path, 5)
    finished = path.with_name(path.name + ".finished")
    whole = path.read_bytes()
    build(path, RUN, {})
    path.rename(finished)
    path.write_bytes(whole[:9000])
    if step == "before":
        wal_of(path).write_bytes(b"\x37\x7f\x06\x82" + b"stale" * 2000)
    with RunFile.open(path) as run:
        assert run.recovery is None
        assert list(run.events(RUN)) == []
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
