"""When a policy is called: `auto` skips no call that could have changed anything, and says why it skips none."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thekla.simulators.lakehouse import (
    Compat,
    Message,
    OperatorSpec,
    Params,
    PipelineSpec,
    PriorityClass,
    Trace,
    Work,
    builtin_policy,
    load_policy,
    loop_trace,
    simulate,
)
from thekla.simulators.lakehouse.session import PolicySession

from .reference import Lakehouse
from .test_engine_equals_reference import assert_equal, lakehouses, outcome, traces

# What a policy may do on every call, and whether it then acts. The reference lakehouse knows the first group only.
PLAIN_HABITS = {
    "answers to news": "act = bool(results or pipelines)",
    "counts its calls": "s.calls += 1\nact = s.calls % 7 == 0",
    "counts down": "s.left = 5 if pipelines else max(0, s.left - 1)\nact = s.left == 1",
    "reads the clock": "act = s.clock.now_ticks() % 9 == 0",
    "reads the clock of old news": "s.last = s.clock.now_ticks() if results else s.last\nact = s.last % 2 == 0",
    "looks for boundaries": "act = any(c.can_suspend_container() for c in running)",
    "waits for the end of a boundary": "act = not any(c.can_suspend_container() for c in running)",
    "looks for deadlines": "act = any(p.runtime_status().has_timed_out() for p in s.known)",
    "draws": "act = s.random.random() < 0.2",
    "draws if it has work": "act = bool(s.known) and s.random.random() < 0.2",
    "draws from the module": "act = random.random() < 0.2",
    "keeps an iterator": "if s.ticks is None:\n    s.ticks = itertools.count()\nact = next(s.ticks) % 5 == 0",
    "keeps a closure": "act = s.count() % 5 == 0",
    "keeps a class attribute": "Box.total += 1\nact = Box.total % 5 == 0",
    "keeps an object": "s.box.n += 1\nact = s.box.n % 5 == 0",
    "keeps a slot": "s.slim.n += 1\nact = s.slim.n % 5 == 0",
    "keeps a default argument": "act = remember() % 5 == 0",
    "keeps a bound method": "s.push(len(s.known))\nact = len(s.pushed) % 5 == 0",
    "keeps a deep list": "s.deep[0]['a'].append(1)\nact = len(s.deep[0]['a']) % 5 == 0",
    "marks operators": "for p in s.known[:1]:\n    op = p.get_ops_()[0]\n    op.n = getattr(op, 'n', 0) + 1\n"
    "    act = op.n % 5 == 0",
}
VIEW_HABITS = {
    "reads ages": "act = any(p.waiting_seconds > 1.5 for p in s.known)",
    "reads lives": "act = any(c.ticks_elapsed() > 5 for c in running)",
    "asks to be called": "if pipelines:\n    s.wake_after(1.3)\nact = not results and not pipelines",
    "asks far ahead": "if pipelines:\n    s.wake_after(8)\n    s.wake_after(3.1)\nact = not results and not pipelines",
}
TRUTH_HABITS = {
    "reads memory in use": "act = s.executor.pools[0].consumed_ram_gb > 4",
    "reads a container's memory": "act = any(c.get_current_memory_usage() > 4 for c in running)",
}
PROGRAM = """
import itertools, random
from collections import deque

class Box:
    total = 0
    def __init__(self): self.n = 0

class Slim:
    __slots__ = ("n",)
    def __init__(self): self.n = 0

def counter():
    n = 0
    def count():
        nonlocal n
        n += 1
        return n
    return count

def remember(calls=[]):
    calls.append(len(calls))
    return len(calls)

def init(s):
    random.seed(SEED)
    s.known, s.calls, s.left, s.last, s.random = [], 0, 0, 0, random.Random(SEED)
    s.ticks, s.count, s.box, s.slim, s.deep = None, counter(), Box(), Slim(), [{"a": []}]
    s.pushed = deque()
    s.push = s.pushed.append

def schedule(s, results, pipelines):
    s.known += pipelines
    running = [each for pool in s.executor.pools for each in pool.active_containers]
    act = False
HABIT
    if not act:
        return [], []
    stops = [Suspend(c.container_id, c.pool_id) for c in running if c.can_suspend_container() and c.pool_id % 2 == 0]
    for pipeline in s.known:
        ready = pipeline.runtime_status().get_ops(ASSIGNABLE_STATES, require_parents_complete=True)
        pool = max(s.executor.pools, key=lambda each: each.avail_ram_pool)
        if ready and pool.avail_cpu_pool > 1e-6 and pool.avail_ram_pool > 1e-6:
            ops = pipeline.runtime_status().get_ops(ASSIGNABLE_STATES) if MULTI else ready[:1]
            return stops, [Assignment(ops, pool.avail_cpu_pool / 3, pool.avail_ram_pool / 2, pipeline.priority,
                                      pool.pool_id)]
    return stops, []
