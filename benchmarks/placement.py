"""What the rungs of model placement reach and cost, cluster by cluster.

    python benchmarks/placement.py public
    python benchmarks/placement.py default --figure docs/problems/placement.svg
    python benchmarks/placement.py epochs

Each program runs in the sandbox. CPU time is read from the kernel around the call of `place`, messages included and
loading left out.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Mapping
from pathlib import Path

from thekla.core.problem import Split
from thekla.problems.placement import build
from thekla.sandbox import StrictSandbox

WIDTH, LEFT, TOP, ROW = 760, 130, 34, 34  # of the figure, in pixels

Found = Mapping[str, Mapping[str, tuple[float, float]]]


def measure(suite: str, split: Split) -> Found:
    """Score and CPU seconds, by rung and instance."""
    package = build(suite)
    problem, found = package.problem, {}
    with StrictSandbox() as sandbox:
        for rung in package.baselines:
            assert rung.program is not None  # placement has no oracle
            rows = {}
            for instance in problem.instances[split]:
                guest = sandbox.open(rung.program, problem.interface, package.limits)
                before = guest.usage.cpu_s
                result = package.referee.judge(guest, instance, seed=0)
                spent = guest.usage.cpu_s - before
                guest.close()
                rows[instance.id] = (result.scores[problem.objective.name], spent)
            found[rung.name] = rows
    return found


def figure(found: Found) -> str:
    """Efficiency of every rung: a dot for each cluster, a bar for the mean."""
    height = TOP + ROW * len(found) + 34

    def x(score: float) -> float:
        return LEFT + (WIDTH - LEFT - 30) * score

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" '
        'font-size="13" fill="#777" role="img" aria-label="Bound over pressure of every rung on the train clusters">',
        f'<text x="{LEFT}" y="16">bound over largest pressure; dots: clusters, bars: their mean</text>',
    ]
    for tick in (0, 0.25, 0.5, 0.75, 1):
        parts.append(f'<path d="M{x(tick):.1f} {TOP - 8}V{height - 26}" stroke="#777" stroke-opacity=".35"/>')
        parts.append(f'<text x="{x(tick):.1f}" y="{height - 8}" text-anchor="middle">{tick:g}</text>')
    for place, (name, rows) in enumerate(found.items()):
        y = TOP + ROW * (place + 0.5)
        scores = [score for score, _ in rows.values()]
        mean = x(statistics.fmean(scores))
        parts.append(f'<text x="{LEFT - 14}" y="{y + 4:.1f}" text-anchor="end">{name}</text>')
        parts.append(f'<path d="M{mean:.1f} {y - 10:.1f}v20" stroke="#d9480f" stroke-width="4"/>')
        parts += [f'<circle cx="{x(s):.1f}" cy="{y:.1f}" r="4" fill="#1c7ed6" fill-opacity=".6"/>' for s in scores]
    return "\n".join([*parts, "</svg>", ""])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suite", choices=["default", "epochs", "public"])
    parser.add_argument("--split", type=Split, choices=[Split.TRAIN, Split.VALIDATION], default=Split.TRAIN)
    parser.add_argument("--figure", type=Path, help="write the figure here")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args()
    found = measure(given.suite, given.split)
    if given.figure is not None:
        given.figure.write_text(figure(found), encoding="utf-8")
    if given.json:
        sys.stdout.write(json.dumps(found) + "\n")
        return
    for name, rows in found.items():
        scores, cpu_ms = [score for score, _ in rows.values()], [1000 * spent for _, spent in rows.values()]
        sys.stdout.write(
            f"{name:16} mean {statistics.fmean(scores):9.5f}  least {min(scores):9.5f}  "
            f"CPU mean {statistics.fmean(cpu_ms):8.1f} ms  most {max(cpu_ms):8.1f} ms\n"
        )
        if given.suite != "public":
            sys.stdout.write("".join(f"    {id:30} {score:.4f}\n" for id, (score, _) in rows.items()))


if __name__ == "__main__":
    main()
