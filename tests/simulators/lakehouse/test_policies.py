"""The border between the lakehouse and a policy: what crosses it, what does not, and what is refused."""

import ast
import doctest
import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from textwrap import indent
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thekla.simulators import lakehouse as package
from thekla.simulators.lakehouse import (
    BUILTIN_POLICIES,
    Message,
    Params,
    PolicyFault,
    RunResult,
    Trace,
    builtin_policy,
    guest_source,
    load_policy,
    loop_trace,
    policy_source,
    read_trace,
    simulate,
)
from thekla.simulators.lakehouse.session import PolicySession

from .test_engine_equals_reference import RANDOM_POLICY, lakehouses, traces

HEADER = (
    "pipeline_id,arrival_seconds,priority,operator_id,parents,baseline_cpu_seconds,cpu_scaling,memory_gb,"
    "storage_read_gb\n"
)
# Two pipelines at once: a chain of two operators of 2 s (1 s scan of 20 GB, 1 s CPU), and a query of 1 s.
SMALL = read_trace(
    HEADER + "p1,0,BATCH_PIPELINE,a,,1,const,,20\np1,,,b,a,1,const,,20\np2,0,QUERY,a,,0.5,const,,10\n", name="small"
)
TEN_SECONDS = Params(duration=10, ticks_per_second=10)


class Wire:
    """A scheduler behind an encoded connection, like a guest in another process; it keeps what went through."""

    def __init__(self, session: PolicySession) -> None:
        self._session = session
        self.sent: list[str] = []

    def start(self, message: Message, /) -> Message:
        return self._pass(self._session.start, message)

    def step(self, message: Message, /) -> Message:
        return self._pass(self._session.step, message)

    def _pass(self, call: Callable[[dict[str, Any]], Message], message: Message) -> Message:
        text = json.dumps(message, allow_nan=False)
        self.sent.append(text)
        answer: Message = json.loads(json.dumps(call(json.loads(text)), allow_nan=False))
        return answer


class Scripted:
    """A scheduler that gives prepared answers, then none: what a hostile guest may send."""

    def __init__(self, *answers: object) -> None:
        self._answers = list(answers)

    def start(self, message: Message, /) -> Message:
        return {}

    def step(self, message: Message, /) -> Message:
        return self._answers.pop(0) if self._answers else {}  # type: ignore[return-value]  # hostile on purpose


def run(body: str, *, trace: Trace = SMALL, as_guest: bool = False) -> RunResult:
    """Runs a policy whose function has the given body."""
    source = f"def schedule(s, results, pipelines):\n{indent(body.strip(), '    ')}\n    return [], []\n"
    return simulate(trace, load_policy(source, as_guest=as_guest), TEN_SECONDS)


def fault_of(body: str, *, as_guest: bool = False) -> PolicyFault:
    fault = run(body, as_guest=as_guest).fault
    assert fault is not None
    return fault


@settings(max_examples=25)
@given(trace=traces(), lakehouse=lakehouses(), seed=st.integers(0, 1000))
def test_a_policy_behind_a_wire_gives_the_same_run(trace: Trace, lakehouse: Any, seed: int) -> None:
    params, compat = lakehouse
    source = RANDOM_POLICY.replace("SEED", str(seed))
    here = simulate(trace, load_policy(source), params, compat)
    there = simulate(trace, Wire(load_policy(source)), params, compat)
    assert repr(here) == repr(there)


def test_the_guest_s_file_stands_alone() -> None:
    imported = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(guest_source()))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or "."]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported <= sys.stdlib_module_names
    bundle: dict[str, Any] = {"__name__": "guest"}
    exec(guest_source(), bundle)
    program: dict[str, Any] = {**bundle["names"](), "__name__": "policy"}
    exec(policy_source("naive"), program)
    result = simulate(loop_trace(0, 10), Wire(bundle["PolicySession"](program)), compat="eudoxia-pin")
    assert f"{result.statistics.adjusted_latency():.2f}" == "9291.50"


def test_the_example_in_the_package_s_docstring_runs() -> None:
    assert doctest.testmod(package) == doctest.TestResults(failed=0, attempted=3)


def test_start_may_not_act() -> None:
    class Hasty(Scripted):
        def start(self, message: Message, /) -> Message:
            return {"a": [[[0], 1, 1, 1, 0]]}

    fault = simulate(SMALL, Hasty(), TEN_SECONDS).fault
    assert fault is not None
    assert fault.kind == "bad_message"


@pytest.mark.parametrize("name", BUILTIN_POLICIES)
def test_a_builtin_policy_needs_nothing_but_the_injected_names(name: str) -> None:
    for node in ast.walk(ast.parse(policy_source(name))):
        if isinstance(node, ast.ImportFrom):
            assert node.module in ("typing", "thekla.simulators.lakehouse.views")
    assert builtin_policy(name).start({"params": Params(num_pools=2).as_dict()}) == {}


