"""What a short run of each preset writes down, event by event, stays as it is unless its version changes.

Digests of the tickets alone (`test_golden_strategies.py`) would not see another prompt, draw, outcome or finalist. A
digest that changes on purpose belongs to a new version of a part, or of the journal's format. Tuned presets are left
out: the arithmetic is the numerics library's.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from thekla.assembly.build import build_package, build_search, build_told_prompts, started_of
from thekla.assembly.options import load_options
from thekla.assembly.presets import load_preset, preset_names
from thekla.core.problem import ProblemRef
from thekla.core.rng import derive_seed
from thekla.engine import Clock, Engine, Journal, Parts
from thekla.evaluation.backends import InlineBackend
from thekla.evaluation.service import EvaluationService
from thekla.llm import Models
from thekla.storage import MemoryRun
from thekla.testing.guests import InProcessSandbox

GOLDEN: dict[str, str] = json.loads((Path(__file__).parents[1] / "data" / "journals.json").read_text(encoding="utf-8"))
TOY = ProblemRef(name="toy", suite="default")
PRESETS = [name for name in preset_names() if not load_preset(name).options.get("tune")]


def chain_of(preset: str) -> str:
    """The last link of the chain of 30 evaluations of the toy, four tickets in flight, up to the closed hold-out."""
    package, store = build_package(TOY), MemoryRun()
    options = load_options(
        problem="toy", preset=preset, generator="constants", prompts="plain", evaluations=30, in_flight=4, seed=3
    )
    started = replace(started_of(options, package, tier="trusted"), thekla="golden")
    strategy, generator = build_search(
        started.components, package.problem, Models({}), seed=derive_seed(options.seed, "strategy")
    )

    async def search() -> None:
        service = EvaluationService(
            package, InlineBackend(package, InProcessSandbox()), store, reference=TOY, tier=started.tier
        )
        parts = Parts(
            problem=package.problem,
            strategy=strategy,
            prompts=build_told_prompts(started.components),
            generator=generator,
            evaluator=service,
            baselines=package.baselines,
        )
        journal = Journal(store, store.run_id, Clock(now_s=lambda: 0.0, monotonic_s=lambda: 0.0))
        async with service:
            await Engine(parts, store, journal, run_id=store.run_id, started=started).run()

    asyncio.run(search())
    return list(store.events(store.run_id))[-1].chain


def test_every_preset_is_recorded() -> None:
    assert sorted(GOLDEN) == sorted(PRESETS)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_run_of_an_equal_seed_writes_what_it_wrote_when_it_was_recorded(preset: str) -> None:
    assert chain_of(preset) == GOLDEN[preset]
