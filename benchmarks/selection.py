"""Presets beside the engines they are named after, on a recorded population: which parents are drawn, and how often.

    python3 -m venv engines && engines/bin/pip install openevolve==0.4.0 gepa==0.1.4
    python benchmarks/selection.py --python engines/bin/python --engines openevolve gepa

ShinkaEvolve (`shinka-evolve==0.0.7`, `--engines shinka`) wants an environment of its own, as for `engines.py`.

Both sides are told the same children, each with its parent, island and score, a tenth of which failed; then each draws
parents on each island. `apart` is the total variation distance of the two distributions, half the sum of absolute
differences; `by chance` is that of two samples of the same size from the engine itself. Migration times are the numbers
of the children after which programs travelled.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from thekla.assembly.build import build_strategy, components_of
from thekla.assembly.options import load_options
from thekla.core.protocols import Strategy
from thekla.testing.populations import Child, record_told, recorded
from thekla.testing.strategies import search_problem

PRESETS = {"openevolve": "openevolve@0.4.0", "gepa": "gepa@0.1.4", "shinka": "shinka@0.0.7"}
ISLANDS = {"openevolve": 5, "gepa": 1, "shinka": 2}
WORKER = Path(__file__).with_name("selection_worker.py")


def told(preset: str, record: Sequence[Child]) -> Strategy:
    """The preset's strategy after the record, which it did not ask for."""
    options = load_options(problem="search", preset=preset)
    problem = search_problem(direction="maximize")
    strategy = build_strategy(components_of(options)["strategy"], problem, seed=1)
    for one in record_told(record):
        strategy.tell(one)
    return strategy


def drawn(preset: str, record: Sequence[Child], draws: int) -> dict[int, Counter[str]]:
    """How often each text is the parent of a ticket, by island."""
    found: dict[int, Counter[str]] = {}
    for ticket in told(preset, record).ask(draws):
        island = ticket.route.get("island", 0)
        assert isinstance(island, int)
        found.setdefault(island, Counter())[ticket.parents[0].program.text] += 1
    return found


def of_engine(python: str, engine: str, record: Sequence[Child], draws: int) -> Mapping[str, object]:
    """What the engine draws, in its own interpreter.

    Raises:
        subprocess.CalledProcessError: It failed; what it said is on stderr.
    """
    children = [{**asdict(child), "score": child.score} for child in record]
    given = json.dumps({"record": children, "draws": draws, "islands": ISLANDS[engine]})
    done = subprocess.run([python, str(WORKER), engine], input=given, stdout=subprocess.PIPE, check=True, text=True)
    found: Mapping[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


def apart(one: Mapping[str, int], other: Mapping[str, int]) -> float:
    """Total variation distance of two samples."""
    totals = sum(one.values()), sum(other.values())
    return 0.5 * sum(abs(one.get(key, 0) / totals[0] - other.get(key, 0) / totals[1]) for key in {*one, *other})


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare what is asked for, and print a line for each engine and length of the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", required=True, help="interpreter that has the engines")
    parser.add_argument("--engines", nargs="+", default=["openevolve", "gepa"], choices=list(PRESETS))
    parser.add_argument("--children", type=int, nargs="+", default=[30, 120, 400])
    parser.add_argument("--draws", type=int, default=4000, help="on each island")
    parser.add_argument(
        "--json", type=Path, help="write the engine's first samples to this file, as the tests have them"
    )
    given = parser.parse_args(arguments)
    kept: dict[str, list[dict[str, int]]] = {}
    for engine in given.engines:
        for children in given.children:
            record = recorded(children, islands=ISLANDS[engine], seed=1)
            ours = drawn(PRESETS[engine], record, given.draws * ISLANDS[engine])
            theirs = of_engine(given.python, engine, record, given.draws)
            samples = theirs["samples"]
            assert isinstance(samples, list)
            places = {child.text: str(place) for place, child in enumerate(record)}
            kept[PRESETS[engine]] = [{places[text]: count for text, count in first.items()} for first, _ in samples]
            for island, (first, second) in enumerate(samples):
                here, chance = apart(ours[island], first), apart(first, second)
                sys.stdout.write(
                    f"{PRESETS[engine]:18} {children:>5} children island {island}: apart {here:.3f}, "
                    f"by chance {chance:.3f}, {len(first)} and {len(ours[island])} parents\n"
                )
            sys.stdout.write(f"{'':18} the engine's migrations: {theirs['migrations']}\n")
            sys.stdout.flush()
    if given.json is not None:
        given.json.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
