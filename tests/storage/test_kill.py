"""What was acknowledged is there after kill -9, at whatever instant it came."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from thekla.storage import RunFile
from thekla.testing.stores import chained_events

from .runfiles import RUN

WRITER = Path(__file__).with_name("writer.py")
EVENTS = chained_events(2000)
KINDS = {"answer", "blob", "evaluation", "event"}


@pytest.fixture(scope="module")
def writers() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(WRITER), RUN, str(len(EVENTS))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def killed_writer(writers: subprocess.Popen[str], path: Path, delay_s: float) -> list[list[str]]:
    """What a writer said that was killed `delay_s` after its start, which may be before it wrote a thing."""
    assert writers.stdin is not None
    assert writers.stdout is not None
    writers.stdin.write(f"{path}\n")
    writer = int(writers.stdout.readline())
    time.sleep(delay_s)
    os.kill(writer, signal.SIGKILL)
    return [line.split() for line in iter(writers.stdout.readline, "ended\n")]


def assert_kept(path: Path, said: list[list[str]]) -> None:
    if not said and not path.exists():
        return
    with RunFile.open(path) as run:
        assert run.recovery is None
        events = list(run.events(RUN))
        assert events == EVENTS[: len(events)]
        for kind, key in said:
            match kind:
                case "event":
                    assert int(key) < len(events)
                case "blob":
                    assert run.blob(key)
                case "answer" | "evaluation":
                    assert run.fact(kind, key) == {"number": int(key[1:])}
    assert [file.name for file in path.parent.glob(f"{path.name}*")] == [path.name]


def kill_again_and_again(writers: subprocess.Popen[str], path: Path, kills: int, rng: Random) -> None:
    """As often as that, and on a slow disk until something of every kind was written."""
    said: list[list[str]] = []
    for kill in range(10 * kills):
        said += killed_writer(writers, path, rng.random() * 0.1)
        assert_kept(path, said)
        kinds = {kind for kind, _ in said}
        if kill + 1 >= kills and kinds == KINDS:
            return
    raise AssertionError(f"{10 * kills} writers wrote no {KINDS - kinds}")


def test_acknowledged_rows_survive_twenty_kills(writers: subprocess.Popen[str], tmp_path: Path) -> None:
    kill_again_and_again(writers, tmp_path / "run.thekla", 20, Random(1))


@pytest.mark.slow
def test_acknowledged_rows_survive_a_hundred_kills(writers: subprocess.Popen[str], tmp_path: Path) -> None:
    for run in range(4):
        kill_again_and_again(writers, tmp_path / f"run-{run}.thekla", 25, Random(run))


def test_killed_creation_leaves_a_run_or_none(writers: subprocess.Popen[str], tmp_path: Path) -> None:
    for number in range(10):
        path = tmp_path / f"run-{number}.thekla"
        said = killed_writer(writers, path, number * 0.003)
        assert_kept(path, said)
        if not path.exists():
            RunFile.create(path, RUN).close()
            assert_kept(path, [])
