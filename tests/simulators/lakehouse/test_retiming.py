"""Moved arrivals keep their pipelines, and land where they should."""

from hypothesis import given
from hypothesis import strategies as st

from thekla.simulators.lakehouse import (
    OperatorSpec,
    PipelineSpec,
    PriorityClass,
    Trace,
    Work,
    as_generated,
    jittered,
    snapped,
)
from thekla.simulators.lakehouse.arrivals import deliveries

STEP = OperatorSpec(name="op1", parents=(), work=Work(cpu_seconds=1, cpu_scaling="const", storage_read_gb=1))


def trace_at(moments: list[float]) -> Trace:
    pipelines = [
        PipelineSpec(id=f"p{number}", arrival_seconds=at, priority=PriorityClass.QUERY, operators=(STEP,))
        for number, at in enumerate(sorted(moments))
    ]
    return Trace(name="t", pipelines=tuple(pipelines))


moments = st.lists(st.floats(0, 1000, allow_nan=False), max_size=30)
rates = st.sampled_from([1, 7, 10, 100, 1000])


@given(moments, rates)
def test_snapped_arrivals_are_whole_ticks_and_move_by_half_a_tick_at_most(at: list[float], rate: int) -> None:
    before, after = trace_at(at), snapped(trace_at(at), rate)
    assert [each.id for each in after.pipelines] == [each.id for each in before.pipelines]
    for old, new in zip(before.pipelines, after.pipelines, strict=True):
        assert abs(new.arrival_seconds - old.arrival_seconds) <= 0.5 / rate + 1e-9
        assert abs(new.arrival_seconds * rate - round(new.arrival_seconds * rate)) < 1e-6


@given(moments, st.floats(0, 5), st.integers(0, 2**32))
def test_jitter_keeps_the_pipelines_in_order_and_within_reach(at: list[float], delta_s: float, seed: int) -> None:
    trace = trace_at(at)
    moved = jittered(trace, delta_s, seed=seed)
    old = {each.id: each.arrival_seconds for each in trace.pipelines}
    new = [each.arrival_seconds for each in moved.pipelines]
    assert new == sorted(new)
    assert {each.id for each in moved.pipelines} == set(old)
    assert all(abs(each.arrival_seconds - old[each.id]) <= delta_s + 1e-9 for each in moved.pipelines)
    assert moved == jittered(trace, delta_s, seed=seed)


def test_jitter_depends_on_its_seed() -> None:
    trace = trace_at([10.0, 20.0])
    assert jittered(trace, 1.0, seed=1) != jittered(trace, 1.0, seed=2)


@given(st.lists(st.integers(0, 600_000), max_size=50), st.sampled_from([10, 100, 1000]))
def test_generated_arrivals_come_on_their_tick_under_the_original_s_rule(ticks: list[int], rate: int) -> None:
    trace = trace_at([tick * (1.0 / rate) for tick in ticks])
    delivered = deliveries(as_generated(trace, rate), rate, "eudoxia-cur")
    assert [tick for tick, _ in delivered] == sorted(ticks)
