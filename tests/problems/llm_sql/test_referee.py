"""Only permutations are judged, and the score is counted from the referee's own table."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thekla.core.evaluation import FailureKind, InstanceResult
from thekla.core.problem import Split
from thekla.core.program import Program
from thekla.core.values import Value
from thekla.problems.llm_sql import build
from thekla.problems.llm_sql.referee import HIT_RATE, POINTS, InvalidAnswerError, LlmSqlReferee, read_prompts
from thekla.problems.llm_sql.tables import Prompts, Table
from thekla.problems.llm_sql.workloads import instance, scene
from thekla.sandbox import StrictSandbox
from thekla.testing.guests import InProcessGuest

from .tables import answers, guest_of, table_of, tables

TABLE = table_of("xyz", "aab")
ONCE = r"expected each of 0 to \d once"


def judged(text: str, id: str = "tiny/blocks", split: Split = Split.TRAIN, objective: str = POINTS) -> InstanceResult:
    package = build("default")
    guest = InProcessGuest(Program.from_text(text), package.problem.interface, package.limits)
    return LlmSqlReferee(objective).judge(guest, instance(id, split), seed=0)


@settings(max_examples=30)
@given(st.data(), tables())
def test_every_permutation_is_read_as_it_is(data: st.DataObject, table: Table) -> None:
    prompts = data.draw(answers(table))
    read = read_prompts([list(prompts.rows), [list(order) for order in prompts.orders]], table)
    assert read == prompts


def test_one_order_of_fields_stands_for_all_prompts() -> None:
    assert read_prompts(([2, 0, 1], [1, 0]), TABLE) == Prompts(rows=[2, 0, 1], orders=[[1, 0]] * 3)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (None, r"the answer is None; expected a pair"),
        ([[0, 1, 2]], r"expected a pair"),
        ([[0, 1], [0, 1]], r"rows: found 2 numbers; " + ONCE),
        ([[0, 1, 1], [0, 1]], r"rows: 1 stands there twice; " + ONCE),
        ([[0, 1, 3], [0, 1]], r"rows: 3 is none; " + ONCE),
        ([[0, 1, -1], [0, 1]], r"rows: -1 is none; " + ONCE),
        ([[0, True, 2], [0, 1]], r"rows: found .*; expected a list of integers"),
        ([[0, 1.0, 2], [0, 1]], r"rows: found .*; expected a list of integers"),
        ([{0: 0}, [0, 1]], r"rows: found .*; expected a list of integers"),
        ([[0, 1, 2], None], r"fields is None"),
        ([[0, 1, 2], []], r"fields: found 0 numbers; " + ONCE),
        ([[0, 1, 2], [0, 0]], r"fields: 0 stands there twice; " + ONCE),
        ([[0, 1, 2], [[0, 1], [1, 0]]], r"holds 2 orders; expected one for each of 3 prompts"),
        ([[0, 1, 2], [[0, 1], [1, 0], [1, 1]]], r"fields of prompt 2: 1 stands there twice"),
        ([[0, 1, 2], [[0, 1], [0, True], [0, 1]]], r"fields of prompt 1: found .*; expected a list of integers"),
        ([[0, 1, 2], [[0, 1], [0, 1], 1]], r"fields: found .*; expected a list of integers"),
        ([[0, 1, 2], [[0, 1], [[0], [1]], [0, 1]]], r"fields of prompt 1: found .*; expected a list of integers"),
    ],
)
def test_anything_but_permutations_is_refused_with_the_reason(answer: Value, reason: str) -> None:
    with pytest.raises(InvalidAnswerError, match=reason):
        read_prompts(answer, TABLE)


def test_points_are_0_for_the_original_order_and_100_for_the_bound() -> None:
    result = judged("def reorder(table):\n    return list(range(table.rows)), list(range(len(table.fields)))\n")
    assert result.scores == {POINTS: 0.0}
    setting = scene("tiny/blocks")
    assert setting.bound is not None
    assert result.measures[HIT_RATE] == setting.original / setting.total


def test_hit_rate_is_counted_from_the_referees_own_table() -> None:
    result = judged(
        "def reorder(table):\n    return table.sorted_rows(table.fields[::-1]), list(range(len(table.fields)))[::-1]\n",
        "trie/reviews/s1/first100",
        objective=HIT_RATE,
    )
    setting = scene("trie/reviews/s1/first100")
    columns = len(setting.table.columns)
    prompts = Prompts(rows=range(100), orders=[list(range(columns))[::-1]] * 100)
    assert result.scores[HIT_RATE] == setting.metric.hits(setting.table, prompts) / setting.total


def test_numpy_arrays_are_answers_too() -> None:
    text = "import numpy\ndef reorder(table):\n    return numpy.arange(table.rows), {}\n"
    one = judged(text.format("numpy.arange(len(table.fields))"))
    each = judged(text.format("numpy.tile(numpy.arange(len(table.fields)), (table.rows, 1))"))
    assert one.fault is each.fault is None
    assert one.scores == each.scores


def test_fault_of_a_program_is_a_fault_of_its_result() -> None:
    crash = judged("def reorder(table):\n    return table.nothing\n").fault
    assert crash is not None
    assert crash.kind is FailureKind.CRASH
    invalid = judged("def reorder(table):\n    return [], []\n").fault
    assert invalid is not None
    assert invalid.kind is FailureKind.INVALID


@pytest.mark.slow
@pytest.mark.parametrize("rung", ["ggr", "parts-dp"])
def test_a_confined_program_with_numpy_gets_the_score_that_it_gets_here(rung: str) -> None:
    package = build("default")
    (program,) = [each.program for each in package.baselines if each.name == rung and each.program]
    where = instance("star/two-populations/s3/first300", Split.TRAIN)
    with StrictSandbox() as sandbox:
        confined = sandbox.open(program, package.problem.interface, package.limits)
        assert package.referee.judge(confined, where, seed=0) == package.referee.judge(guest_of(program), where, seed=0)
        confined.close()


def test_feedback_names_what_was_missed_but_not_on_a_holdout() -> None:
    text = "def reorder(table):\n    return list(range(table.rows)), list(range(len(table.fields)))\n"
    shown = judged(text, "star/long-texts/s5/first60").feedback
    assert "at most" in shown
    assert "missed: kind0_text" in shown
    assert judged(text, "star/long-texts/s5/first60", Split.HOLDOUT).feedback == ""


def test_equal_decisions_have_equal_digests_and_others_do_not() -> None:
    text = "def reorder(table):\n    rows = list(range(table.rows)){}\n    return rows, {}\n"
    one = judged(text.format("", "[field.position for field in table.fields]")).behaviour
    same = judged(text.format("", "[[field.position for field in table.fields]] * table.rows")).behaviour
    rows = judged(text.format("[::-1]", "[field.position for field in table.fields]")).behaviour
    fields = judged(text.format("", "[field.position for field in table.fields][::-1]")).behaviour
    assert one == same
    assert len({one, rows, fields}) == 3


def test_measures_say_how_rows_and_fields_were_used() -> None:
    kept: Any = judged("def reorder(table):\n    return list(range(table.rows)), list(range(len(table.fields)))\n")
    assert kept.measures["moved"] == kept.measures["other_orders"] == 0.0
    mixed: Any = judged(
        "def reorder(table):\n"
        "    order = list(range(len(table.fields)))\n"
        "    orders = [order if row % 4 else order[::-1] for row in range(table.rows)]\n"
        "    return list(range(table.rows))[::-1], orders\n"
    )
    assert mixed.measures["other_orders"] == 0.25
    assert mixed.measures["moved"] == 0.5
    assert 0 < mixed.measures["lead"] < 1
