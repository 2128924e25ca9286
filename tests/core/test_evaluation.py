"""Evaluations: a failure never holds a number, and the direction of an objective is applied in one place."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thekla.core.evaluation import (
    Failed,
    FailureKind,
    Fault,
    InstanceResult,
    Limits,
    Scored,
    Usage,
    fold_results,
)
from thekla.core.problem import Objective

finite = st.floats(allow_nan=False, allow_infinity=False, width=32)


def test_a_failure_holds_no_number_that_could_compete_with_a_score() -> None:
    fields = {field.name: field.type for field in dataclasses.fields(Failed)}
    text = {"kind": "FailureKind", "stage": "str", "message": "str", "traceback": "str"}
    assert fields == {**text, "cost": "Usage", "breaches": "tuple[Breach, ...]"}  # evidence, and never on its own


@given(a=finite, b=finite)
def test_more_gain_is_better_in_both_directions(a: float, b: float) -> None:
    down = Objective(name="latency", unit="s", direction="minimize")
    up = Objective(name="throughput", unit="1/s", direction="maximize")
    assert (down.gain(a) > down.gain(b)) == (a < b)
    assert (up.gain(a) > up.gain(b)) == (a > b)


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_not_finite_has_no_gain(score: float) -> None:
    with pytest.raises(ValueError, match="not finite"):
        Objective(name="latency", unit="s", direction="minimize").gain(score)


@pytest.mark.parametrize("score", [math.nan, math.inf, 1, True, "1.0"])
def test_an_instance_result_takes_finite_floats_only(score: object) -> None:
    with pytest.raises(ValueError, match="finite float"):
        InstanceResult(scores={"latency": score})  # type: ignore[dict-item]  # on purpose


def test_an_instance_result_holds_either_scores_or_a_fault() -> None:
    fault = Fault(kind=FailureKind.CRASH, message="it broke")
    for scores, given_fault in (({}, None), ({"latency": 1.0}, fault)):
        with pytest.raises(ValueError, match="either"):
            InstanceResult(scores=scores, fault=given_fault)


@given(
    values=st.lists(finite, min_size=1, max_size=12), aggregate=st.sampled_from(["mean", "median", "sum", "min", "max"])
)
def test_a_fold_aggregates_the_instances(values: list[float], aggregate: str) -> None:
    objective = Objective(name="x", unit="1", direction="minimize", aggregate=aggregate)  # type: ignore[arg-type]  # sampled
    results = {str(i): InstanceResult(scores={"x": value}) for i, value in enumerate(values)}
    outcome = fold_results([objective], results, stage="train", tier="strict", cost=Usage())
    folds: dict[str, Callable[[list[float]], float]] = {
        "mean": statistics.fmean,
        "median": statistics.median,
        "sum": math.fsum,
        "min": min,
        "max": max,
    }
    assert isinstance(outcome, Scored)
    assert outcome.scores == {"x": folds[aggregate](values)}


def test_one_fault_fails_the_program_and_is_never_left_out_of_an_average() -> None:
    objective = Objective(name="x", unit="1", direction="minimize")
    results = {
        "easy": InstanceResult(scores={"x": 1.0}),
        "hard": InstanceResult(fault=Fault(kind=FailureKind.TIMEOUT, message="no answer in 30 s")),
    }
    cost = Usage(cpu_s=3.0)
    outcome = fold_results([objective], results, stage="train", tier="strict", cost=cost)
    assert outcome == Failed(kind=FailureKind.TIMEOUT, stage="train", message="on instance 'hard': no answer in 30 s")
    assert outcome.cost == cost


def test_a_referee_that_forgets_an_objective_is_a_bug() -> None:
    objective = Objective(name="x", unit="1", direction="minimize")
    with pytest.raises(ValueError, match="no score 'x'"):
        fold_results([objective], {"a": InstanceResult(scores={"y": 1.0})}, stage="", tier="", cost=Usage())
    with pytest.raises(ValueError, match="no instance"):
        fold_results([objective], {}, stage="", tier="", cost=Usage())


def test_usage_adds_times_and_keeps_the_highest_memory() -> None:
    total = Usage(cpu_s=1.0, wall_s=2.0, peak_memory_mb=50.0) + Usage(cpu_s=0.5, wall_s=1.0, peak_memory_mb=20.0)
    assert total == Usage(cpu_s=1.5, wall_s=3.0, peak_memory_mb=50.0)


@pytest.mark.parametrize("name", ["wall_s", "cpu_s", "memory_mb", "frame_kib"])
@pytest.mark.parametrize("value", [0, -1, math.inf, math.nan])
def test_a_limit_must_limit(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        Limits(**{name: value})  # type: ignore[arg-type]  # on purpose