"""


class Guest:
    """A session behind an encoded connection, which its host cannot see through."""

    def __init__(self, session: PolicySession) -> None:
        self._session = session

    def start(self, message: Message, /) -> Message:
        return self._pass(self._session.start, message)

    def step(self, message: Message, /) -> Message:
        return self._pass(self._session.step, message)

    def _pass(self, call: Callable[[dict[str, Any]], Message], message: Message) -> Message:
        answer: Message = json.loads(json.dumps(call(json.loads(json.dumps(message)))))
        return answer


def program(habit: str, params: Params, seed: int) -> str:
    body = "\n".join(f"    {line}" for line in habit.splitlines()).replace("p.get_ops_()", "p.operators")
    multi = str(params.multi_operator_containers)
    return PROGRAM.replace("HABIT", body).replace("SEED", str(seed)).replace("MULTI", multi)


def check(trace: Trace, lakehouse: tuple[Params, Compat], habit: str, seed: int) -> None:
    params, compat = lakehouse
    habits = {**PLAIN_HABITS, **VIEW_HABITS, **TRUTH_HABITS}
    source = program(habits[habit], params, seed)
    exact = simulate(trace, load_policy(source), params, compat, calls="exact")
    auto = simulate(trace, load_policy(source), params, compat, calls="auto")
    assert outcome(auto) == outcome(exact)
    if habit not in TRUTH_HABITS:
        guest = simulate(trace, Guest(load_policy(source)), params, compat, calls="auto")
        assert outcome(guest) == outcome(exact)
    if habit in PLAIN_HABITS and habit != "marks operators":
        assert_equal(auto, Lakehouse(trace, params, compat).run(source), compat)


HABITS = st.sampled_from([*PLAIN_HABITS, *VIEW_HABITS, *TRUTH_HABITS])


@settings(max_examples=25)
@given(trace=traces(), lakehouse=lakehouses(), habit=HABITS, seed=st.integers(0, 1000))
def test_auto_gives_the_run_of_a_call_on_every_tick(
    trace: Trace, lakehouse: tuple[Params, Compat], habit: str, seed: int
) -> None:
    check(trace, lakehouse, habit, seed)


@pytest.mark.slow
@settings(max_examples=200)  # each is up to four runs
@given(trace=traces(), lakehouse=lakehouses(), habit=HABITS, seed=st.integers(0, 1000))
def test_auto_gives_the_run_of_a_call_on_every_tick_many_times(
    trace: Trace, lakehouse: tuple[Params, Compat], habit: str, seed: int
) -> None:
    check(trace, lakehouse, habit, seed)


ONE = Trace(
    name="one",
    pipelines=(
        PipelineSpec(
            id="p",
            arrival_seconds=2,
            priority=PriorityClass.QUERY,
            operators=(
                OperatorSpec(name="op", parents=(), work=Work(cpu_seconds=3, cpu_scaling="const", storage_read_gb=20)),
            ),
        ),
    ),
)


@pytest.mark.parametrize(
    ("habit", "reason"),
    [
        ("counts its calls", "s.calls changes"),
        ("reads the clock", "it reads s.clock"),
        ("keeps an iterator", "s.ticks holds an object of type count, which cannot be compared"),
        ("keeps a closure", "s.count changes"),
        ("keeps a class attribute", "Box changes"),
        ("draws from the module", "the module random changes"),
        ("marks operators", "it sets operator.n"),
        ("reads memory in use", "it reads pool.consumed_ram_gb"),
    ],
)
def test_auto_says_why_it_skips_nothing(habit: str, reason: str) -> None:
    params = Params(duration=20, ticks_per_second=10, multi_operator_containers=True)
    source = program({**PLAIN_HABITS, **TRUTH_HABITS}[habit], params, seed=1)
    report = simulate(ONE, load_policy(source), params, calls="auto").calls
    assert (report.asked, report.used, report.reason) == ("auto", "exact", reason)
    assert report.calls > 100
    assert (
        str(report) == f"{report.calls} calls, {report.quiet} of them without news; called on every tick while {reason}"
    )


@pytest.mark.parametrize("name", ["naive", "priority", "overbook"])
def test_auto_skips_what_a_policy_that_answers_to_events_does_not_need(name: str) -> None:
    trace = loop_trace(0, 10)
    events = simulate(trace, builtin_policy(name), calls="events")
    auto = simulate(trace, builtin_policy(name), calls="auto")
    assert outcome(auto) == outcome(events)
    assert (auto.calls.used, auto.calls.reason) == ("events", "")
    assert auto.policy_calls < 3 * events.policy_calls
    assert auto.calls.quiet <= auto.policy_calls - events.policy_calls + 1


def test_a_deadline_that_was_looked_at_is_a_reason_for_a_call_and_no_reason_to_skip_nothing() -> None:
    params = Params(duration=20, ticks_per_second=10, max_job_seconds=5)
    source = program(PLAIN_HABITS["looks for deadlines"], params, seed=1)
    result = simulate(ONE, load_policy(source), params, calls="auto")
    assert result.calls.used == "events"
    assert result.containers[0].start == 70


def test_every_tick_is_called_in_exact_mode() -> None:
    params = Params(duration=20, ticks_per_second=10)
    report = simulate(ONE, builtin_policy("naive"), params, calls="exact").calls
    assert (report.asked, report.used, report.calls, report.reason) == ("exact", "exact", 200, "")