def test_an_unknown_builtin_policy_is_refused() -> None:
    with pytest.raises(KeyError, match="no built-in policy 'fifo'"):
        policy_source("fifo")


@settings(max_examples=25)
@given(trace=traces(), other=traces(), lakehouse=lakehouses(), fork=st.floats(0.1, 20))
def test_equal_past_sends_equal_bytes_up_to_the_fork(trace: Trace, other: Trace, lakehouse: Any, fork: float) -> None:
    params, compat = lakehouse
    past = tuple(each for each in trace.pipelines if each.arrival_seconds < fork)
    wires = []
    for future in (trace, other):
        later = tuple(each for each in future.pipelines if each.arrival_seconds >= fork)
        later = tuple(replace(each, id=f"{each.id}-later") for each in later)
        wire = Wire(load_policy(RANDOM_POLICY))
        simulate(Trace(name="fork", pipelines=past + later), wire, params, compat)
        wires.append([text for text in wire.sent if json.loads(text).get("t", -1) < fork * params.ticks_per_second])
    assert wires[0] == wires[1]


@pytest.mark.parametrize("name", ["segments", "storage_read_gb", "memory_gb", "cpu_seconds", "ram"])
def test_what_an_operator_needs_is_hidden(name: str) -> None:
    fault = fault_of(f"pipelines[0].operators[0].{name}", as_guest=True)
    assert (fault.kind, fault.tick, fault.line) == ("hidden", 0, 2)
    assert f"operator.{name} is hidden" in fault.message
    assert "line 2, in schedule" in fault.traceback
    assert "pipelines.py" not in fault.traceback


def test_hidden_truth_can_be_probed_for_without_a_fault() -> None:
    assert run("assert not any(hasattr(op, 'memory_gb') for p in pipelines for op in p.operators)").fault is None


@pytest.mark.parametrize(
    ("body", "kind", "found"),
    [
        ("1 / 0", "exception", "ZeroDivisionError: division by zero"),
        ("raise SystemExit(3)", "exception", "SystemExit: 3"),
        ("return None", "bad_answer", r"must return \(suspensions, assignments\), got None"),
        ("return [], 5", "bad_answer", "assignments must be a list, got 5"),
        ("return [], [5]", "bad_answer", "must hold Assignment objects, got 5"),
        ("return [5], []", "bad_answer", "must hold Suspend objects, got 5"),
        ("return [Suspend('c9', 0)], []", "unknown_container", "no active container 'c9'"),
        ("Assignment([], 1, 1, 1, 0)", "operator_count", "at least one operator"),
        ("Assignment(pipelines, 1, 1, 1, 0)", "unknown_operator", "takes operators, got <Pipeline p1"),
        ("Assignment(pipelines[0].operators, 0, 1, 1, 0)", "bad_size", "cpu is 0; give a finite number > 0"),
        ("Assignment(pipelines[0].operators, 1, float('nan'), 1, 0)", "bad_size", "ram is nan"),
        ("Assignment(pipelines[0].operators, 1, '8', 1, 0)", "bad_size", "ram is '8'; give a number"),
        (
            "for _ in 1, 2: Assignment(pipelines[0].operators, 1, 1, 1, 0)",
            "not_assignable",
            "from assigned to assigned",
        ),
        ("return [], [Assignment(pipelines[1].operators, 1, 1, 1, 1)]", "unknown_pool", "pool_id is 1; pools are"),
        ("return [], [Assignment(pipelines[0].operators, 1, 50, 1, 0)]", "operator_count", "has 2 operators"),
        ("return [], [Assignment(pipelines[0].operators[1:], 1, 50, 1, 0)]", "parents_incomplete", "pending"),
        (
            "return [], [Assignment(pipelines[1].operators, 65, 50, 1, 0)]",
            "overallocated_cpu",
            "65 CPUs .* 64 CPUs are",
        ),
        ("return [], [Assignment(pipelines[1].operators, 1, 500.5, 1, 0)]", "overallocated_ram", "500.5 GB .* 500 GB"),
        ("s.wake_after('soon')", "bad_wake", "seconds is 'soon'"),
    ],
)
def test_a_wrong_policy_ends_with_a_fault_that_says_what_was_found(body: str, kind: str, found: str) -> None:
    result = run(body)
    assert result.fault is not None
    assert (result.fault.kind, result.fault.tick) == (kind, 0)
    assert re.search(found, result.fault.message)
    assert result.statistics.pipelines_created == 2


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (None, "bad_message"),
        ({"x": 1}, "bad_message"),
        ({"a": 1}, "bad_message"),
        ({"a": [[0, 1, 1, 1, 0]]}, "bad_message"),
        ({"a": [[[0], 1, 1, 1]]}, "bad_message"),
        ({"s": [["c1", 0]]}, "bad_message"),
        ({"fault": "boom"}, "bad_message"),
        ({"fault": ["exception", "boom", ""]}, "exception"),
        ({"fault": ["zero_tick_operator", "not mine", ""]}, "bad_message"),
        ({"a": [[[], 1, 1, 1, 0]]}, "operator_count"),
        ({"a": [[[7], 1, 1, 1, 0]]}, "unknown_operator"),
        ({"a": [[[-1], 1, 1, 1, 0]]}, "unknown_operator"),
        ({"a": [[[True], 1, 1, 1, 0]]}, "unknown_operator"),
        ({"a": [[[2, 2], 1, 1, 1, 0]]}, "not_assignable"),
        ({"a": [[[2], 1, 50, 1, 0], [[2], 1, 50, 1, 0]]}, "not_assignable"),
        ({"a": [[[2], float("nan"), 1, 1, 0]]}, "bad_size"),
        ({"a": [[[2], 1, float("inf"), 1, 0]]}, "bad_size"),
        ({"a": [[[2], 1, -5, 1, 0]]}, "bad_size"),
        ({"a": [[[2], 1e-200, 5, 1, 0]]}, "bad_size"),
        ({"a": [[[2], 1, 10**5000, 1, 0]]}, "bad_size"),
        ({"a": [[[10**5000], 1, 1, 1, 0]]}, "unknown_operator"),
        ({"s": [[10**5000, 0]]}, "unknown_container"),
        ({"a": [[[2], True, 1, 1, 0]]}, "bad_size"),
        ({"a": [[[2], 1, 1, 4, 0]]}, "bad_priority"),
        ({"a": [[[2], 1, 1, [], 0]]}, "bad_priority"),
        ({"a": [[[2], 1, 1, 1, -1]]}, "unknown_pool"),
        ({"s": [[1, 5]]}, "unknown_pool"),
        ({"s": [[1, 0]]}, "unknown_container"),
        ({"w": 0}, "bad_wake"),
        ({"w": 1.5}, "bad_wake"),
    ],
)
def test_the_host_refuses_every_malformed_answer(answer: object, kind: str) -> None:
    fault = simulate(SMALL, Scripted(answer), TEN_SECONDS).fault
    assert fault is not None
    assert fault.kind == kind
    assert fault.message


