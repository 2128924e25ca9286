"""What isolation costs: opening a guest, and calling it, against a bare fork of the same interpreter.

Run `python benchmarks/sandbox.py`, with `--json` for one JSON object, `--rounds N` for more samples. Rounds of the
three kinds are interleaved, so that a busy machine burdens all of them; the minimum is closest to an idle one.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial

from thekla.core.evaluation import Limits
from thekla.core.problem import Function, Interface, Parameter
from thekla.core.program import Program
from thekla.core.protocols import BatchGuest, Guest
from thekla.core.values import Value
from thekla.sandbox import StrictSandbox
from thekla.sandbox.launch import PRELOADED

PROGRAM = Program.from_text("def f(x):\n    return 1\n")
INTERFACE = Interface(functions=(Function(name="f", parameters=(Parameter(name="x", type="Any"),), result="int"),))
BATCH = 256
LIMITS = Limits(wall_s=600.0, cpu_s=600.0)
OBSERVATION: Value = [{"id": i, "cpu": 1.5, "ram_gb": 2.25, "state": "waiting"} for i in range(50)]


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call of `work`."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def fork_and_wait() -> None:
    """A bare fork of this process that ends at once."""
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


def call(guest: Guest, value: Value, times: int) -> None:
    """Call the program `times` times with `value`."""
    for _ in range(times):
        guest.call("f", value)


def call_packed(guest: BatchGuest, times: int) -> None:
    """Call the program `times` times with a bare number."""
    f = guest.packed("f", takes="q", gives="q")
    for number in range(times):
        f(number)


def call_many(guest: BatchGuest, times: int) -> None:
    """Call the program `times` times, in batches."""
    rows: list[list[Value]] = [[number] for number in range(BATCH)]
    for _ in range(times // BATCH):
        guest.call_many("f", rows)


def call_packed_many(guest: BatchGuest, times: int) -> None:
    """Call the program `times` times with bare numbers, in batches."""
    f = guest.packed("f", takes="q", gives="q")
    rows = [(number,) for number in range(BATCH)]
    for _ in range(times // BATCH):
        f.many(rows)


def measure(rounds: int) -> dict[str, float]:
    """Milliseconds and calls per second, by name."""
    for name in PRELOADED:  # so that the bare fork copies a process like the zygote
        __import__(name)
    starts, opens, forks, small, large = [], [], [], [], []
    fast: dict[str, list[float]] = {"packed": [], "batched": [], "packed_batched": []}
    with StrictSandbox() as sandbox:
        for number in range(rounds):
            opens.append(seconds(lambda: sandbox.open(PROGRAM, INTERFACE, LIMITS).close()))
            forks.append(seconds(fork_and_wait))
            if number % 10 == 0:
                guest = sandbox.open(PROGRAM, INTERFACE, LIMITS)
                small.append(seconds(partial(call, guest, 7, 1000)) / 1000)
                large.append(seconds(partial(call, guest, OBSERVATION, 200)) / 200)
                fast["packed"].append(seconds(partial(call_packed, guest, 2000)) / 2000)
                fast["batched"].append(seconds(partial(call_many, guest, 64 * BATCH)) / (64 * BATCH))
                fast["packed_batched"].append(seconds(partial(call_packed_many, guest, 64 * BATCH)) / (64 * BATCH))
                guest.close()
        starts.append(seconds(lambda: StrictSandbox().close()))
    return {
        "start_ms": 1e3 * min(starts),
        "open_close_ms_min": 1e3 * min(opens),
        "open_close_ms_median": 1e3 * statistics.median(opens),
        "bare_fork_ms_min": 1e3 * min(forks),
        "bare_fork_ms_median": 1e3 * statistics.median(forks),
        "open_close_over_bare_fork": statistics.median(opens) / statistics.median(forks),
        "small_calls_per_s_best": 1 / min(small),
        "small_calls_per_s_median": 1 / statistics.median(small),
        "observation_calls_per_s_best": 1 / min(large),
        "observation_calls_per_s_median": 1 / statistics.median(large),
        **{f"{way}_calls_per_s_best": 1 / min(times) for way, times in fast.items()},
        **{f"{way}_calls_per_s_median": 1 / statistics.median(times) for way, times in fast.items()},
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Cost of the strict sandbox.")
    parser.add_argument("--rounds", type=int, default=100, help="guests to open (default 100)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    figures = measure(arguments.rounds)
    if arguments.json:
        about = {"python": platform.python_version(), "rounds": arguments.rounds, "load": os.getloadavg()[0]}
        sys.stdout.write(json.dumps({**about, **figures}) + "\n")
        return
    for name, figure in figures.items():
        sys.stdout.write(f"{name:34}{figure:12,.2f}\n")


if __name__ == "__main__":
    main()
