"""What each strategy and preset asks at a fixed seed, tickets and routes, stays as it is unless its version changes.

A digest that changes on purpose belongs to a new `version` of the strategy: runs in the journals of others cannot be
resumed by another selection under the same name. Tuned presets are left out: the arithmetic is the numerics library's.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from thekla.assembly.build import build_strategy, components_of
from thekla.assembly.options import load_options
from thekla.assembly.presets import load_preset, preset_names
from thekla.testing.strategies import search_problem, simulate_search

GOLDEN: dict[str, str] = json.loads(
    (Path(__file__).parents[1] / "data" / "strategies.json").read_text(encoding="utf-8")
)
STRATEGIES = (
    *("adaevolve", "annealing", "beam", "best_of_n", "eoh", "evox", "funsearch", "gepa", "greedy", "islands", "levi"),
    *("mcts_ahd", "moead", "nsga2", "openevolve", "random", "reevo", "sampling", "shinka", "thekla", "topk"),
)
PRESETS = [f"preset {name}" for name in preset_names() if not load_preset(name).options.get("tune")]


def digest(name: str) -> str:
    """SHA-256 of 150 tickets as text, four in flight, outcomes told in a random order."""
    preset = name.removeprefix("preset ") if name.startswith("preset ") else None
    options = load_options(problem="search", evaluations=150, preset=preset, strategy=None if preset else name)
    strategy = build_strategy(components_of(options)["strategy"], search_problem(), seed=5)
    return hashlib.sha256("\n".join(simulate_search(strategy, steps=150, in_flight=4, seed=9)).encode()).hexdigest()


def test_every_strategy_and_preset_is_recorded() -> None:
    assert sorted(GOLDEN) == sorted([*STRATEGIES, *PRESETS])


@pytest.mark.parametrize("name", [*STRATEGIES, *PRESETS])
def test_an_equal_seed_asks_what_it_asked_when_it_was_recorded(name: str) -> None:
    assert digest(name) == GOLDEN[name]
