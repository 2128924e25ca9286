"""Counters of processes: with the kernel's clock everywhere, and with the processor's counter where there is one."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from functools import partial

import pytest

from thekla.core.evaluation import Limits
from thekla.core.problem import Function, Interface, Parameter
from thekla.core.program import Program
from thekla.core.protocols import CountingGuest
from thekla.sandbox import StrictSandbox
from thekla.sandbox.counters import TASK_CLOCK_NS, CountedEvent, ProcessCounter

INTERFACE = Interface(functions=(Function(name="f", parameters=(Parameter(name="n", type="int"),), result="int"),))
PROGRAM = Program.from_text("def f(n):\n    return sum(range(n))\n")
THREADS = """
import sys, threading
def work():
    sum(range(3_000_000))
sys.stdin.readline()
threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print("done", flush=True)
sys.stdin.readline()
"""


@pytest.fixture(autouse=True)
def _there_are_counters() -> None:
    """Nothing relies on them, and some systems keep them from ordinary users and from containers."""
    counter = ProcessCounter.open(os.getpid(), TASK_CLOCK_NS)
    if counter is None:
        pytest.skip("the kernel gives this user no counters")
    counter.close()


def burn(turns: int) -> None:
    sum(range(turns))


def test_a_counter_follows_the_process_from_its_opening_on() -> None:
    burn(1_000_000)
    counter = ProcessCounter.open(os.getpid(), TASK_CLOCK_NS)
    assert counter is not None
    before_s = time.process_time()
    burn(3_000_000)
    spent_s = time.process_time() - before_s
    first = counter.read()
    assert 0.5 * spent_s < first / 1e9 < 1.5 * spent_s + 0.01
    burn(1_000_000)
    assert counter.read() > first
    counter.close()
    counter.close()


def test_threads_that_are_started_later_are_counted() -> None:
    with subprocess.Popen([sys.executable, "-c", THREADS], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        counter = ProcessCounter.open(process.pid, TASK_CLOCK_NS)
        assert counter is not None
        process.stdin.write(b"\n")
        process.stdin.flush()
        process.stdout.readline()
        with open(f"/proc/{process.pid}/schedstat", encoding="ascii") as file:
            main_thread_ns = int(file.read().split()[0])
        assert counter.read() > 2 * main_thread_ns
        counter.close()
        process.communicate(b"\n")


@pytest.mark.parametrize("pid", [0, -1, 2**22 + 1])
def test_what_is_no_process_has_no_counter(pid: int) -> None:
    assert ProcessCounter.open(pid, TASK_CLOCK_NS) is None


def test_what_the_kernel_does_not_count_has_no_counter() -> None:
    assert ProcessCounter.open(os.getpid(), CountedEvent(type=1, config=9999)) is None


def test_a_guest_is_counted_from_the_first_question_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ProcessCounter, "open", partial(ProcessCounter.open, event=TASK_CLOCK_NS))
    with StrictSandbox() as sandbox:
        opened = sandbox.open(PROGRAM, INTERFACE, Limits(wall_s=20.0, cpu_s=20.0))
        assert isinstance(opened, CountingGuest)
        opened.call("f", 1_000_000)
        first = opened.instructions()
        assert first is not None
        opened.call("f", 2_000_000)
        second = opened.instructions()
        assert second is not None
        assert second - first > 1_000_000  # nanoseconds
        opened.close()
        last = opened.instructions()
        assert last is not None
        assert last >= second


def test_instructions_are_counted_alike_or_not_at_all() -> None:
    with StrictSandbox() as sandbox:
        counts = []
        for _ in range(2):
            opened = sandbox.open(PROGRAM, INTERFACE, Limits(wall_s=20.0, cpu_s=20.0), seed=1)
            assert isinstance(opened, CountingGuest)
            before = opened.instructions()
            opened.call("f", 1_000_000)
            after = opened.instructions()
            opened.close()
            counts.append(None if before is None or after is None else after - before)
    if counts != [None, None]:  # a processor's counter is there
        assert counts[0] is not None
        assert counts[0] > 1_000_000
        assert counts[1] == pytest.approx(counts[0], rel=0.05)
