"""kill -9 at any instant, of the command or of anything it started: nothing is lost, repeated or left running."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from random import Random

import pytest

from .command import Command, Recorded, children_of, kill, recorded, survivors, wait_for_answers, wait_for_writing

SEARCH_S = 1.2  # from the first event to the last, undisturbed; a kill falls anywhere in it


def assert_kept(before: Recorded, after: Recorded) -> None:
    """All that was recorded at the kill is there, unchanged and in its order."""
    assert list(after.events[: len(before.events)]) == list(before.events)
    assert [event.volatile for event in after.events[: len(before.events)]] == [e.volatile for e in before.events]
    assert list(after.answers.items())[: len(before.answers)] == list(before.answers.items())
    assert list(after.evaluations.items())[: len(before.evaluations)] == list(before.evaluations.items())


def kill_again_and_again(command: Command, whole: Recorded, *, kills: int, rng: Random) -> None:
    """A run that is killed at random instants and resumed each time, until it has been killed `kills` times."""
    done, process, before = 0, command.start_search(), None
    path = wait_for_writing(command, process)
    while done < kills:
        time.sleep(rng.uniform(0.0, SEARCH_S / max(4, kills)))
        left = kill(process)
        assert process.wait().code == -signal.SIGKILL
        assert survivors(left) == []
        done += 1
        now = recorded(path)
        if before is not None:
            assert_kept(before, now)
        before = now
        if not now.events:  # killed between the file and its first event: the command says so
            refused = command.run("resume", path.stem)
            assert (refused.code, "start it again" in refused.err) == (2, True), refused.err
            path.unlink()
            process, before = command.start_search(), None
        else:
            process = command.start("resume", path.stem)
        path = wait_for_writing(command, process)
    last = process.wait()
    assert last.code == 0, last.err
    ended = recorded(path)
    if before is not None:
        assert_kept(before, ended)
    assert_same(ended, whole)


def assert_same(ended: Recorded, whole: Recorded) -> None:
    """The same journal, and the same work: each answer and each evaluation once, none more and none less."""
    assert ended.chain == whole.chain
    assert set(ended.answers) == set(whole.answers)
    assert set(ended.evaluations) == set(whole.evaluations)


def test_a_run_that_is_killed_four_times_ends_as_if_it_had_never_been(command: Command, whole: Recorded) -> None:
    kill_again_and_again(command, whole, kills=4, rng=Random(1))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_runs_that_are_killed_fifty_times_in_all(command: Command, whole: Recorded, seed: int) -> None:
    kill_again_and_again(command, whole, kills=(1, 2, 4, 5, 6, 8, 11, 13)[seed], rng=Random(seed))


def workers_of(pid: int) -> list[int]:
    return list(children_of(pid))


def zygotes_of(pid: int) -> list[int]:
    return [zygote for worker in children_of(pid) for zygote in children_of(worker)]


@pytest.mark.parametrize(
    "victims", [workers_of, pytest.param(zygotes_of, marks=pytest.mark.slow)], ids=["worker", "zygote"]
)
def test_a_run_outlives_what_it_started(command: Command, whole: Recorded, victims: Callable[[int], list[int]]) -> None:
    process = command.start_search()
    path = wait_for_writing(command, process)
    for answers in (5, 15, 25):
        wait_for_answers(path, process, answers)
        chosen = victims(process.pid)[-1]
        os.kill(chosen, signal.SIGKILL)
    ended = process.wait()
    assert ended.code == 0, ended.err
    assert_same(recorded(path), whole)