def test_a_running_container_cannot_be_suspended() -> None:
    result = simulate(SMALL, Scripted({"a": [[[2], 1, 50, 1, 0]]}, {"s": [[1, 0]]}), TEN_SECONDS)
    assert result.fault is not None
    assert (result.fault.kind, result.fault.tick) == ("not_suspendable", 1)


def test_a_container_cannot_be_suspended_twice_at_once() -> None:
    params = Params(duration=10, ticks_per_second=10, multi_operator_containers=True)
    result = simulate(SMALL, Scripted({"a": [[[0, 1], 1, 50, 1, 0]]}, {}, {"s": [[1, 0], [1, 0]]}), params)
    assert result.fault is not None
    assert (result.fault.kind, result.fault.tick) == ("duplicate", 20)


def test_a_policy_is_called_when_something_happened_or_it_asked() -> None:
    silent = run("pass")
    assert silent.policy_calls == 1
    asked = run("s.wake_after(2.5)")
    assert asked.policy_calls == 4  # at 0, 2.5, 5.0 and 7.5 s
    late = read_trace(HEADER + "p1,60,QUERY,a,,1,const,,5\n")
    waking = load_policy("def init(s): s.wake_after(4)\ndef schedule(s, results, pipelines): return [], []")
    assert simulate(late, waking, TEN_SECONDS).policy_calls == 1  # before anything arrived
    every_tick = run("s.wake_after(0)")
    assert every_tick.policy_calls == TEN_SECONDS.max_ticks


def test_timing_of_a_container_is_the_original_s() -> None:
    # 20 GB are read in 10 ticks, then 1 s of CPU: 20 ticks of life, 19 of latency as it starts on arrival.
    trace = read_trace(HEADER + "p1,0,QUERY,a,,1,const,,20\n")
    body = """
if pipelines:
    return [], [Assignment(pipelines[0].operators, 1, 20, 1, 0, "p1")]
for result in results:
    assert s.clock.now_ticks() == 20 and result.error is None and not result.failed()
    assert s.executor.pools[0].avail_ram_pool == 500 and s.executor.num_completed() == 1
"""
    result = run(body, trace=trace)
    assert result.fault is None
    assert result.pipelines == (("p1", 0, 19),)
    assert result.container_tick_times == ((20,),)
    assert result.statistics.pipelines_query.mean_latency_seconds == 1.9


