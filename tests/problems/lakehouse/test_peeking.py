"""A policy that peeks, in the strict sandbox: it finds nothing there, and its run is that of one that does not look."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from thekla.core.program import Program
from thekla.core.protocols import Guest
from thekla.core.values import Value
from thekla.problems.lakehouse import build
from thekla.problems.lakehouse.workloads import scene
from thekla.sandbox import StrictSandbox
from thekla.simulators.lakehouse import (
    CallReport,
    Calls,
    Message,
    Params,
    RunResult,
    load_policy,
    policy_source,
    simulate,
)

TRACE = scene("loop/b0/s10").trace
PARAMS = Params(duration=60)
# Each looks for what no scheduler may know, and raises what it has found.
PEEKS = {
    "segments": """
def peek(s, results, pipelines):
    import gc
    names = ("segments", "values_", "get_segments", "storage_read_gb", "memory_gb", "cpu_seconds", "peak_memory_gb")
    for pipeline in pipelines:
        for op in pipeline.operators:
            found = [name for name in names if getattr(op, name, None) is not None]
            found += [name for each in gc.get_referents(op) if isinstance(each, dict) for name in names if name in each]
            if found:
                raise LookupError(found)
""",
    "future arrivals on the heap": """
def peek(s, results, pipelines):
    import gc
    s.seen = getattr(s, "seen", 0) + len(pipelines)
    future = {f"p{number}" for number in range(s.seen + 1, s.seen + 30)}
    for thing in gc.get_objects():
        parts = [*thing, *thing.values()] if type(thing) is dict else thing if type(thing) in (list, tuple, set) else ()
        found = [part for part in parts if type(part) is str and part in future]
        if found and thing is not future:
            raise LookupError((found, type(thing)))
""",
    "objects of the simulator": """
def peek(s, results, pipelines):
    import gc
    telling = ("Trace", "PipelineSpec", "OperatorSpec", "Work", "LifeTable", "Execution", "Agenda", "Insight")
    found = [type(thing).__name__ for thing in gc.get_objects() if type(thing).__name__ in telling]
    if found or s._present.truth is not None:
        raise LookupError(found)
""",
    "the stack": """
def peek(s, results, pipelines):
    import sys
    frame, now = sys._getframe(), s.clock.now_ticks()
    while frame is not None:
        for name in ("trace", "arrivals", "_arrivals", "due", "until", "event", "horizon", "end"):
            if name in frame.f_locals:
                raise LookupError(name)
        message = frame.f_locals.get("message")
        if isinstance(message, dict) and not message.keys() <= set("txzbsrpnalwy"):
            raise LookupError(message)
        frame = frame.f_back
""",
    "the clock of the machine": """
def peek(s, results, pipelines):
    import time
    s.gaps = [*getattr(s, "gaps", []), time.perf_counter()]
    if len(s.gaps) > 2 and s.gaps[-1] - s.gaps[-2] > 60:
        raise LookupError(s.gaps[-2:])
""",
}
WITHOUT = policy_source("naive")
WITH = """
PEEK

schedule_without_looking = schedule

def schedule(s, results, pipelines):
    peek(s, results, pipelines)
    return schedule_without_looking(s, results, pipelines)
"""


class Remote:
    """A guest's two functions as a scheduler."""

    def __init__(self, guest: Guest) -> None:
        self._guest = guest

    def start(self, message: Message, /) -> Any:
        return self._guest.call("start", plain(message))

    def step(self, message: Message, /) -> Any:
        return self._guest.call("step", plain(message))


def plain(message: Any) -> Value:
    value: Value = message
    return value


@pytest.fixture(scope="module")
def sandbox() -> Iterator[StrictSandbox]:
    with StrictSandbox(test_itself=False) as made:
        yield made


def outcome(result: RunResult) -> str:
    return repr(replace(result, policy_calls=0, calls=CallReport(asked="events", calls=0, quiet=0)))


def confined(sandbox: StrictSandbox, source: str, *, calls: Calls = "events") -> RunResult:
    package = build("public")
    guest = sandbox.open(Program.from_text(source), package.problem.interface, package.limits)
    try:
        return simulate(TRACE, Remote(guest), PARAMS, "eudoxia-pin", calls=calls)
    finally:
        guest.close()


@pytest.mark.parametrize("peek", PEEKS)
def test_a_peeking_policy_finds_nothing_and_gains_nothing(sandbox: StrictSandbox, peek: str) -> None:
    result = confined(sandbox, WITHOUT + WITH.replace("PEEK", PEEKS[peek]))
    assert result.fault is None, result.fault
    assert outcome(result) == outcome(simulate(TRACE, load_policy(WITHOUT), PARAMS, "eudoxia-pin"))


@pytest.mark.parametrize("peek", ["segments", "objects of the simulator"])
def test_the_same_peek_finds_something_where_nothing_is_hidden(peek: str) -> None:
    source = WITHOUT + WITH.replace("PEEK", PEEKS[peek])
    fault = simulate(TRACE, load_policy(source), PARAMS, "eudoxia-pin").fault
    assert fault is not None
    assert "LookupError" in fault.message


def test_hidden_truth_is_refused_in_words(sandbox: StrictSandbox) -> None:
    source = "def schedule(s, results, pipelines):\n    return [], [pipelines[0].operators[0].segments]\n"
    fault = confined(sandbox, source).fault
    assert fault is not None
    assert (fault.kind, fault.line, fault.allowed) == ("hidden", 2, "what a scheduler can know")
    assert "operator.segments is hidden" in fault.message


def test_auto_works_across_the_border(sandbox: StrictSandbox) -> None:
    result = confined(sandbox, WITHOUT, calls="auto")
    assert (result.calls.used, result.fault) == ("events", None)
    assert outcome(result) == outcome(simulate(TRACE, load_policy(WITHOUT), PARAMS, "eudoxia-pin"))
