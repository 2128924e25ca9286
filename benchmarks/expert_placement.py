"""What the rungs of expert placement reach, window by window, and what a plan costs.

    python benchmarks/expert_placement.py --figure docs/problems/expert-placement.svg

On the calibrated loads, seed 0: 58 layers of 256 experts, 288 slots, 32 GPUs. Each program runs in the sandbox. CPU
time is read from the kernel around each call of `plan`; `messages` is a program that returns what it has ready, so its
row is what encoding and decoding cost. Calls of all programs are interleaved, and the least time of each counts.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from thekla.core.problem import Split
from thekla.core.program import Program
from thekla.core.values import Array
from thekla.problems.expert_placement import FOLDER, build
from thekla.problems.expert_placement.oracle import clairvoyant
from thekla.problems.expert_placement.workloads import instance, scene
from thekla.sandbox import StrictSandbox
from thekla.simulators.moe import balancedness, gpu_loads

AT = instance("calibrated/s0", Split.TRAIN)
READY = """
import numpy as np

READY = []

def plan(s, load):
    if not READY:
        READY.append(np.tile(np.arange(s.slots, dtype=np.int32) % s.experts, (s.layers, 1)))
    return READY[0]
"""
LOOPS = ("loop-scan", "loop-lpt")
WIDTH, HEIGHT, LEFT, TOP, RIGHT = 760, 340, 50, 20, 120  # of the figure, in pixels
COLOURS = {"hierarchical": "#d9480f", "lpt": "#1c7ed6", "forecast": "#2b8a3e", "clairvoyant": "#777"}


def programs() -> dict[str, Program]:
    """All rungs of the suites `calibrated` and `speed` that run in a guest, and the one that only answers."""
    rungs = [*build("speed").baselines, *build("calibrated").baselines]
    found = {rung.name: rung.program for rung in rungs if rung.program is not None}
    return {"messages": Program.from_text(READY), **found}


def measure(rounds: int, turns: int) -> dict[str, dict[str, object]]:
    """Balance of each window and least CPU milliseconds of a plan, by program; further turns are timed only."""
    setting = scene(AT.id)
    layout, found = setting.layout, {}
    sizes = [layout.layers, layout.experts, layout.slots, layout.gpus, layout.nodes, layout.groups]
    limits = replace(FOLDER.limits, wall_s=3600.0, cpu_s=600.0)  # all take turns, on a machine that may be busy
    with StrictSandbox() as sandbox:
        guests = {name: sandbox.open(each, build().problem.interface, limits) for name, each in programs().items()}
        cpu_ms: dict[str, list[float]] = {name: [] for name in guests}
        balance: dict[str, list[float]] = {name: [] for name in guests}
        for guest in guests.values():
            guest.call("start", sizes)
        for step, window in enumerate(setting.windows[:-1]):
            message = Array(dtype="int32", shape=window.shape, data=window.astype("<i4").tobytes())
            for name, guest in guests.items():
                if step >= rounds and name in LOOPS:
                    continue
                before = guest.usage.cpu_s
                answer = guest.call("plan", message)
                cpu_ms[name].append(1000 * (guest.usage.cpu_s - before))
                assert isinstance(answer, Array)
                kind = "<i4" if answer.dtype == "int32" else "<i8"
                slot_map = np.frombuffer(answer.data, dtype=kind).reshape(answer.shape).astype(np.int64)
                loads = gpu_loads(layout, slot_map, setting.windows[step + 1])
                balance[name].append(balancedness(loads))
        for _ in range(turns):
            for name in guests.keys() - set(LOOPS):
                before = guests[name].usage.cpu_s
                guests[name].call("plan", message)
                cpu_ms[name].append(1000 * (guests[name].usage.cpu_s - before))
        for name, guest in guests.items():
            guest.close()
            found[name] = {"balance": balance[name], "cpu_ms": min(cpu_ms[name])}
    plan = clairvoyant(FOLDER.program("baselines/lpt.py").text, setting)
    told = [
        balancedness(gpu_loads(layout, plan(step), setting.windows[step + 1]))
        for step in range(len(setting.windows) - 1)
    ]
    return {**found, "clairvoyant": {"balance": told, "cpu_ms": None}}


def figure(balances: Mapping[str, Sequence[float]]) -> str:
    """Balance of the plans, window by window: a warm-up, a steady regime, a shift."""
    count = len(next(iter(balances.values())))

    def x(step: int) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * step / (count - 1)

    def y(value: float) -> float:
        return TOP + (HEIGHT - TOP - 40) * (1 - value) / 0.6

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        'font-size="13" fill="#777" role="img" aria-label="Balance in the window that a plan meets">'
    ]
    for tick in (0.4, 0.6, 0.8, 1.0):
        parts.append(f'<path d="M{LEFT} {y(tick):.1f}H{WIDTH - RIGHT}" stroke="#777" stroke-opacity=".35"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>')
    for step in range(count):
        parts.append(f'<text x="{x(step):.1f}" y="{HEIGHT - 20}" text-anchor="middle">{step + 1}</text>')
    parts.append(f'<text x="{LEFT}" y="{HEIGHT - 4}">window that the plan meets; loads shift at 9</text>')
    for place, (name, colour) in enumerate(COLOURS.items()):
        line = " ".join(f"{x(step):.1f},{y(value):.1f}" for step, value in enumerate(balances[name]))
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        where = TOP + 60 + 20 * place
        parts.append(f'<text x="{WIDTH - RIGHT + 14}" y="{where}" fill="{colour}">{name}</text>')
    return "\n".join([*parts, "</svg>", ""])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=4, help="plans of the programs in plain loops (default 4)")
    parser.add_argument("--turns", type=int, default=40, help="further plans of the others (default 40)")
    parser.add_argument("--figure", type=Path, help="write the figure here")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args()
    found = measure(given.rounds, given.turns)
    balances = {
        name: [float(each) for each in np.atleast_1d(np.asarray(row["balance"]))] for name, row in found.items()
    }
    if given.figure is not None:
        given.figure.write_text(figure(balances), encoding="utf-8")
    if given.json:
        sys.stdout.write(json.dumps(found) + "\n")
        return
    for name, row in found.items():
        shown = "told the next window" if row["cpu_ms"] is None else f"CPU {row['cpu_ms']:8.2f} ms a plan"
        note = f"(first {given.rounds} windows)" if name in LOOPS else ""
        sys.stdout.write(f"{name:16} balance {np.mean(balances[name]):.4f}  {shown} {note}\n")


if __name__ == "__main__":
    main()
