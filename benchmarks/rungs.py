"""What the rungs of a problem's ladder reach and cost, instance by instance.

    python benchmarks/rungs.py placement:public
    python benchmarks/rungs.py transactions-offline --rungs annealing heat-bath
    python benchmarks/rungs.py placement --figure docs/problems/placement.svg --ticks 0 0.25 0.5 0.75 1
    python benchmarks/rungs.py transactions-online --figure online.svg --ticks 2.5 2 1.5 1 0.5 0

Each program runs in the sandbox. CPU time is read from the kernel around the judging of an instance, messages included
and loading left out. `--wall-s` gives them more wall time than the problem does, for a machine that is busy.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from dots import draw

from thekla.assembly.build import build_package
from thekla.core.problem import ProblemRef, Split
from thekla.core.protocols import ProblemPackage
from thekla.sandbox import StrictSandbox

Found = Mapping[str, Mapping[str, tuple[float, float]]]


def measure(package: ProblemPackage, split: Split, *, only: Sequence[str], wall_s: float | None) -> Found:
    """Score and CPU seconds, by rung and instance; rungs that run on the host are left out."""
    problem, found = package.problem, {}
    limits = package.limits if wall_s is None else replace(package.limits, wall_s=wall_s)
    with StrictSandbox() as sandbox:
        for rung in package.baselines:
            if rung.program is None or (only and rung.name not in only):
                continue
            rows = {}
            for instance in problem.instances[split]:
                guest = sandbox.open(rung.program, problem.interface, limits)
                before = guest.usage.cpu_s
                result = package.referee.judge(guest, instance, seed=0)
                spent = guest.usage.cpu_s - before
                guest.close()
                if result.fault is not None:
                    sys.exit(f"{rung.name} on {instance.id}: {result.fault.kind}: {result.fault.message}")
                rows[instance.id] = (result.scores[problem.objective.name], spent)
            found[rung.name] = rows
    return found


def figure(found: Found, title: str, ticks: Sequence[float]) -> str:
    """The scores of every rung, and the mean of them, on an axis with these ticks."""
    rows = {name: [score for score, _ in scores.values()] for name, scores in found.items()}
    digits = 1 if max(ticks) > 10 else 3
    note = f"{title}; dots: instances, bars: their mean"
    return draw(rows, ticks={tick: f"{tick:g}" for tick in ticks}, title=title, note=note, digits=digits)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("problem", help="its name, with a suite after a colon if need be")
    parser.add_argument("--split", type=Split, choices=[Split.TRAIN, Split.VALIDATION], default=Split.TRAIN)
    parser.add_argument("--rungs", nargs="+", default=(), help="only these")
    parser.add_argument("--wall-s", type=float, help="limit on wall time, for each instance")
    parser.add_argument("--figure", type=Path, help="write a figure here")
    parser.add_argument("--title", help="of the figure; the objective if none is given")
    parser.add_argument("--ticks", type=float, nargs="+", default=(0.0, 0.25, 0.5, 0.75, 1.0), help="of its axis")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args()
    name, _, suite = given.problem.partition(":")
    package = build_package(ProblemRef(name=name, suite=suite or "default"))
    found = measure(package, given.split, only=given.rungs, wall_s=given.wall_s)
    if given.figure is not None:
        title = given.title or package.problem.objective.name
        given.figure.write_text(figure(found, title, given.ticks), encoding="utf-8")
    if given.json:
        sys.stdout.write(json.dumps(found) + "\n")
        return
    for rung, rows in found.items():
        scores, cpu_ms = [score for score, _ in rows.values()], [1000 * spent for _, spent in rows.values()]
        sys.stdout.write(
            f"{rung:16} mean {statistics.fmean(scores):9.5f}  least {min(scores):9.5f}  most {max(scores):9.5f}  "
            f"CPU mean {statistics.fmean(cpu_ms):8.1f} ms  most {max(cpu_ms):8.1f} ms\n"
        )
        if len(rows) <= 20:  # not the fifty public cases of placement
            sys.stdout.write("".join(f"    {id:30} {score:.4f}\n" for id, (score, _) in rows.items()))


if __name__ == "__main__":
    main()