def test_a_policy_learns_from_failures_only() -> None:
    body = """
if pipelines:
    op = pipelines[1].operators[0]
    assert (op.failures, op.last_ram_gb, op.last_cpu, pipelines[1].has_failures) == (0, None, None, False)
    return [], [Assignment([op], 2, 4, 1, 0)]
for result in results:
    (op,) = result.ops
    assert result.error == "OOM" and op.state == OperatorState.FAILED and op.pipeline.has_failures
    assert (op.failures, op.last_ram_gb, op.last_cpu) == (1, 4.0, 2)
    assert op.pipeline.waiting_seconds == s.clock.now_seconds() == 0.3
    assert op.pipeline.runtime_status().get_ops(ASSIGNABLE_STATES, require_parents_complete=True) == [op]
    s.seen = True
"""
    result = run(body)
    assert result.fault is None
    assert result.statistics.failure_error_counts == {"OOM": 1}


def test_a_decorated_policy_runs() -> None:
    source = """
@register_scheduler_init(key="mine")
def start(s):
    s.ready = True

@register_scheduler(key="mine")
def decide(s, results, pipelines):
    assert s.ready
    return [], [Assignment([p.operators[0]], 1, 60, p.priority, 0, p.pipeline_id) for p in pipelines]
"""
    result = simulate(SMALL, load_policy(source), TEN_SECONDS)
    assert result.fault is None
    assert result.statistics.containers_completed == 2


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("x = 1", "defines no function schedule"),
        ("def schedule(s, r, p): pass\ndef init(s): raise ValueError('no')", "ValueError: no"),
    ],
)
def test_a_program_that_cannot_start_is_a_fault(source: str, found: str) -> None:
    fault = simulate(SMALL, load_policy(source), TEN_SECONDS).fault
    assert fault is not None
    assert found in fault.message


def test_the_same_key_is_registered_once() -> None:
    with pytest.raises(KeyError, match="registered twice"):
        load_policy("for _ in 1, 2:\n    @register_scheduler(key='a')\n    def f(s, r, p): pass")


@settings(max_examples=25)
@given(trace=traces(), lakehouse=lakehouses(), seed=st.integers(0, 1000))
def test_incremental_views_equal_a_scan(trace: Trace, lakehouse: Any, seed: int) -> None:
    check = """
from itertools import combinations

def check(s):
    for pipeline in s.known:
        status = pipeline.runtime_status()
        ops = pipeline.operators
        assert pipeline.total_operators == len(ops)
        assert pipeline.remaining_operators == sum(op.state != OperatorState.COMPLETED for op in ops)
        assert status.is_pipeline_successful() == (pipeline.remaining_operators == 0)
        assert pipeline.has_failures == any(op.failures for op in ops)
        for state in OperatorState:
            assert status.state_counts[state] == sum(op.state == state for op in ops)
        def ready(op):
            return all(parent.state == OperatorState.COMPLETED for parent in op.parents)
        for states in [ASSIGNABLE_STATES, *(list(pair) for pair in combinations(OperatorState, 2))]:
            assert status.get_ops(states) == [op for op in ops if op.state in states]
            assert status.get_ops(states, True) == [op for op in ops if op.state in states and ready(op)]

random_schedule = schedule

def schedule(s, results, pipelines):
    answer = random_schedule(s, results, pipelines)
    check(s)
    return answer
"""
    params, compat = lakehouse
    result = simulate(trace, load_policy(RANDOM_POLICY.replace("SEED", str(seed)) + check), params, compat)
    # What the policy risks; any other fault would come from views that are not what the host holds.
    risks = ("illegal_transition", "overallocated_cpu", "overallocated_ram", "parents_incomplete", "zero_tick_operator")
    assert result.fault is None or result.fault.kind in risks, result.fault


@given(values=st.sampled_from([{"duration": 0}, {"num_pools": 1.5}, {"max_job_seconds": -1}, {"cpus": 4}]))
def test_parameters_are_checked_and_unknown_ones_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(values))):
        Params.from_mapping(values)


def test_unknown_rules_and_parameters_that_the_rules_lack_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown to 'eudoxia-pin'"):
        simulate(SMALL, Scripted(), Params(max_job_seconds=5), compat="eudoxia-pin")
    with pytest.raises(ValueError, match="compat is"):
        simulate(SMALL, Scripted(), TEN_SECONDS, compat="eudoxia")  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(ValueError, match="calls is 'sometimes'; use one of events, exact, auto"):
        simulate(SMALL, Scripted(), TEN_SECONDS, calls="sometimes")  # type: ignore[arg-type]  # wrong on purpose


def test_nothing_ended_has_statistics_all_the_same() -> None:
    result = simulate(SMALL, Scripted(), TEN_SECONDS)
    assert result.fault is None
    assert result.statistics.adjusted_latency() == float("inf")
    assert result.pipelines == (("p1", 0, None), ("p2", 0, None))
