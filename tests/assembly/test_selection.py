"""Presets draw the parents that their engines draw, from a recorded population.

`tests/data/selection.json` holds 4,000 draws of each engine on each of its islands after 120 children, by the place of
the parent in the record (`benchmarks/selection.py --children 120 --json FILE` wrote it).
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from thekla.assembly.build import build_strategy, components_of
from thekla.assembly.options import load_options
from thekla.testing.populations import record_told, recorded
from thekla.testing.strategies import search_problem

ENGINES: dict[str, list[dict[str, int]]] = json.loads(
    (Path(__file__).parents[1] / "data" / "selection.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize(("preset", "draws"), [("openevolve@0.4.0", 500), ("gepa@0.1.4", 500), ("shinka@0.0.7", 500)])
def test_a_preset_draws_parents_as_often_as_its_engine(preset: str, draws: int) -> None:
    """Total variation, mean of islands: below 0.12, where chance alone makes some 0.07."""
    engine = ENGINES[preset]
    record = recorded(120, islands=len(engine), seed=1)
    options = load_options(problem="search", preset=preset)
    strategy = build_strategy(components_of(options)["strategy"], search_problem(direction="maximize"), seed=1)
    for told in record_told(record):
        strategy.tell(told)
    drawn = [Counter[str]() for _ in engine]
    for ticket in strategy.ask(draws * len(engine)):
        island = ticket.route.get("island", 0)
        assert isinstance(island, int)
        drawn[island][ticket.parents[0].id.removeprefix("r")] += 1
    apart = [
        sum(abs(theirs[one] / 4000 - ours[one] / ours.total()) for one in {*theirs, *ours}) / 2
        for theirs, ours in zip(map(Counter, engine), drawn, strict=True)
    ]
    assert sum(apart) / len(apart) < 0.12, apart
