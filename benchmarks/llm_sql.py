"""What the rungs of LLM-SQL save and cost: hit rate and CPU time on the public table, points on the generated ones.

    python benchmarks/llm_sql.py public            # needs the public table: thekla data fetch llm_sql/beer.csv.gz
    python benchmarks/llm_sql.py default --figure docs/problems/llm-sql.svg

Each program runs in the sandbox; CPU time is read from the kernel, for a call with the whole table, reading it and
encoding the answer included. Rounds are interleaved, so that a busy machine burdens all rungs alike; the minimum and
the ratio of medians to GGR's are given.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from dots import draw

from thekla.core.problem import Split
from thekla.core.program import Program
from thekla.problems.llm_sql import build
from thekla.problems.llm_sql.referee import message_of, read_prompts
from thekla.problems.llm_sql.workloads import scene
from thekla.sandbox import StrictSandbox


def measure(programs: Mapping[str, Program], ids: Sequence[str], rounds: int) -> dict[str, dict[str, dict[str, float]]]:
    """Hit rate, points (if there is a bound) and CPU seconds, by instance and program."""
    problem, limits = build("public").problem, build("public").limits
    found: dict[str, dict[str, dict[str, float]]] = {}
    with StrictSandbox() as sandbox:
        for id in ids:
            setting = scene(id)
            cpu_s: dict[str, list[float]] = {name: [] for name in programs}
            hits: dict[str, int] = {}
            for _ in range(rounds):
                for name, program in programs.items():
                    guest = sandbox.open(program, problem.interface, limits)
                    before = guest.usage.cpu_s
                    answer = guest.call("reorder", message_of(setting.table, setting.metric))
                    cpu_s[name].append(guest.usage.cpu_s - before)
                    guest.close()
                    if name not in hits:
                        hits[name] = setting.metric.hits(setting.table, read_prompts(answer, setting.table))
            found[id] = {
                name: {
                    "hit_rate": hits[name] / setting.total,
                    **_points(hits[name], setting.original, setting.bound),
                    "cpu_s": min(cpu_s[name]),
                    "relative_cpu": statistics.median(cpu_s[name]) / statistics.median(cpu_s["ggr"]),
                }
                for name in programs
            }
    return found


def _points(hits: int, original: int, bound: int | None) -> dict[str, float]:
    return {} if bound is None else {"points": 100 * (hits - original) / (bound - original)}


def figure(found: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """Points of every rung: a dot for each table, a bar for the mean."""
    names = next(iter(found.values()))
    rows = {name: [rungs[name]["points"] for rungs in found.values()] for name in names}
    ticks: dict[float, str] = {
        tick: {0: "original order", 100: "bound"}.get(tick, str(tick)) for tick in range(0, 101, 20)
    }
    title = "Points of every rung on the train tables"
    return draw(rows, ticks=ticks, title=title, note="points; dots: the six tables, bars: their mean", digits=1)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suite", choices=["default", "public"])
    parser.add_argument("--rounds", type=int, default=5, help="calls of each program (default 5)")
    parser.add_argument("--figure", type=Path, help="write the figure of suite default here")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args()
    package = build(given.suite)
    programs = {rung.name: rung.program for rung in package.baselines if rung.program is not None}
    ids = [instance.id for instance in package.problem.instances[Split.TRAIN]]
    found = measure(programs, ids, given.rounds)
    if given.figure is not None:
        given.figure.write_text(figure(found), encoding="utf-8")
    if given.json:
        sys.stdout.write(json.dumps({"rounds": given.rounds, "found": found}) + "\n")
        return
    for id, rungs in found.items():
        sys.stdout.write(f"{id}\n")
        for name, figures in rungs.items():
            shown = "  ".join(f"{key} {value:8.4f}" for key, value in figures.items())
            sys.stdout.write(f"  {name:18}{shown}\n")


if __name__ == "__main__":
    main()
