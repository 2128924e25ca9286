"""Where run files live, how they are named, and how one is found."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thekla.core.errors import ConfigError
from thekla.storage import RunFile, RunsFolder, runs_folder
from thekla.testing.stores import chained_events

NOON = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


def test_option_goes_before_environment_before_the_users_folder(tmp_path: Path) -> None:
    assert runs_folder("given", {"THEKLA_RUNS": "set"}) == Path("given")
    assert runs_folder(None, {"THEKLA_RUNS": "set"}) == Path("set")
    assert runs_folder(None, {"THEKLA_RUNS": ""}).parts[-2:] == ("thekla", "runs")
    assert runs_folder("~/mine", {}) == Path.home() / "mine"


@given(st.text(max_size=30), st.datetimes(datetime(1970, 1, 2), timezones=st.just(timezone(timedelta(hours=9)))))
def test_id_says_what_was_run_and_when_and_is_a_file_name(problem: str, now: datetime) -> None:
    run_id = RunsFolder(Path("nowhere")).new_id(problem, now)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*-\d{8}-\d{6}-[a-z2-9]{4}", run_id)
    assert now.astimezone(UTC).strftime("-%Y%m%d-%H%M%S-") in run_id


def test_id_of_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        RunsFolder(Path("nowhere")).new_id("toy", datetime(2026, 1, 1))


def make(runs: RunsFolder, problem: str, minutes: int, events: int = 0) -> str:
    run_id = runs.new_id(problem, NOON + timedelta(minutes=minutes))
    with RunFile.create(runs.path_of(run_id), run_id) as run:
        run.append(run_id, chained_events(events))
    return run_id


def test_run_is_found_by_id_beginning_path_or_as_the_latest(tmp_path: Path) -> None:
    runs = RunsFolder(tmp_path / "deep" / "runs")
    first, last, other = make(runs, "zoo", 0), make(runs, "lakehouse", 9), make(runs, "lakehouse", 5)
    assert runs.find(first) == runs.path_of(first)
    assert runs.find("zoo") == runs.path_of(first)
    assert runs.find(last[:-5]) == runs.path_of(last)
    assert runs.find(str(runs.path_of(other))) == runs.path_of(other)
    assert runs.find("latest") == runs.path_of(last)


def test_whole_id_is_not_taken_for_a_beginning(tmp_path: Path) -> None:
    runs = RunsFolder(tmp_path)
    for run_id in ("toy", "toy-2"):
        RunFile.create(runs.path_of(run_id), run_id).close()
    assert runs.find("toy") == runs.path_of("toy")


def test_unclear_or_unknown_name_lists_what_could_be_meant(tmp_path: Path) -> None:
    runs = RunsFolder(tmp_path)
    with pytest.raises(ConfigError, match="none"):
        runs.find("latest")
    ids = [make(runs, "lakehouse", minutes) for minutes in (1, 2)]
    with pytest.raises(ConfigError, match=f"{ids[0]}, {ids[1]}; give more letters"):
        runs.find("lake")
    with pytest.raises(ConfigError, match=f"'cache'; the latest are: {ids[1]}, {ids[0]}"):
        runs.find("cache")


def test_list_shows_the_ends_of_every_run_oldest_first(tmp_path: Path) -> None:
    runs = RunsFolder(tmp_path)
    assert list(RunsFolder(tmp_path / "none").list()) == []
    late, early = make(runs, "a", 9, events=5), make(runs, "b", 1)
    bad = runs.path_of("bad")
    bad.write_bytes(b"not a database" * 999)
    os.utime(bad, (0, 0))
    faulty, empty, full = runs.list()
    assert (faulty.run_id, faulty.events, faulty.first) == ("bad", 0, None)
    assert "bad.thekla" in faulty.fault
    assert (empty.run_id, empty.events, empty.first, empty.last, empty.fault) == (early, 0, None, None, "")
    assert (full.run_id, full.events, full.path) == (late, 5, runs.path_of(late))
    assert [full.first, full.last] == [chained_events(5)[0], chained_events(5)[4]]
    assert full.size_bytes == full.path.stat().st_size


def test_run_that_is_being_written_is_listed_too(tmp_path: Path) -> None:
    runs = RunsFolder(tmp_path)
    with RunFile.create(runs.path_of("toy"), "toy") as run:
        run.append("toy", chained_events(3))
        (summary,) = runs.list()
        assert (summary.events, summary.fault) == (3, "")
