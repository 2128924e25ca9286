"""A race ends only what could not win: by proof never wrongly, by statistics with the stated error."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.evaluation.test_service import GOOD, CountingBackend, served

from thekla.core.evaluation import AGGREGATES, Failed, FailureKind, InstanceResult, Scored
from thekla.core.problem import Aggregate, Direction, Objective
from thekla.core.program import Program
from thekla.core.racing import Cutoff, Race, cutoff_of
from thekla.core.rng import stream
from thekla.evaluation.racing import has_lost, student_quantile
from thekla.testing.toy import ToyPackage

FINITE = st.floats(-1e6, 1e6)
ROWS = st.lists(st.tuples(FINITE, FINITE, st.floats(0, 1e6)), min_size=2, max_size=8)


def named(values: list[float]) -> dict[str, float]:
    return {f"x{place}": value for place, value in enumerate(values)}


def cutoff(rival: Mapping[str, float], error: float = 0.0) -> Cutoff:
    return Cutoff(rival=rival, order=tuple(rival), keep=3, error=error)


@given(
    rows=ROWS,
    met=st.integers(1, 7),
    direction=st.sampled_from(["minimize", "maximize"]),
    aggregate=st.sampled_from(sorted(AGGREGATES)),
)
def test_what_a_bound_proves_lost_would_have_lost(
    rows: list[tuple[float, float, float]], met: int, direction: Direction, aggregate: Aggregate
) -> None:
    objective = Objective(name="cost", unit="s", direction=direction, aggregate=aggregate)
    sign = 1 if direction == "maximize" else -1
    scores, rival = named([row[0] for row in rows]), named([row[1] for row in rows])
    bounds = {name: {"cost": scores[name] + sign * row[2]} for name, row in zip(scores, rows, strict=True)}
    seen = dict(list(scores.items())[: min(met, len(rows) - 1)])
    if has_lost(objective, seen, cutoff(rival), bounds):
        fold = AGGREGATES[aggregate]
        assert objective.gain(fold(list(scores.values()))) < objective.gain(fold(list(rival.values())))


def test_a_bound_that_is_not_known_proves_nothing() -> None:
    objective = Objective(name="cost", unit="s", direction="maximize")
    rival, seen = named([5.0, 5.0]), {"x0": 0.0}
    assert "even at the bound" in has_lost(objective, seen, cutoff(rival), {"x1": {"cost": 9.0}})
    assert has_lost(objective, seen, cutoff(rival), {"x1": {"cost": 10.0}}) == ""
    assert has_lost(objective, seen, cutoff(rival), {}) == ""


@pytest.mark.parametrize("error", [0.05, 0.2])
def test_statistics_stop_no_more_winners_than_stated_and_many_losers(error: float) -> None:
    """300 races of 20 instances for each: candidates that just win, and candidates that lose by a deviation."""
    objective = Objective(name="cost", unit="s", direction="maximize")
    rng = stream(0, "races", str(error))
    stopped = {"wins": 0, "loses": 0}
    for kind, shift in (("wins", 0.0), ("loses", -1.0)):
        for _ in range(300):
            rival = named([rng.gauss(10, 5) for _ in range(20)])
            gaps = [rng.gauss(shift, 1) for _ in rival]
            if kind == "wins":  # its mean is a little above the rival's, whatever was drawn
                gaps = [gap - sum(gaps) / 20 + 0.01 for gap in gaps]
            scores = {name: rival[name] + gap for name, gap in zip(rival, gaps, strict=True)}
            met = [dict(list(scores.items())[:count]) for count in range(1, 20)]
            stopped[kind] += any(has_lost(objective, seen, cutoff(rival, error), {}) for seen in met)
    assert stopped["wins"] / 300 <= error
    assert stopped["loses"] / 300 > 0.8


def test_student_quantiles_agree_with_tables() -> None:
    for level, freedom, expected in ((0.975, 1, 12.706), (0.975, 4, 2.776), (0.995, 10, 3.169), (0.95, 30, 1.697)):
        assert student_quantile(level, freedom) == pytest.approx(expected, abs=6e-4)
    assert student_quantile(0.5, 3) == pytest.approx(0.0, abs=1e-9)
    with pytest.raises(ValueError, match="not computed"):
        student_quantile(1.0, 3)


def scored(values: list[float]) -> Scored:
    instances = {name: InstanceResult(scores={"cost": value}) for name, value in named(values).items()}
    return Scored(scores={"cost": math.fsum(values) / len(values)}, instances=instances)


def test_the_cutoff_is_the_last_that_is_kept_and_its_order_begins_with_what_tells_most() -> None:
    objective = Objective(name="cost", unit="s", direction="minimize")
    told = [scored([5.0, 3.0 * level, 9.0 - level]) for level in (4.0, 1.0, 3.0, 2.0)]
    found = cutoff_of(Race(keep=2), objective, told, seed=0, ticket="t1")
    assert found is not None
    assert found.rival == named([5.0, 6.0, 7.0])
    assert found.order == ("x1", "x0", "x2"), "one instance ranks programs as all do, one not at all, one the other way"
    assert cutoff_of(Race(keep=5), objective, told, seed=0, ticket="t1") is None


def test_where_an_error_is_allowed_the_order_is_random_and_of_the_ticket() -> None:
    objective = Objective(name="cost", unit="s", direction="minimize")
    told = [scored([float(place) for place in range(12)])]
    race = Race(keep=1, error=0.1)
    orders = [cutoff_of(race, objective, told, seed=0, ticket=ticket) for ticket in ("t1", "t1", "t2")]
    assert orders[0] == orders[1] != orders[2]
    assert orders[0] is not None
    assert sorted(orders[0].order) == sorted(told[0].instances)


@pytest.mark.parametrize("wrong", [{"keep": 0}, {"error": 0.5}, {"error": -0.1}])
def test_a_race_that_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="keeps at least one and errs in"):
        Race(**wrong)  # type: ignore[arg-type]  # on purpose


def test_the_service_ends_an_evaluation_that_has_lost_and_no_other() -> None:
    package = ToyPackage()
    best = {"x1.0": 1.0, "x1.1": 1.0}
    hopeless = Cutoff(rival=best, order=("x1.1", "x1.0"), keep=10, error=0.0)
    backend = CountingBackend(package)
    told = served(lambda service: service.evaluate(GOOD, cutoff=hopeless), backend=backend, package=package)
    assert isinstance(told, Failed)
    assert (told.kind, told.stage) == (FailureKind.OUTRACED, "train")
    assert told.message == (
        "after 1 of 2 instances, even at the bound on all others it could not be among the best 10 of the run"
    )
    assert [job.instance.id for job in backend.jobs] == ["x1.05", "x1.1"]
    open_race = replace(hopeless, rival=dict.fromkeys(best, 0.1))
    free = served(lambda service: service.evaluate(GOOD, cutoff=open_race), package=package)
    assert free == served(lambda service: service.evaluate(GOOD), package=package)
    assert isinstance(free, Scored)
    assert list(free.instances) == ["x1.0", "x1.1"], "in the problem's order, whatever the race's"
    crash = Program.from_text("def answer():\n    return 1 / 0\n")
    assert isinstance(served(lambda service: service.evaluate(crash, cutoff=hopeless), package=package), Failed)
