"""What a policy of the library's own process sees besides: all that Eudoxia shows, for reading."""

from typing import Any

import pytest

from thekla.simulators.lakehouse import Compat, OperatorSpec, Params, RunResult, Trace, Work, load_policy, simulate
from thekla.simulators.lakehouse.workload import PipelineSpec, PriorityClass, Segment

FIRST = Work(
    cpu_seconds=1,
    cpu_scaling="linear3",
    storage_read_gb=20,
    later=(Segment(cpu_seconds=2, cpu_scaling="const", storage_read_gb=0, memory_gb=7.5),),
)
SECOND = Work(cpu_seconds=3, cpu_scaling="const", storage_read_gb=10)
TRACE = Trace(
    name="two",
    pipelines=(
        PipelineSpec(
            id="p",
            arrival_seconds=0,
            priority=PriorityClass.QUERY,
            operators=(
                OperatorSpec(name="first", parents=(), work=FIRST),
                OperatorSpec(name="second", parents=(0,), work=SECOND),
            ),
        ),
    ),
)
PARAMS = Params(duration=10, ticks_per_second=10, multi_operator_containers=True)
WATCHER = """
def init(s):
    s.seen, s.pool, s.total = [], [], []

def schedule(s, results, pipelines):
    pool = s.executor.pools[0]
    everyone = pool.active_containers + pool.suspending_containers + pool.suspended_containers
    s.seen.append([each.get_current_memory_usage() for each in everyone])
    s.pool.append(pool.consumed_ram_gb)
    s.total.append(s.executor.get_consumed_ram_gb())
    stops = [Suspend(c.container_id, 0) for c in pool.active_containers if c.can_suspend_container()] if STOP else []
    return stops, [Assignment(p.operators, 3, 40, p.priority, 0) for p in pipelines]
"""


def watched(*, stop: bool = False, compat: Compat = "thekla") -> tuple[Any, RunResult]:
    session = load_policy(WATCHER.replace("STOP", str(stop)))
    return session, simulate(TRACE, session, PARAMS, compat, calls="exact")


def test_segments_show_what_an_operator_needs() -> None:
    source = """
def schedule(s, results, pipelines):
    for p in pipelines:
        first, second = p.operators
        assert first.segments == first.values == first.get_segments()
        assert [tuple(each) for each in first.segments] == [(1, "linear3", None, 20), (2, "const", 7.5, 0)]
        assert (second.segments[0].baseline_cpu_seconds, second.segments[0].storage_read_gb) == (3, 10)
        assert not hasattr(first, "memory_gb")
    return [], []
"""
    assert simulate(TRACE, load_policy(source), PARAMS).fault is None


def test_the_truth_cannot_be_rewritten() -> None:
    source = "def schedule(s, results, pipelines):\n    pipelines[0].operators[0].segments[0].storage_read_gb = 0"
    fault = simulate(TRACE, load_policy(source), PARAMS).fault
    assert fault is not None
    assert (fault.kind, fault.line) == ("exception", 2)
    assert "can't set attribute" in fault.message


@pytest.mark.parametrize("compat", ["thekla", "eudoxia-pin", "eudoxia-cur"])
def test_memory_in_use_is_that_of_the_tick_before(compat: Compat) -> None:
    session, result = watched(compat=compat)
    (life,) = result.containers
    assert life.end is not None
    for tick, (seen, pool) in enumerate(zip(session.scheduler.seen, session.scheduler.pool, strict=True)):
        running = 0 < tick <= life.end
        assert seen == ([life.memory_gb(tick - 1)] if running else [])
        assert pool == pytest.approx(life.memory_gb(tick - 1) if running else 0)
    assert session.scheduler.total == session.scheduler.pool
    assert max(session.scheduler.pool) == 20


def test_a_suspended_container_holds_nothing_but_in_eudoxia_seems_to() -> None:
    for compat, left in (("thekla", 0.0), ("eudoxia-cur", 7.5)):
        session, result = watched(stop=True, compat=compat)  # type: ignore[arg-type]  # a revision
        assert result.containers[0].end_kind == "suspended"
        assert session.scheduler.seen[-1] == [left]
        assert session.scheduler.pool[-1] == left  # the phantom memory of the revision


@pytest.mark.parametrize("name", ["pool.consumed_ram_gb", "s.executor.get_consumed_ram_gb()"])
def test_as_a_guest_it_is_hidden(name: str) -> None:
    source = f"def schedule(s, results, pipelines):\n    pool = s.executor.pools[0]\n    {name}"
    fault = simulate(TRACE, load_policy(source, as_guest=True), PARAMS).fault
    assert fault is not None
    assert (fault.kind, fault.line) == ("hidden", 3)
    assert "pool.consumed_ram_gb is hidden" in fault.message
