"""How fast the lakehouse is beside one that visits every tick: `python benchmarks/lakehouse.py`.

The other one is Eudoxia, run by its command line, where the package is installed, and otherwise the slow reference of
the tests, which visits every tick as Eudoxia does; the table says which. Both replay the same traces in one run of this
file. Ratios are of CPU time (of Eudoxia, less what a run of one tick takes), of ours the best of `--rounds`. The curves
show that cost goes with events, not with ticks.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from thekla.core.program import Program
from thekla.core.protocols import Guest
from thekla.core.values import Value
from thekla.problems.lakehouse import build
from thekla.sandbox import StrictSandbox
from thekla.simulators.lakehouse import (
    PUBLISHED_SEEDS,
    Calls,
    Message,
    Params,
    RunResult,
    Scheduler,
    Trace,
    WorkloadParams,
    builtin_policy,
    generate_trace,
    policy_source,
    published_traces,
    simulate,
    write_trace,
)

sys.path.insert(0, str(Path(__file__).parent.parent))
from tests.simulators.lakehouse.reference import Lakehouse  # the tests are no package of ours
from tests.simulators.lakehouse.reference_generator import csv_of


@dataclass(frozen=True, kw_only=True)
class Setup:
    """A lakehouse, its load, a policy, and how much faster than the other one it is to be."""

    name: str
    workload: WorkloadParams
    params: Params
    policy: str
    target: float
    calls: Calls = "events"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table; speeds in ticks per CPU second."""

    name: str
    policy: str
    calls: str
    ticks: int
    events: int
    policy_calls: int
    ours: float
    other: float
    ratio: float
    target: float


@dataclass(frozen=True, kw_only=True)
class Point:
    """One point of a curve."""

    curve: str
    x: float
    ticks: int
    events: int
    cpu_ms: float


def _setups() -> list[Setup]:
    def of(name: str, policy: str, target: float, calls: Calls = "events") -> Setup:
        workload, params = shapes[name]
        return Setup(name=name, workload=workload, params=params, policy=policy, target=target, calls=calls)

    eight = Params(duration=120, num_pools=8, ram_gb_per_pool=256, multi_operator_containers=True)
    shapes = {
        "loop": (WorkloadParams(duration=120, num_pipelines=10, num_operators=10), Params(duration=120)),
        "defaults": (WorkloadParams(duration=120, num_pipelines=4, num_operators=5), eight),
        "ten times": (
            WorkloadParams(duration=20, num_pipelines=40, num_operators=5),
            replace(eight, duration=20, num_pools=80),
        ),
        "overcommit": (
            WorkloadParams(
                duration=60,
                ticks_per_second=100,
                num_pipelines=6,
                num_operators=3,
                waiting_seconds_mean=3.0,
                random_seed=103,
            ),
            Params(
                duration=60,
                ticks_per_second=100,
                num_pools=2,
                cpus_per_pool=10,
                ram_gb_per_pool=150,
                allow_memory_overcommit=True,
            ),
        ),
    }
    events = [
        of("loop", "naive", 50),
        of("loop", "priority", 40),
        of("defaults", "naive", 60),
        of("defaults", "priority", 60),
        of("ten times", "naive", 200),
        of("ten times", "priority", 200),
        of("overcommit", "overbook", 5),
    ]
    exact = [replace(each, calls="exact", target=5) for each in events]
    return [*events, *exact]


def cpu_s(work: Callable[[], object]) -> float:
    """CPU time of one call in this process, in seconds."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def measure(setup: Setup, rounds: int, other_cpu_s: dict[tuple[str, str], float]) -> Row:
    """Ours and the other one on the same trace; the other one's time is kept for further modes of calls."""
    trace = generate_trace(setup.workload, revision="eudoxia-cur")
    results: list[RunResult] = []

    def ours() -> None:
        results.append(simulate(trace, builtin_policy(setup.policy), setup.params, "eudoxia-cur", calls=setup.calls))

    best = min(cpu_s(ours) for _ in range(rounds))
    key = (setup.name, setup.policy)
    if key not in other_cpu_s:
        other_cpu_s[key] = _other_cpu_s(trace, setup)
    ticks = setup.params.max_ticks
    return Row(
        name=setup.name,
        policy=setup.policy,
        calls=setup.calls,
        ticks=ticks,
        events=results[-1].events,
        policy_calls=results[-1].policy_calls,
        ours=ticks / best,
        other=ticks / other_cpu_s[key],
        ratio=other_cpu_s[key] / best,
        target=setup.target,
    )


def other_name() -> str:
    """What the table compares with."""
    return "Eudoxia" if find_spec("eudoxia") and shutil.which("eudoxia") else "the slow reference of the tests"


