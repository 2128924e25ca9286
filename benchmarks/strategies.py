"""What a strategy costs: `python benchmarks/strategies.py [--candidates 100 10000] [--only greedy thekla] [--json]`.

Each row is the CPU time of one ask and one tell, at the end of a search of so many candidates with programs of so many
bytes: the last tenth of the search is measured, so that a cost that grows with the archive shows. Outcomes are made up,
and a tenth of them fails. The target is 1 ms for engine and strategy together, flat in both directions.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from thekla.assembly.build import build_strategy, components_of
from thekla.assembly.options import load_options
from thekla.core import registry
from thekla.core.evaluation import InstanceResult, Scored
from thekla.core.protocols import Strategy
from thekla.core.run import SEED, Ticket, Told
from thekla.testing.strategies import candidate_of, failed, search_problem

INSTANCES, STAGES = 16, 100


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table."""

    strategy: str
    candidates: int
    program_bytes: int
    cpu_ms: float


def made(name: str, budget: int) -> Strategy:
    """The strategy with its defaults for a budget."""
    options = load_options(problem="search", strategy=name, evaluations=budget)
    return build_strategy(components_of(options)["strategy"], search_problem(), seed=1)


def measure(name: str, candidates: int, program_bytes: int) -> Row:
    """The cost of one ask and one tell at the end of a search."""
    strategy, rng = made(name, candidates), random.Random(1)
    start = Ticket(id="s0", operator=SEED)
    texts = [body(rng, program_bytes) for _ in range(50)]
    outcomes = [[outcome(rng, stage / STAGES) for _ in range(20)] for stage in range(STAGES)]
    strategy.tell(Told(ticket=start, candidate=candidate_of(start, texts[0]), outcome=outcome(rng, 0)))
    measured, spent_s = max(1, candidates // 10), 0.0
    for step in range(candidates):
        counts = step >= candidates - measured
        begun_s = time.process_time()
        (ticket,) = strategy.ask(1)
        spent_s += (time.process_time() - begun_s) * counts
        text = f"# {step}\n{rng.choice(texts)}"
        result = failed() if rng.random() < 0.1 else rng.choice(outcomes[step * STAGES // candidates])
        told = Told(ticket=ticket, candidate=candidate_of(ticket, text), outcome=result)
        begun_s = time.process_time()
        strategy.tell(told)
        spent_s += (time.process_time() - begun_s) * counts
    cpu_ms = spent_s * 1000 / measured
    return Row(strategy=name, candidates=candidates, program_bytes=program_bytes, cpu_ms=cpu_ms)


def body(rng: random.Random, length: int) -> str:
    """A program of about that many bytes."""
    lines: list[str] = []
    while sum(len(line) for line in lines) < length:
        lines.append(
            f"    if queue[{rng.randrange(9)}].ram > {rng.random():.3f}: total += weight * {rng.randrange(99)}\n"
        )
    return "def schedule(queue):\n" + "".join(lines)


def outcome(rng: random.Random, progress: float) -> Scored:
    """A score that gets better on average, over some instances."""
    costs = {f"i{number}": 100 * (1 - 0.5 * progress) * rng.uniform(0.9, 1.5) for number in range(INSTANCES)}
    instances = {name: InstanceResult(scores={"cost": cost}) for name, cost in costs.items()}
    measures = {"m": rng.random(), "n": rng.random()}
    return Scored(scores={"cost": sum(costs.values()) / INSTANCES}, measures=measures, instances=instances)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is asked for, and print a line per row as it is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidates", type=int, nargs="+", default=[100, 1000, 10_000])
    parser.add_argument("--bytes", type=int, nargs="+", default=[1000, 20_000])
    parser.add_argument("--only", nargs="+", default=registry.names("strategies"))
    parser.add_argument("--json", action="store_true", help="print one JSON object per row")
    given = parser.parse_args(arguments)
    for name in given.only:
        for candidates in given.candidates:
            for program_bytes in given.bytes:
                row = measure(name, candidates, program_bytes)
                words = (
                    f"{row.strategy:12} {row.candidates:>7} candidates {row.program_bytes:>6} B {row.cpu_ms:8.3f} ms"
                )
                sys.stdout.write((json.dumps(asdict(row)) if given.json else words) + "\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
