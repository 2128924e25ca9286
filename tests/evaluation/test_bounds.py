"""A score better than a proven bound is told from one at it, whatever the objective's direction."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from thekla.core.evaluation import Breach, InstanceResult, Scored
from thekla.core.problem import Direction, Instance, Objective, Split
from thekla.evaluation.bounds import Bounds, breaches
from thekla.testing.toy import ToyPackage

FINITE = st.floats(-1e12, 1e12)
BOTH = st.sampled_from(["minimize", "maximize"])


def outcome(**scores: float) -> Scored:
    results = {name: InstanceResult(scores={"cost": score}) for name, score in scores.items()}
    return Scored(scores={"cost": sum(scores.values()) / len(scores)}, instances=results)


@given(direction=BOTH, bound=FINITE, by=st.floats(1e-6, 1e6))
def test_what_is_better_than_a_bound_breaches_it_and_what_is_at_it_or_worse_does_not(
    direction: Direction, bound: float, by: float
) -> None:
    objective = Objective(name="cost", unit="s", direction=direction)
    step = by * max(1.0, abs(bound)) * (1 if direction == "maximize" else -1)
    bounds = {"x": {"cost": bound}}
    assert breaches([objective], outcome(x=bound), bounds) == ()
    assert breaches([objective], outcome(x=bound - step), bounds) == ()
    found = breaches([objective], outcome(x=bound + step), bounds)
    assert found == (Breach(objective="cost", instance="x", score=bound + step, bound=bound),)


@given(bound=FINITE, ulps=st.integers(-4, 4))
def test_rounding_breaches_nothing(bound: float, ulps: int) -> None:
    objective = Objective(name="cost", unit="s", direction="minimize")
    assert breaches([objective], outcome(x=bound * (1 + ulps * 2**-52)), {"x": {"cost": bound}}) == ()


def test_the_bound_of_an_objective_holds_for_the_whole_split_and_a_missing_one_for_nothing() -> None:
    objective = Objective(name="cost", unit="s", direction="maximize", bound=1.0)
    assert breaches([objective], outcome(x=0.5, y=1.4), {}) == ()
    found = breaches([objective], outcome(x=0.9, y=1.4), {"x": {}, "y": {"cost": 1.3}})
    assert found == (
        Breach(objective="cost", instance="y", score=1.4, bound=1.3),
        Breach(objective="cost", instance="", score=1.15, bound=1.0),
    )


def test_the_bound_of_an_instance_is_computed_once() -> None:
    class Slow(ToyPackage):
        computed: list[str]

        def bound(self, instance: Instance) -> Mapping[str, float]:
            self.computed.append(instance.id)
            return super().bound(instance)

    package = Slow()
    package.computed = []
    train, validation = (package.problem.instances[split] for split in (Split.TRAIN, Split.VALIDATION))

    async def ask() -> list[dict[str, Mapping[str, float]]]:
        bounds = Bounds(package)
        return list(await asyncio.gather(bounds.of(train), bounds.of([*train, *validation]), bounds.of(train)))

    first, second, third = asyncio.run(ask())
    assert first == third == {"x1.0": {"score": 1.0}, "x1.1": {"score": 1.0}}
    assert list(second) == ["x1.0", "x1.1", "x0.9"]
    assert package.computed == ["x1.0", "x1.1", "x0.9"]
