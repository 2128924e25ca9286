"""The event-driven engine against a lakehouse that visits every tick, on random small traces and policies."""

import math
from dataclasses import replace
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thekla.simulators.lakehouse import (
    CallReport,
    Calls,
    Compat,
    OperatorSpec,
    Params,
    PipelineSpec,
    PriorityClass,
    RunResult,
    Trace,
    Work,
    load_policy,
    policy_source,
    simulate,
)
from thekla.simulators.lakehouse.workload import CPU_SCALINGS, Segment

from .reference import Lakehouse

# Acts at random, but only when something has happened that is a reason to call a policy.
RANDOM_POLICY = """
from random import Random

def init(s):
    s.known, s.acted, s.suspended = [], False, 0

def schedule(s, results, pipelines):
    s.known += pipelines
    pools = s.executor.pools
    suspended = sum(len(pool.suspended_containers) for pool in pools)
    stoppable = [each for pool in pools for each in pool.active_containers if each.can_suspend_container()]
    if not (results or pipelines or s.acted or stoppable or suspended != s.suspended):
        return [], []
    s.suspended = suspended
    random = Random(f"SEED/{s.clock.now_ticks()}")
    suspensions = [Suspend(each.container_id, each.pool_id) for each in stoppable if random.random() < 0.5]
    assignments = []
    for pool in pools:
        cpu, ram = pool.avail_cpu_pool, pool.avail_ram_pool
        for pipeline in random.sample(s.known, len(s.known)):
            status = pipeline.runtime_status()
            counts = status.state_counts
            if pipeline.priority == Priority.QUERY and status.has_timed_out():
                continue
            ready = status.get_ops(ASSIGNABLE_STATES, require_parents_complete=True)
            if not ready or random.random() < 0.3:
                continue
            if s.params["multi_operator_containers"] and counts[OperatorState.ASSIGNED] == 0 \\
                    and counts[OperatorState.RUNNING] == 0 and counts[OperatorState.SUSPENDING] == 0:
                ready = status.get_ops(ASSIGNABLE_STATES)
            elif not s.params["multi_operator_containers"]:
                ready = ready[:1]
            share = random.choice([0.1, 0.25, 1 / 3, 0.5, 1.0])
            size = pool.max_cpu_pool * share, pool.max_ram_pool * random.choice([0.05, share, 0.5])
            free = ram if not s.params["allow_memory_overcommit"] else size[1]
            if size[0] > cpu or size[1] > free:
                if random.random() < 0.995:
                    continue
            cpu, ram = cpu - size[0], ram - size[1]
            assignments.append(Assignment(ready, size[0], size[1], pipeline.priority, pool.pool_id))
    s.acted = bool(suspensions or assignments)
    return suspensions, assignments
"""

# Acts by the number of its calls alone, and stops what it may by the same.
COUNTING_POLICY = """
from random import Random

def init(s):
    s.known, s.calls, s.random = [], 0, Random(SEED)

def schedule(s, results, pipelines):
    s.known += pipelines
    s.calls += 1
    stops = [
        Suspend(each.container_id, each.pool_id)
        for pool in s.executor.pools for each in pool.active_containers
        if each.can_suspend_container() and s.random.random() < 0.3
    ]
    if s.calls % 3:
        return stops, []
    assignments = []
    for pool in s.executor.pools:
        cpu, ram = pool.avail_cpu_pool / 3, pool.avail_ram_pool / 2
        for pipeline in s.random.sample(s.known, len(s.known))[:1]:
            ready = pipeline.runtime_status().get_ops(ASSIGNABLE_STATES, require_parents_complete=True)
            if ready and cpu > 1e-6 and ram > 1e-6:
                assignments.append(Assignment(ready[:1], cpu, ram, pipeline.priority, pool.pool_id))
    return stops, assignments
"""

needs: dict[str, st.SearchStrategy[Any]] = {
    "cpu_seconds": st.sampled_from([0.1, 1.0, 3.3, 12.0]),
    "cpu_scaling": st.sampled_from(sorted(CPU_SCALINGS)),
    "storage_read_gb": st.sampled_from([0.7, 5.0, 20.5, 55.0]),
    "memory_gb": st.sampled_from([None, None, None, 0.0, 0.5, 24.0, 60.1]),
}
segments = st.builds(Segment, **needs)
works = st.builds(
    Work, later=st.just(()) | st.just(()) | st.lists(segments, min_size=1, max_size=2).map(tuple), **needs
)


@st.composite
def traces(draw: st.DrawFn) -> Trace:
    pipelines = []
    seconds = 0.0
    for number in range(draw(st.integers(1, 8))):
        seconds += draw(st.sampled_from([0.0, 0.0, 0.299, 1.7, 6.0, -0.5]))
        operators = tuple(
            OperatorSpec(
                name=f"op{position}",
                parents=tuple(sorted(draw(st.sets(st.integers(0, position - 1), max_size=2)))) if position else (),
                work=draw(works),
            )
            for position in range(draw(st.integers(1, 5)))
        )
        pipelines.append(
            PipelineSpec(
                id=f"x{number}",
                arrival_seconds=seconds,
                priority=draw(st.sampled_from(PriorityClass)),
                operators=operators,
            )
        )
    return Trace(name="random", pipelines=tuple(pipelines))


