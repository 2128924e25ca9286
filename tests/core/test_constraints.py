"""A feasible program comes before any other, and of the others the one that violates least."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thekla.core.codec import decode, encode
from thekla.core.constraints import constrained_value, parse_constraint, violation, written
from thekla.core.evaluation import InstanceResult, Scored
from thekla.core.preference import by_preference, dominates, front
from thekla.core.problem import Aggregate, Constraint, Function, Instance, Interface, Objective, Problem, Split
from thekla.core.program import Program

COST = Objective(name="cost", unit="s", direction="minimize")
MISSES = Constraint(name="misses", sense="at_most", limit=0.2)
SPEED = Constraint(name="speed", sense="at_least", limit=0.0, unit="1/s")


def outcome(*misses: float, cost: float = 1.0, **measures: float) -> Scored:
    instances = {
        str(place): InstanceResult(scores={"cost": cost}, measures={"misses": each, **measures})
        for place, each in enumerate(misses)
    }
    return Scored(scores={"cost": cost, "nodes": 30.0}, instances=instances)


@pytest.mark.parametrize("text", ["misses<=0.2", " misses <= .2 ", "speed>=-3", "a_b1>=1e3"])
def test_a_constraint_is_read_as_it_is_written(text: str) -> None:
    found = parse_constraint(text)
    assert parse_constraint(written(found)) == found
    assert decode(Constraint, encode(found)) == found


@pytest.mark.parametrize(
    "text", ["", "misses", "misses<0.2", "misses<=", "misses<=much", "<=3", "misses<=inf", "a b<=1"]
)
def test_what_is_no_constraint_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no constraint"):
        parse_constraint(text)


@pytest.mark.parametrize(
    ("aggregate", "value"), [(None, 0.5), ("mean", 0.3), ("min", 0.1), ("median", 0.3), ("sum", 0.6)]
)
def test_the_worst_instance_counts_unless_another_rule_is_named(aggregate: Aggregate | None, value: float) -> None:
    constraint = Constraint(name="misses", sense="at_most", limit=0.2, aggregate=aggregate)
    assert constrained_value(constraint, outcome(0.1, 0.5)) == pytest.approx(value)
    assert constrained_value(Constraint(name="misses", sense="at_least", limit=0), outcome(0.1, 0.5)) == 0.1


def test_a_number_of_the_whole_program_may_be_constrained() -> None:
    nodes = Constraint(name="nodes", sense="at_most", limit=20.0)
    assert violation([nodes], outcome(0.0)) == pytest.approx(0.5)


def test_a_violation_is_relative_to_its_limit_and_adds_up() -> None:
    assert violation([MISSES], outcome(0.2, 0.1)) == 0
    assert violation([MISSES], outcome(0.3, 0.1)) == pytest.approx(0.5)
    assert violation([MISSES, SPEED], outcome(0.3, speed=-2.0)) == pytest.approx(2.5)


def test_what_is_not_known_keeps_to_nothing() -> None:
    assert violation([SPEED], outcome(0.1)) == math.inf
    some = Scored(scores={"cost": 1.0}, instances={**outcome(0.1).instances, "x": InstanceResult(scores={"cost": 1.0})})
    assert violation([MISSES], some) == math.inf


def test_a_problem_refuses_a_constraint_on_what_it_does_not_have() -> None:
    def problem(name: str) -> Problem:
        return Problem(
            name="p",
            version="1",
            suite="default",
            statement="",
            interface=Interface(functions=(Function(name="f", parameters=(), result="int"),)),
            objectives=(COST,),
            seeds=(Program.from_text("x = 1\n"),),
            instances={Split.TRAIN: (Instance(id="a", split=Split.TRAIN, digest="0"),)},
            constraints=(Constraint(name=name, sense="at_most", limit=1.0),),
        )

    assert problem("cost").constraints
    with pytest.raises(ValueError, match="nothing called 'misses'"):
        problem("misses")
    with pytest.raises(ValueError, match="finite"):
        Constraint(name="cost", sense="at_most", limit=math.nan)


pairs = st.lists(
    st.tuples(st.floats(1, 100), st.floats(0, 3).map(lambda x: max(0.0, x - 1.5))), min_size=1, max_size=15
)


@given(pairs)
def test_feasible_programs_come_first_and_the_others_by_what_they_violate(found: list[tuple[float, float]]) -> None:
    order = by_preference((COST,), [{"cost": cost} for cost, _ in found], [beyond for _, beyond in found])
    assert sorted(order) == list(range(len(found)))
    keys = [(found[place][1], found[place][0], place) for place in order]
    assert keys == sorted(keys)


points = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(0, 6)), max_size=25)


@given(points)
def test_a_front_is_what_none_dominates_each_once(found: list[tuple[int, int, int]]) -> None:
    gains = [tuple(map(float, point)) for point in found]
    kept = front(gains)
    expected = {point for point in gains if not any(dominates(other, point) for other in gains)}
    assert {gains[place] for place in kept} == expected
    assert len(kept) == len(expected)
    assert all(gains.index(gains[place]) == place for place in kept)  # of equal ones the first
