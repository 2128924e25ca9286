"""What a search with the mutator gains on the first seed of problems, with and without tuning of constants.

    python benchmarks/gains.py --runs runs llm-sql placement:epochs

A problem may name a suite after a colon. Each is searched twice, without and with `--tune`: strategy `islands`, 300
evaluations, eight tickets in flight. Gains are in the objective's unit, more is better whatever its direction: the mean
over instances of the winner's score less the first seed's, with a 95 % bootstrap interval over the instances.

Each search has a folder of its own within that of `--runs`: what was interrupted goes on where it stopped, and what has
ended is only read.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from thekla.analysis.ladder import compare_with_seed, ladder
from thekla.analysis.reading import CandidateView
from thekla.analysis.statistics import PairedComparison
from thekla.assembly import RunResult, list_runs, load_options, resume, run, view
from thekla.core.problem import Split
from thekla.engine import Progress

SPLITS = (Split.TRAIN, Split.VALIDATION, Split.HOLDOUT)


def measure(problem: str, *, tune: bool, given: argparse.Namespace) -> dict[str, Any]:
    """Scores of the first seed and of the winner of one run, with the gain, by split."""
    result = search(problem, tune=tune, given=given)
    seen = view(str(result.path), None)
    steps = ladder(seen)
    compared, seed, best = compare_with_seed(seen, steps), steps.of_role("seed"), steps.best
    rows = {}
    for split in SPLITS:
        ours, theirs = (rung.standings.get(split) if rung is not None else None for rung in (best, seed))
        if ours is not None and theirs is not None:
            rows[split.value] = {"seed": theirs.score, "winner": ours.score, **_gain(compared.get(split))}
    spent = {"evaluations": seen.ledger.evaluations, "proposals": seen.ledger.proposals, "wall_s": seen.ledger.span_s}
    return {"problem": problem, "tune": tune, "run": result.run_id, "operator": _operator(seen.best), **rows, **spent}


def search(problem: str, *, tune: bool, given: argparse.Namespace) -> RunResult:
    """The search to its end: from its beginning, or from where it was interrupted."""
    name, _, suite = problem.partition(":")
    suite = suite or "default"
    tuning = "with" if tune else "without"
    runs: Path = given.runs / f"{name}-{suite}-{tuning}-{given.evaluations}-{given.seed}"
    if earlier := list_runs(runs):
        return resume(earlier[0].run_id, runs=runs, workers=given.workers, observer=_nobody)
    options = load_options(
        problem=name,
        suite=suite,
        tune=tune,
        strategy="islands",
        seed=given.seed,
        evaluations=given.evaluations,
        in_flight=8,
        workers=given.workers,
    )
    return run(options, runs=runs, observer=_nobody)


def _nobody(progress: Progress) -> None:
    """Nobody looks on."""


def _operator(best: CandidateView | None) -> str:
    """How the winner came about, as in `tune` or `seed`."""
    return best.operator if best is not None else ""


def _gain(compared: PairedComparison | None) -> Mapping[str, Any]:
    """The mean gain and its interval; nothing where the seed won, or where a score is missing."""
    if compared is None:
        return {}
    interval = compared.mean_interval
    return {
        "gain": compared.mean,
        "interval": [interval.low, interval.high] if interval is not None else None,
        "instances": compared.n,
    }


def main() -> None:
    """Search, and print a line per run as it ends."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("problems", nargs="+", help="names of problems, each with a suite after a colon if need be")
    parser.add_argument("--runs", type=Path, required=True, help="folder of the run files")
    parser.add_argument("--evaluations", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0, help="of the runs")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--tune", choices=("without", "with", "both"), default="both")
    given = parser.parse_args()
    for problem in given.problems:
        for tune in {"without": (False,), "with": (True,), "both": (False, True)}[given.tune]:
            sys.stdout.write(json.dumps(measure(problem, tune=tune, given=given)) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
