"""What the transaction kernel saves, and what the ladder reaches on the three public workloads.

Run `python benchmarks/transactions.py` with THEKLA_DATA set or after `thekla data fetch transactions/...`; `--json`
prints one JSON object. `--long` adds annealing for a quarter of an hour, `--solver SECONDS` bounds by CP-SAT.

Times are CPU seconds of this process, so that a busy machine matters little; the kernel and the definition take turns.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from thekla.problems.transactions_offline import build
from thekla.problems.transactions_offline.workloads import reference, workload
from thekla.simulators.transactions import Transaction, Workload, makespan, solver_bound

NAMES = ("W1", "W2", "W3")
BATCH = 2048
BY_DEFINITION = 64  # orders; enough, as each takes the same
BEST_KNOWN = {"W1": 150, "W2": 33, "W3": 29}

Scheduler = Callable[..., Sequence[Transaction]]


def program(name: str) -> Scheduler:
    """The function of a rung, in this process."""
    (rung,) = (each for each in build("public").baselines if each.name == name)
    assert rung.program is not None
    namespace: dict[str, Any] = {"__name__": name}
    exec(compile(rung.program.text, name, "exec"), namespace)
    schedule: Scheduler = namespace["schedule"]
    return schedule


def kernel(given: Workload, rounds: int) -> dict[str, float]:
    """Microseconds per order by definition and in bulk, and their ratio; medians over the rounds."""
    count = len(given.transactions)
    orders = np.random.default_rng(0).permuted(np.tile(np.arange(count), (BATCH, 1)), axis=1)
    rows = [[given.transactions[each] for each in order] for order in orders[:BY_DEFINITION].tolist()]
    given.costs(orders[:2])  # the matrix of delays is made once
    plain, bulk = [], []
    for _ in range(rounds):
        started = time.process_time()
        expected = [makespan(row) for row in rows]
        plain.append((time.process_time() - started) / BY_DEFINITION * 1e6)
        started = time.process_time()
        found = given.costs(orders)
        bulk.append((time.process_time() - started) / BATCH * 1e6)
        assert found[:BY_DEFINITION].tolist() == expected
    one, many = statistics.median(plain), statistics.median(bulk)
    return {"definition_us": one, "kernel_us": many, "ratio": one / many}


def totals(name: str, seeds: int, **arguments: Any) -> dict[str, Any]:
    """Makespans of a rung on the three workloads over seeds: totals, means by workload, CPU seconds of each."""
    schedule = program(name)
    found: dict[str, list[int]] = {each: [] for each in NAMES}
    cpu_s: dict[str, list[float]] = {each: [] for each in NAMES}
    for seed in range(seeds):
        for each in NAMES:
            random.seed(seed)
            np.random.seed(seed)  # as a guest does
            started = time.process_time()
            order = schedule(workload(f"public/{each}"), **arguments)
            cpu_s[each].append(time.process_time() - started)
            assert sorted(one.id for one in order) == list(range(100))
            found[each].append(makespan(order))
    sums = [sum(of) for of in zip(*found.values(), strict=True)]
    return {
        "total_mean": statistics.fmean(sums),
        "total_sd": statistics.stdev(sums) if seeds > 1 else 0.0,
        "totals": sums,
        "by_workload": {each: statistics.fmean(of) for each, of in found.items()},
        "most_cpu_s": {each: round(max(of), 2) for each, of in cpu_s.items()},
    }


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """All figures, by name."""
    kernels = {name: kernel(workload(f"public/{name}"), arguments.rounds) for name in NAMES}
    figures: dict[str, Any] = {"kernel": kernels}
    sums = {key: sum(each[key] for each in kernels.values()) for key in ("definition_us", "kernel_us")}
    figures["kernel"]["all"] = sums | {"ratio": sums["definition_us"] / sums["kernel_us"]}
    figures["as given"] = sum(makespan(workload(f"public/{name}").transactions) for name in NAMES)
    figures["smf"] = totals("smf", 100)
    for name in ("longest-first", "insertion"):
        figures[name] = totals(name, 1)
    for name in ("four-phases", "annealing", "heat-bath"):
        figures[name] = totals(name, arguments.seeds)
    if arguments.long:
        figures["heat-bath, 100,000 steps"] = totals("heat-bath", 1, steps=100_000)
    figures["bound"] = {name: reference(f"public/{name}").bound for name in NAMES}
    if arguments.solver:
        figures["solver bound"] = {
            name: solver_bound(
                workload(f"public/{name}"), deterministic_s=arguments.solver, best_known=BEST_KNOWN[name]
            )
            for name in NAMES
        }
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help="rounds of the kernel")
    parser.add_argument("--seeds", type=int, default=5, help="seeds of each randomised rung")
    parser.add_argument("--long", action="store_true", help="anneal for a quarter of an hour, too")
    parser.add_argument("--solver", type=float, default=0.0, help="effort of CP-SAT per workload, near seconds")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    figures = measure(arguments)
    if arguments.json:
        json.dump(figures, sys.stdout, indent=1)
        return
    for name, figure in figures.items():
        print(f"{name}: {figure}")


if __name__ == "__main__":
    main()
