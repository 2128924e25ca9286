"""Published engines as they are installed beside the house's strategies, on the same proposals.

    python3 -m venv engines && engines/bin/pip install openevolve==0.4.0 gepa==0.1.4 skydiscover==0.1.0
    python benchmarks/engines.py --python engines/bin/python --seeds 5

ShinkaEvolve (`shinka-evolve==0.0.7`, `--engines shinka`) wants other versions of some packages, and an environment of
its own.

The engines run in that interpreter (`engine_drivers.py`) against the laboratory's endpoint: their k-th request gets
the draws of the k-th ticket of the strategies. All have one proposal in flight. A score counts at the request whose
answer held its program, so an engine that asks again after an answer without one is charged for both, as strategies
are; evaluating a program again costs nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import thekla
from thekla.assembly.laboratory import contender
from thekla.laboratory.endpoint import synthetic_script
from thekla.laboratory.problems import LABORATORY
from thekla.laboratory.summary import Summary, summarise
from thekla.laboratory.trial import Trial, run_trial
from thekla.testing.model_server import ModelServer

ENGINES = ("openevolve", "gepa", "skydiscover-adaevolve", "skydiscover-topk")
ON_REQUEST = ("shinka",)
STRATEGIES = ("thekla", "thekla+tune", "greedy", "openevolve@0.4.0", "gepa@0.1.4")
DRIVERS = Path(__file__).with_name("engine_drivers.py")


def engine_trial(python: str, engine: str, problem: str, *, seed: int, proposals: int) -> Trial:
    """One search by an installed engine.

    Raises:
        subprocess.CalledProcessError: It failed; what it said is on stderr.
    """
    lab = LABORATORY[problem]()
    answers: list[str] = []
    script = synthetic_script(lab, seed=seed, observer=lambda program: answers.append(program.id if program else ""))
    with TemporaryDirectory() as folder, ModelServer(script) as server:
        paths = [str(Path(package).parent) for package in thekla.__path__]
        environment = {"PATH": os.environ["PATH"], "HOME": folder, "PYTHONPATH": os.pathsep.join(paths)}
        subprocess.run(
            [python, str(DRIVERS), engine, problem, server.url, str(seed), str(proposals), folder],
            check=True,
            env=environment,
            stdout=subprocess.DEVNULL,
        )
        lines = (Path(folder) / "scores.txt").read_text(encoding="utf-8").split("\n")[:-1]
    asked = [*answers, *[""] * proposals][:proposals]
    best = best_by_request(lines, asked)
    return Trial(contender=f"{engine} (engine)", problem=problem, seed=seed, best=best)


def best_by_request(lines: Sequence[str], answers: Sequence[str]) -> tuple[float, ...]:
    """The best score after each request, the seed program's first.

    Args:
        lines: As `ID SCORE`, the seed program's first.
        answers: The id of the program that each request was answered by, empty for none.
    """
    scores: dict[str, float] = {}
    for line in lines:
        program, _, score = line.partition(" ")
        scores.setdefault(program, float(score))
    best = [float(lines[0].partition(" ")[2])]
    for program in answers:
        best.append(max(best[-1], scores.get(program, best[-1])))
    return tuple(best)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is asked for, and print a line per contender and problem."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", required=True, help="interpreter that has the engines")
    parser.add_argument("--engines", nargs="+", default=ENGINES, choices=(*ENGINES, *ON_REQUEST))
    parser.add_argument("--strategies", nargs="+", default=STRATEGIES)
    parser.add_argument("--problems", nargs="+", default=["fmin5"], choices=list(LABORATORY))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--proposals", type=int, default=200)
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    given = parser.parse_args(arguments)
    trials: list[Trial] = []
    for problem in given.problems:
        for seed in range(1, given.seeds + 1):
            for name in given.strategies:
                trials.append(run_trial(contender(name), LABORATORY[problem](), seed=seed, proposals=given.proposals))
            for engine in given.engines:
                trials.append(engine_trial(given.python, engine, problem, seed=seed, proposals=given.proposals))
    sys.stdout.write(json.dumps(asdict(summarise(trials))) + "\n" if given.json else table(summarise(trials)))


def table(summary: Summary) -> str:
    """Medians, areas and p-values by problem, in the order of mean ranks."""
    rows = [
        f"{one.problem:12} {one.contender:24} median {one.median:.3f} area {one.area:.3f} p {one.p_value:.3f} "
        f"mean rank {summary.ranks[one.contender]:.2f}"
        for one in sorted(summary.standings, key=lambda one: (one.problem, summary.ranks[one.contender]))
    ]
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    main()