def _other_cpu_s(trace: Trace, setup: Setup) -> float:
    if other_name() == "Eudoxia":
        return _eudoxia_cpu_s(trace, setup, setup.params.duration) - _eudoxia_cpu_s(
            trace, setup, 1 / setup.params.ticks_per_second
        )
    reference = Lakehouse(trace, setup.params, "eudoxia-cur")
    return cpu_s(lambda: reference.run(policy_source(setup.policy)))


def _eudoxia_cpu_s(trace: Trace, setup: Setup, duration: float) -> float:
    values = {**setup.params.as_dict(), "duration": duration, "scheduler_algo": setup.policy}
    with TemporaryDirectory() as folder:
        params, csv = Path(folder, "params.toml"), Path(folder, "trace.csv")
        params.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items()))
        csv.write_text(write_trace(trace))
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = ["eudoxia", "run", str(params), "-w", str(csv)]
        subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def generation(rounds: int) -> Row:
    """The files of the ten published traces, beside a generator that steps through the ticks as Eudoxia's does."""
    workloads = [
        WorkloadParams(num_pipelines=10 * scale, waiting_seconds_mean=10.0 * scale, num_operators=10, random_seed=seed)
        for scale in (1, 2, 4, 8, 16)
        for seed in PUBLISHED_SEEDS
    ]
    files: list[list[str]] = []

    def ours() -> None:
        files.append([write_trace(generate_trace(each)) for each in workloads])

    def other() -> None:
        files.append([csv_of(each, "eudoxia-pin") for each in workloads])

    ours_s, other_s = min(cpu_s(ours) for _ in range(rounds)), cpu_s(other)
    assert all(each == files[0] for each in files)
    ticks = sum(int(each.duration * each.ticks_per_second) for each in workloads)
    return Row(
        name="gentrace", policy="", calls="", ticks=ticks, events=0, policy_calls=0,
        ours=ticks / ours_s, other=ticks / other_s, ratio=other_s / ours_s, target=50,
    )  # fmt: skip


class GuestScheduler:
    """A guest's two functions as a scheduler; counts what it is sent."""

    def __init__(self, guest: Guest) -> None:
        self._guest = guest
        self.calls = self.sent_bytes = 0

    def start(self, message: Message, /) -> Message:
        return self._call("start", message)

    def step(self, message: Message, /) -> Message:
        return self._call("step", message)

    def _call(self, name: str, message: Message) -> Message:
        self.calls += 1
        self.sent_bytes += len(json.dumps(message, separators=(",", ":")))
        value: Value = message  # type: ignore[assignment]  # plain data, as session.py documents
        answer: Message = self._guest.call(name, value)  # type: ignore[assignment]  # checked by the engine
        return answer


def published_evaluation(policy: str) -> dict[str, float]:
    """CPU seconds of the ten published traces, in this process and in the strict sandbox (both sides)."""
    traces = published_traces()

    def run(scheduler: Scheduler, trace: Trace) -> None:
        assert simulate(trace, scheduler, compat="eudoxia-pin").fault is None

    begun = time.process_time()
    for trace in traces:
        run(builtin_policy(policy), trace)
    here = time.process_time() - begun
    package, program = build("public"), Program.from_text(policy_source(policy))
    calls = sent = 0
    guests_s = 0.0
    with StrictSandbox(test_itself=False) as sandbox:
        begun = time.process_time()
        for trace in traces:
            guest = sandbox.open(program, package.problem.interface, package.limits)
            scheduler = GuestScheduler(guest)
            run(scheduler, trace)
            guests_s += guest.usage.cpu_s
            guest.close()
            calls, sent = calls + scheduler.calls, sent + scheduler.sent_bytes
        host_s = time.process_time() - begun
    return {
        "in_process_s": here,
        "sandboxed_s": host_s + guests_s,
        "ratio": (host_s + guests_s) / here,
        "calls": calls,
        "bytes_per_call": sent / calls,
    }


def curves(rounds: int) -> list[Point]:
    """CPU time over ticks per second, pools and load, with the policy `priority` and the default rules."""
    points = []
    load = WorkloadParams(duration=60, num_pipelines=10, num_operators=10)
    base = Params(duration=60, num_pools=2)
    for tps in (10, 100, 1000, 10_000):
        workload, params = replace(load, ticks_per_second=tps), replace(base, ticks_per_second=tps)
        points.append(_point("ticks per second", tps, workload, params, rounds))
    for pools in (1, 2, 4, 8, 16):
        points.append(_point("pools", pools, load, replace(base, num_pools=pools), rounds))
    for batch in (2, 8, 32, 128):
        points.append(_point("pipelines per batch", batch, replace(load, num_pipelines=batch), base, rounds))
    return points


