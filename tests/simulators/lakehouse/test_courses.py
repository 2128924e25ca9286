"""The closed form of memory over time agrees with the containers' own memory, tick by tick."""

from hypothesis import given
from hypothesis import strategies as st

from thekla.simulators.lakehouse.answers import AssignmentOrder
from thekla.simulators.lakehouse.containers import Container, LifeTable
from thekla.simulators.lakehouse.courses import Course
from thekla.simulators.lakehouse.workload import Segment

ROUNDING_GB = 1e-9


@st.composite
def containers(draw: st.DrawFn, tick_length: float, now: int) -> Container:
    """A container in any phase of a segment, on its way until some tick after `now`."""
    segment = Segment(
        cpu_seconds=1,
        cpu_scaling="const",
        storage_read_gb=draw(st.sampled_from([0.0, 3.0, 7.5, 40.0])),
        memory_gb=draw(st.sampled_from([None, None, 2.0, 12.5])),
    )
    table = LifeTable(segment, tick_length, corrected=draw(st.booleans()))
    scan_ticks, total, _ = table.life(1, 1000.0)
    start = now - draw(st.integers(0, max(0, total - 1)))
    order = AssignmentOrder(operators=[], cpu=1, ram_gb=1000.0, priority=1, place=0, line=0)
    container = Container(1, [], order, pool=0, start=start)
    container.timeline.append((start, table, scan_ticks, 0))
    container.due_tick = now + draw(st.integers(1, 40))
    return container


@given(data=st.data(), tps=st.sampled_from([1, 7, 10, 100]), limit_gb=st.floats(0, 150))
def test_the_first_tick_above_a_limit_is_the_one_of_a_walk(data: st.DataObject, tps: int, limit_gb: float) -> None:
    now = 50
    group = data.draw(st.lists(containers(1 / tps, now), max_size=5))
    course = Course(group, now, 1 / tps)

    def sum_gb(tick: int) -> float:
        return sum(container.memory_gb(tick) for container in group)

    last = min((container.due_tick for container in group), default=now + 1) - 1
    assert course.last == last
    assert abs(course.now_gb - sum_gb(now)) <= ROUNDING_GB
    found = course.first_above(limit_gb)
    until = last + 1 if found is None else found[0]
    assert all(sum_gb(tick) <= limit_gb + ROUNDING_GB for tick in range(now + 1, until))
    if found is not None:
        assert now < found[0] <= last
        assert limit_gb - ROUNDING_GB < sum_gb(found[0])
        assert abs(found[1] - sum_gb(found[0])) <= ROUNDING_GB
