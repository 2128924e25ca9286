"""Numbers of a program as parameters: found where they may be tuned, and written without touching anything else."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thekla.core.literals import Literal, literals_of, skeleton_of, with_literals

PROGRAM = '''"""Grüße: 3 pools."""
LIMIT = 64

def schedule(s, jobs):
    share = min(0.5, 7 / (1 + len(jobs)))  # ü 9
    weight = -2.5 if share > 0.25 else 1.5e2; tail = jobs[:4]
    floor = 30  # thekla: fixed
    top = 8  # thekla: range 2 16
    if s.kind == 3 or len(jobs) > 12:
        return f"{99}"
    while 2:
        return [job for job in jobs if job != 5][3:]
'''


def values(text: str) -> list[float]:
    return [literal.value for literal in literals_of(text)]


def test_numbers_are_parameters_and_structure_is_not() -> None:
    assert values(PROGRAM) == [64, 0.5, 7, 2.5, 0.25, 150.0, 8, 12]


@pytest.mark.parametrize("text", ["x = (", "", "x = True", "x = 0, 1, -1", "x = 1e999", "x = 3j", "x = 10**400 * 0.0"])
def test_nothing_is_tuned_where_there_is_nothing_to_tune(text: str) -> None:
    assert values(text) in ([], [10.0, 400.0])


def test_a_declared_range_holds() -> None:
    (top,) = [literal for literal in literals_of(PROGRAM) if literal.value == 8]
    assert [top.written(value) for value in (0.1, 7.6, 99.0)] == ["2", "8", "16"]


def test_integers_stay_integers_and_numbers_keep_their_sign() -> None:
    whole, real = literals_of("x = 5 * -2.5")
    assert [whole.written(value) for value in (0.01, 3.49, 1e3)] == ["1", "3", "1000"]
    assert with_literals("x = 5 * -2.5", (whole, real), (9.6, 1 / 3)) == "x = 10 * -0.33333"
    assert real.written(2.0) == "2.0"


def test_a_line_that_only_the_parser_sees_is_left_alone() -> None:
    assert values("a = 5.5\rb = 6.5\n") in ([], [5.5])


def test_one_value_is_needed_for_each_literal() -> None:
    with pytest.raises(ValueError, match="1 values for 8 literals"):
        with_literals(PROGRAM, literals_of(PROGRAM), [1.0])


def other(literal: Literal) -> st.SearchStrategy[float]:
    return st.floats(min(literal.low, 1e-6), min(literal.high, 1e6) * 2)


@given(data=st.data())
def test_only_numbers_change_and_they_can_be_found_again(data: st.DataObject) -> None:
    literals = literals_of(PROGRAM)
    wanted = [data.draw(other(literal)) for literal in literals]
    changed = with_literals(PROGRAM, literals, wanted)
    ast.parse(changed)
    again = literals_of(changed)
    kept = [(literal, value) for literal, value in zip(literals, wanted, strict=True) if literal.written(value) != "1"]
    assert [literal.value for literal in again] == [float(literal.written(value)) for literal, value in kept]
    if len(again) == len(literals):
        assert skeleton_of(changed, again) == skeleton_of(PROGRAM, literals)
        assert (
            with_literals(changed, again, [literal.value for literal in literals]).replace("150.0", "1.5e2") == PROGRAM
        )