@st.composite
def lakehouses(draw: st.DrawFn) -> tuple[Params, Compat]:
    compat: Compat = draw(st.sampled_from(get_args(Compat)))
    new = compat != "eudoxia-pin"
    params = Params(
        duration=draw(st.sampled_from([10, 30.5, 60])),
        ticks_per_second=draw(st.sampled_from([7, 10, 20])),
        num_pools=draw(st.integers(1, 3)),
        cpus_per_pool=draw(st.sampled_from([1, 10, 64])),
        ram_gb_per_pool=draw(st.sampled_from([55, 110, 150.5])),
        multi_operator_containers=draw(st.booleans()),
        allow_memory_overcommit=new and draw(st.booleans()),
        max_job_seconds=draw(st.sampled_from([0, 4.2, 20])) if new else 0,
    )
    return params, compat


def assert_equal(result: RunResult, reference: Lakehouse, compat: Compat) -> None:
    pipelines = [(each.pipeline_id, each.arrival_tick, each.finish_tick) for each in reference.pipelines]
    assert list(result.pipelines) == pipelines
    assert [list(lives) for lives in result.container_tick_times] == [pool.lives for pool in reference.pools]
    assert (result.fault.tick if result.fault else None) == reference.crashed_at
    statistics = result.statistics
    if result.fault is None:
        for life, container in zip(result.containers, reference.containers, strict=True):
            lived = range(life.start, life.start + len(container.held))
            assert (life.id, life.pool, life.cpu) == (
                container.container_id,
                container.pool_id,
                container.assignment.cpu,
            )
            assert [life.memory_gb(tick) for tick in lived] == container.held
            assert life.end in (None, lived[-1])
            assert life.memory_gb(lived[-1] + 1) == 0.0 or life.end is None
            assert sum(each.completed for each in life.operators) == container.completed_operators
        assert statistics.pipelines_all.timeout_count == sum(each.given_up for each in reference.pipelines)
        assert statistics.assignments == reference.assignments
        assert statistics.suspensions == reference.suspensions
        assert statistics.failure_error_counts == reference.errors
        if compat != "eudoxia-pin":
            means = [math.fsum(column) / len(column) for column in zip(*reference.samples, strict=True)]
            assert statistics.mean_memory_allocated_percent == pytest.approx(means[0], rel=1e-9, abs=1e-9)
            assert statistics.mean_memory_consumed_percent == pytest.approx(means[1], rel=1e-9, abs=1e-9)


def outcome(result: RunResult) -> str:
    """All that came of a run, but for how often the policy was called."""
    return repr(replace(result, policy_calls=0, calls=CallReport(asked="events", calls=0, quiet=0)))


@settings(max_examples=120)
@given(trace=traces(), lakehouse=lakehouses(), seed=st.integers(0, 10**6))
def test_random_policy_gives_the_same_run(trace: Trace, lakehouse: tuple[Params, Compat], seed: int) -> None:
    params, compat = lakehouse
    source = RANDOM_POLICY.replace("SEED", str(seed))
    result = simulate(trace, load_policy(source), params, compat)
    assert_equal(result, Lakehouse(trace, params, compat).run(source), compat)


@settings(max_examples=25)
@given(trace=traces(), lakehouse=lakehouses(), seed=st.integers(0, 10**6))
def test_policy_that_counts_its_calls_gives_the_same_run_if_called_every_tick(
    trace: Trace, lakehouse: tuple[Params, Compat], seed: int
) -> None:
    params, compat = lakehouse
    source = COUNTING_POLICY.replace("SEED", str(seed))
    result = simulate(trace, load_policy(source), params, compat, calls="exact")
    assert_equal(result, Lakehouse(trace, params, compat).run(source), compat)
    if result.fault is None:
        assert result.policy_calls == params.max_ticks


@settings(max_examples=25)
@given(trace=traces(), lakehouse=lakehouses(), seed=st.integers(0, 10**6))
def test_skipped_calls_change_nothing_for_a_policy_that_answers_to_events(
    trace: Trace, lakehouse: tuple[Params, Compat], seed: int
) -> None:
    params, compat = lakehouse
    source = RANDOM_POLICY.replace("SEED", str(seed))
    events = simulate(trace, load_policy(source), params, compat)
    exact = simulate(trace, load_policy(source), params, compat, calls="exact")
    assert outcome(events) == outcome(exact)
    assert events.policy_calls <= exact.policy_calls


@settings(max_examples=45)
@given(
    trace=traces(),
    lakehouse=lakehouses(),
    policy=st.sampled_from(["naive", "priority", "overbook"]),
    calls=st.sampled_from(get_args(Calls)),
)
def test_builtin_policy_gives_the_same_run(
    trace: Trace, lakehouse: tuple[Params, Compat], policy: str, calls: Calls
) -> None:
    params, compat = lakehouse
    source = policy_source(policy)
    result = simulate(trace, load_policy(source), params, compat, calls=calls)
    assert_equal(result, Lakehouse(trace, params, compat).run(source), compat)
