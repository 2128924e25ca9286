"""What a search from the weak FIFO seed finds: several seeds, beside other strategies at equal budget.

Every run searches with the mutator alone. Runs of suite `siblings` never search on the ten public traces; the run of
suite `public` does, as the published loop did. One run takes about four minutes on two cores:

    python benchmarks/discovery.py --runs /tmp/runs                # all of them
    python benchmarks/discovery.py --runs /tmp/runs --only seed-0 random --json

Names: seed-0 to seed-4 (the demo's strategy), tuned-N (constants by an optimiser as well), thekla-N, random, greedy,
sampling, on-the-ten, default.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from thekla.analysis.ladder import ladder
from thekla.assembly import load_options, run, view
from thekla.core.problem import Split
from thekla.core.values import Data

EVALUATIONS, IN_FLIGHT = 150, 12  # as in the demo
SETTINGS: Mapping[str, Mapping[str, Any]] = {
    **{f"seed-{seed}": {"suite": "siblings", "strategy": "islands", "seed": seed} for seed in range(5)},
    **{f"tuned-{seed}": {"suite": "siblings", "strategy": "islands", "tune": True, "seed": seed} for seed in range(5)},
    **{f"thekla-{seed}": {"suite": "siblings", "strategy": "thekla", "seed": seed} for seed in range(5)},
    "random": {"suite": "siblings", "strategy": "random", "seed": 0},
    "greedy": {"suite": "siblings", "strategy": "greedy", "seed": 0},
    "sampling": {"suite": "siblings", "strategy": "sampling", "seed": 0},
    "on-the-ten": {"suite": "public", "strategy": "islands", "seed": 0},
    "default": {"suite": "default", "strategy": "islands", "seed": 0},
}


def measure(name: str, runs: Path, *, evaluations: int, workers: int) -> dict[str, Data]:
    """One run's scores per split, of the winner and of the seed program."""
    options = load_options(
        problem="lakehouse", evaluations=evaluations, in_flight=IN_FLIGHT, workers=workers, **SETTINGS[name]
    )
    result = run(options, runs=runs, observer=lambda progress: None)
    seen = view(str(result.path), runs)
    steps = ladder(seen)
    winner, seed = steps.of_role("winner"), steps.of_role("seed")
    row: dict[str, Data] = {"name": name, **SETTINGS[name], "run": result.run_id, "chain": seen.chain}
    for split in Split:
        for label, rung in (("winner", winner), ("seed_program", seed)):
            standing = rung.standings.get(split) if rung is not None else None
            if standing is not None:
                row[f"{label}_{split}"] = standing.score
    ledger = seen.ledger
    row |= {"evaluations": ledger.evaluations, "proposals": ledger.proposals, "wall_s": round(ledger.span_s or 0.0, 1)}
    return row


def main() -> None:
    """Run what is asked for, and print a line per run as it ends."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, required=True, help="folder of the run files")
    parser.add_argument("--only", nargs="*", choices=list(SETTINGS), default=list(SETTINGS), metavar="NAME")
    parser.add_argument("--evaluations", type=int, default=EVALUATIONS)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", action="store_true", help="print one JSON object per run")
    given = parser.parse_args()
    for name in given.only:
        row = measure(name, given.runs, evaluations=given.evaluations, workers=given.workers)
        if given.json:
            line = json.dumps(row)
        else:
            scores = [f"{key.removeprefix('winner_')} {row[key]:.2f}" for key in row if key.startswith("winner_")]
            line = f"{name:12} {', '.join(scores)}; {row['evaluations']} evaluations, {row['wall_s']} s"
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