def _point(curve: str, x: float, workload: WorkloadParams, params: Params, rounds: int) -> Point:
    trace = generate_trace(workload, revision="eudoxia-cur")
    results: list[RunResult] = []
    best = min(
        cpu_s(lambda: results.append(simulate(trace, builtin_policy("priority"), params))) for _ in range(rounds)
    )
    return Point(curve=curve, x=x, ticks=params.max_ticks, events=results[-1].events, cpu_ms=1e3 * best)


def chart(points: list[Point]) -> str:
    """The curves as SVG, side by side: CPU time and events over what was varied, all axes logarithmic."""
    kinds: dict[str, tuple[str, Callable[[Point], float]]] = {
        "CPU ms": ("#0b6e99", lambda point: point.cpu_ms),
        "events": ("#b4540a", lambda point: point.events),
    }
    heights = [value(point) for _, value in kinds.values() for point in points]
    low, high = math.log10(min(heights)) - 0.2, math.log10(max(heights)) + 0.2

    def down(height: float) -> float:
        return round(220 - 180 * (math.log10(height) - low) / (high - low), 1)

    lines = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 270" font-family="sans-serif" font-size="12">',
        '<rect width="720" height="270" fill="#fff"/>',
        *(
            f'<text x="{60 + 80 * number}" y="20" fill="{colour}">{name}</text>'
            for number, (name, (colour, _)) in enumerate(kinds.items())
        ),
    ]
    for power in range(math.ceil(low), math.floor(high) + 1):
        y = down(10**power)
        lines.append(f'<path d="M50 {y}H710" stroke="#ddd"/>')
        lines.append(f'<text x="44" y="{y + 4}" text-anchor="end">{10**power:,}</text>')
    for panel, name in enumerate(dict.fromkeys(point.curve for point in points)):
        of = [point for point in points if point.curve == name]
        left = 70 + 225 * panel
        scale = 160 / math.log10(of[-1].x / of[0].x)
        across = [round(left + scale * math.log10(point.x / of[0].x), 1) for point in of]
        for x, point in zip(across, of, strict=True):
            lines.append(f'<text x="{x}" y="238" text-anchor="middle">{point.x:,.0f}</text>')
        lines.append(f'<text x="{left + 80}" y="260" text-anchor="middle">{name}</text>')
        for colour, value in kinds.values():
            places = [(x, down(value(point))) for x, point in zip(across, of, strict=True)]
            path = " ".join(f"{x},{y}" for x, y in places)
            lines.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
            lines += [f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>' for x, y in places]
    return "\n".join([*lines, "</svg>"]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="runs of ours, of which the best counts (default 5)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures as JSON")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="draw the curves")
    parser.add_argument("--only-curves", action="store_true", help="leave out all that is compared")
    options = parser.parse_args()
    rows, evaluations = ([], {}) if options.only_curves else _compared(options.rounds)
    points = curves(options.rounds)
    print(f"\n{'curve':<22}{'at':>8}{'ticks':>10}{'events':>9}{'CPU ms':>9}{'us/event':>10}")
    for point in points:
        each_us = 1e3 * point.cpu_ms / point.events
        print(f"{point.curve:<22}{point.x:>8g}{point.ticks:>10}{point.events:>9}{point.cpu_ms:>9.1f}{each_us:>10.1f}")
    if options.svg:
        options.svg.write_text(chart(points))
    if options.json:
        figures = {"rows": [asdict(row) for row in rows], "curves": [asdict(each) for each in points]}
        options.json.write_text(json.dumps({"beside": other_name(), **figures, "evaluation": evaluations}, indent=2))


def _compared(rounds: int) -> tuple[list[Row], dict[str, dict[str, float]]]:
    """Measures and prints all that is beside something else."""
    print(f"beside {other_name()}; ticks per CPU second; load {os.getloadavg()[0]:.1f}")
    print(f"{'set-up':<12}{'policy':<10}{'calls':<8}{'events':>8}{'ours':>14}{'other':>10}{'ratio':>8}{'target':>8}")
    other: dict[tuple[str, str], float] = {}
    rows = []
    for setup in _setups():
        rows.append(measure(setup, rounds, other))
        _show(rows[-1])
    rows.append(generation(rounds))
    _show(rows[-1])
    evaluations = {policy: published_evaluation(policy) for policy in ("naive", "priority")}
    for policy, found in evaluations.items():
        print(
            f"published evaluation, {policy}: {found['in_process_s']:.2f} CPU s, sandboxed {found['sandboxed_s']:.2f} "
            f"({found['ratio']:.1f}x), {found['calls']:.0f} calls of {found['bytes_per_call']:.0f} bytes on average"
        )
    return rows, evaluations


def _show(row: Row) -> None:
    print(
        f"{row.name:<12}{row.policy:<10}{row.calls:<8}{row.events:>8}{row.ours:>14,.0f}{row.other:>10,.0f}"
        f"{row.ratio:>8.1f}{row.target:>8g}"
    )


if __name__ == "__main__":
    main()
