"""A lenient simulation refuses what breaks a rule, says what and where, and goes on."""

from textwrap import indent
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thekla.simulators.lakehouse import (
    RULES,
    Compat,
    Message,
    Params,
    RunResult,
    Trace,
    load_policy,
    read_trace,
    simulate,
)

from .test_calls import Guest
from .test_engine_equals_reference import RANDOM_POLICY, lakehouses, outcome, traces

HEADER = (
    "pipeline_id,arrival_seconds,priority,operator_id,parents,baseline_cpu_seconds,cpu_scaling,memory_gb,"
    "storage_read_gb\n"
)
# A chain of two operators of 2 s, and a query of 1 s.
SMALL = read_trace(
    HEADER + "p1,0,BATCH_PIPELINE,a,,1,const,,20\np1,,,b,a,1,const,,20\np2,0,QUERY,a,,0.5,const,,10\n", name="small"
)
TEN_SECONDS = Params(duration=10, ticks_per_second=10)


def run(body: str, *, multi: bool = False) -> RunResult:
    """Runs a policy whose function has the given body, with `p` and `q` the operators of the pipelines at tick 0."""
    source = (
        "def schedule(s, results, pipelines):\n"
        "    if pipelines: s.p, s.q = (each.operators for each in pipelines)\n"
        f"    p, q, tick = s.p, s.q, s.clock.now_ticks()\n{indent(body.strip(), '    ')}\n    return [], []\n"
    )
    params = Params(duration=10, ticks_per_second=10, multi_operator_containers=multi)
    return simulate(SMALL, load_policy(source), params, lenient=True)


@pytest.mark.parametrize(
    ("order", "kind", "value", "allowed"),
    [
        ("Assignment([], 1, 1, 1, 0)", "operator_count", "[]", "at least one operator"),
        ("Assignment(q, 0, 1, 1, 0)", "bad_size", "0", "a finite number > 0"),
        ("Assignment(q, 1, 'all', 1, 0)", "bad_size", "'all'", "a finite number"),
        ("Assignment(q, 1, 20, 7, 0)", "bad_priority", "7", "a Priority: QUERY, INTERACTIVE or BATCH_PIPELINE"),
        ("Assignment(q, 1, 20, 1, 3)", "unknown_pool", "3", "0 to 0"),
        ("Assignment([5], 1, 20, 1, 0)", "unknown_operator", "5", "operators of pipelines"),
        (
            "Assignment(q + q, 1, 20, 1, 0)",
            "not_assignable",
            "p2/op1 assigned",
            "pending and failed operators, each once",
        ),
        ("Assignment(q, 65, 20, 1, 0)", "overallocated_cpu", "65 CPUs", "at most 64 CPUs in all"),
        ("Assignment(q, 1, 501, 1, 0)", "overallocated_ram", "501 GB", "at most 500 GB in all"),
        ("Assignment(p, 1, 20, 1, 0)", "operator_count", "2", "exactly 1 operator"),
        ("5", "bad_answer", "5", "Assignment objects"),
    ],
)
def test_a_wrong_order_is_refused_and_its_operators_stay_assignable(
    order: str, kind: str, value: str, allowed: str
) -> None:
    result = run(f"if tick == 0:\n    return [], [{order}]\nif tick == 1:\n    return [], [Assignment(q, 1, 20, 1, 0)]")
    assert result.fault is None
    assert result.refusals == {kind: 1}
    (refused,) = result.refused
    assert (refused.kind, refused.tick, refused.value, refused.allowed) == (kind, 0, value, allowed)
    assert refused.line == (5 if order != "5" else None)
    if kind not in ("unknown_pool", "bad_answer", "operator_count", "unknown_operator"):
        assert refused.value in refused.message or kind.startswith(("over", "not_"))
    # The query goes on the next call: at tick 1, to which every answer leads.
    assert [(life.start, life.end_kind) for life in result.containers] == [(1, "completed")]


def test_what_is_right_in_an_answer_takes_effect_beside_what_is_wrong() -> None:
    result = run("if tick == 0:\n    return [], [Assignment(p[:1], 1, 400, 3, 0), Assignment(q, 1, 400, 1, 0)]")
    assert result.refusals == {"overallocated_ram": 1}
    assert [life.operators[0].pipeline_id for life in result.containers] == ["p1"]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("if tick == 0:\n    return [Suspend('c1', 0)], []", "unknown_container"),
        ("if tick == 0:\n    return [], [Assignment(q, 1, 20, 1, 0)]\nif tick == 1:\n    return [Suspend('c1', 0)], []",
         "not_suspendable"),
        ("if tick == 0:\n    return None", "bad_answer"),
        ("if tick == 0:\n    return [], 7", "bad_answer"),
        ("if tick == 0:\n    a = Assignment(q, 1, 20, 1, 0)\n    return [], [a, a]", "duplicate"),
        ("if tick == 0:\n    return [], [Assignment(p[1:], 1, 20, 3, 0)]", "parents_incomplete"),
    ],
)  # fmt: skip
def test_every_other_wrong_answer_is_refused_too(body: str, kind: str) -> None:
    result = run(body)
    assert result.fault is None
    assert result.refusals == {kind: 1}
    assert kind in RULES


