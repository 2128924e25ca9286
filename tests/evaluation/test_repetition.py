"""Several results on one instance: their mean, and whether they agree bit for bit."""

from __future__ import annotations

import math
import statistics
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thekla.core.evaluation import FailureKind, Fault, InstanceResult
from thekla.evaluation.repetition import averaged, disagreement

SCORES = st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=6)


def result(score: float, *, behaviour: str = "") -> InstanceResult:
    return InstanceResult(scores={"score": score}, measures={"first": 2 * score}, behaviour=behaviour)


@given(scores=SCORES)
def test_the_average_is_the_mean_of_scores_and_measures(scores: list[float]) -> None:
    mean = averaged([result(score) for score in scores])
    assert mean.scores["score"] == pytest.approx(statistics.fmean(scores))
    assert mean.measures["first"] == pytest.approx(2 * statistics.fmean(scores))


def test_one_fault_is_the_result_and_no_result_has_no_average() -> None:
    fault = InstanceResult(fault=Fault(kind=FailureKind.CRASH, message="broke"))
    assert averaged([result(1.0), fault, result(2.0)]) is fault
    with pytest.raises(ValueError, match="no result to average"):
        averaged([])


def test_a_behaviour_is_known_only_if_that_of_every_repeat_is() -> None:
    assert averaged([result(1.0, behaviour="a"), result(1.0)]).behaviour == ""
    both = averaged([result(1.0, behaviour="a"), result(1.0, behaviour="b")])
    assert both.behaviour not in ("", averaged([result(1.0, behaviour="b"), result(1.0, behaviour="a")]).behaviour)


@given(score=st.floats(-1e9, 1e9))
def test_results_agree_bit_for_bit_or_the_difference_is_named(score: float) -> None:
    first = {"x": result(score, behaviour="a"), "y": result(0.0, behaviour="b")}
    assert disagreement(first, dict(first)) == ""
    off = {**first, "x": replace(first["x"], scores={"score": math.nextafter(score, math.inf)})}
    assert disagreement(first, off).startswith("on instance 'x' score 'score' was ")
    assert "instance 'y' score" in disagreement(first, {**first, "y": result(-0.0, behaviour="b")})
    other = {**first, "y": replace(first["y"], behaviour="c")}
    assert disagreement(first, other) == "on instance 'y' it decided otherwise, to the same score"
    measured = {**first, "y": replace(first["y"], measures={})}
    assert "measure 'first' was 0.0, then None" in disagreement(first, measured)


def test_a_second_evaluation_that_fails_is_a_difference() -> None:
    fault = Fault(kind=FailureKind.CPU, message="used up its 2 s of CPU time")
    said = disagreement({"x": result(1.0)}, {"x": InstanceResult(fault=fault)})
    assert said == "on instance 'x' the second one failed (cpu): used up its 2 s of CPU time"