def test_a_container_is_suspended_once_however_often_that_is_asked() -> None:
    result = run(
        "if tick == 0:\n    return [], [Assignment(p, 1, 40, 3, 0)]\n"
        "if tick == 20:\n    return [Suspend('c1', 0), Suspend('c1', 0)], []",
        multi=True,
    )
    assert result.refusals == {"duplicate": 1}
    assert result.containers[0].end_kind == "suspended"


def test_a_container_whose_next_operator_may_not_start_ends_as_refused() -> None:
    result = run("if tick == 0:\n    return [], [Assignment([p[1], p[0]], 1, 40, 3, 0)]", multi=True)
    assert result.fault is None
    assert result.containers[0].end_kind == "refused"
    assert result.statistics.failure_error_counts == {"parents_incomplete": 1}


def test_an_exception_of_the_policy_ends_a_lenient_simulation_too() -> None:
    result = run("if tick == 0:\n    return [], [Assignment(q, 1, 20, 1, 0)]\n1 / 0")
    assert result.fault is not None
    assert (result.fault.kind, result.fault.tick, result.fault.line) == ("exception", 1, 6)
    assert result.statistics.assignments == 1


def test_a_strict_simulation_names_the_line_that_asked_for_it() -> None:
    source = """
def schedule(s, results, pipelines):
    return [], [Assignment(pipelines[1].operators, 99, 1, 1, 0)]
"""
    fault = simulate(SMALL, load_policy(source), TEN_SECONDS).fault
    assert fault is not None
    assert (fault.kind, fault.line, fault.value, fault.allowed) == (
        "overallocated_cpu",
        3,
        "99 CPUs",
        "at most 64 CPUs in all",
    )


def test_only_the_first_hundred_refusals_are_told_one_by_one() -> None:
    result = run("return [], [Assignment([], 1, 1, 1, 0) for _ in range(60)]")
    assert result.refusals["operator_count"] >= 60
    assert len(result.refused) == min(100, result.refusals["operator_count"])


class Liar:
    """A session that reports refusals of rules that it cannot know to be broken."""

    def start(self, message: Message, /) -> Message:
        return {}

    def step(self, message: Message, /) -> Message:
        return {"x": [["overallocated_ram", "not mine", 1, "", ""]]}


@pytest.mark.parametrize("lenient", [True, False])
def test_a_session_reports_only_what_it_may(lenient: bool) -> None:
    fault = simulate(SMALL, Liar(), TEN_SECONDS, lenient=lenient).fault
    assert fault is not None
    assert fault.kind == "bad_message"


@settings(max_examples=25)
@given(trace=traces(), lakehouse=lakehouses(), seed=st.integers(0, 10**6))
def test_a_policy_that_breaks_no_rule_does_not_notice(trace: Trace, lakehouse: Any, seed: int) -> None:
    params, compat = lakehouse
    source = RANDOM_POLICY.replace("SEED", str(seed))
    strict = simulate(trace, load_policy(source), params, compat)
    lenient = simulate(trace, load_policy(source), params, compat, lenient=True)
    if strict.fault is None:
        assert outcome(lenient) == outcome(strict)
    else:
        assert lenient.refusals[strict.fault.kind] >= 1


def test_a_complete_operator_stays_complete_when_its_container_ends_after_one_that_took_no_tick() -> None:
    trace = read_trace(
        HEADER + "p1,0,BATCH_PIPELINE,a,,0.01,const,,0\np1,,,b,,1,const,5,0\np1,,,c,,1,const,90,0\n", name="short"
    )
    source = (
        "def schedule(s, results, pipelines):\n"
        "    if pipelines: s.p = pipelines[0]\n"
        "    ops = s.p.runtime_status().get_ops(ASSIGNABLE_STATES)\n"
        "    return [], [Assignment(ops, 1, 50 if pipelines else 100, 3, 0)] if ops else []\n"
    )
    params = Params(duration=10, ticks_per_second=10, multi_operator_containers=True)
    result = simulate(trace, load_policy(source), params, "eudoxia-cur", lenient=True)
    assert result.refusals == {"illegal_transition": 1}  # of the complete operator, by the revision's own bookkeeping
    assert [[run.operator for run in life.operators] for life in result.containers] == [["a", "b", "c"], ["c"]]
    assert [life.end_kind for life in result.containers] == ["OOM", "completed"]


@pytest.mark.slow
@settings(max_examples=40)
@given(trace=traces(), lakehouse=lakehouses(), seed=st.integers(0, 10**6))
def test_views_agree_with_the_host_after_refusals(trace: Trace, lakehouse: tuple[Params, Compat], seed: int) -> None:
    params, compat = lakehouse
    # Asks for twice as much as it should, half of the time; the same policy behind a wire gives the same run.
    source = RANDOM_POLICY.replace("SEED", str(seed)).replace("random.random() < 0.995", "random.random() < 0.5")
    here = simulate(trace, load_policy(source), params, compat, lenient=True)
    assert here.fault is None, here.fault
    there = simulate(trace, Guest(load_policy(source)), params, compat, lenient=True)
    assert outcome(there) == outcome(here)
    # What the views hold wrongly would be refused as if it were the policy's doing.
    assert not {"not_assignable", "unknown_container", "unknown_operator"} & here.refusals.keys()
