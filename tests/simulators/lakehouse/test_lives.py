"""What a result tells of each container."""

from itertools import pairwise

import pytest

from thekla.simulators.lakehouse import (
    ContainerLife,
    EndKind,
    OperatorRun,
    OperatorSpec,
    Params,
    PipelineSpec,
    PriorityClass,
    RunResult,
    Trace,
    Work,
    load_policy,
    simulate,
)

# A chain of two operators: 20 GB are scanned in 10 ticks, then 1 s of CPU; then 1 s of CPU with 5 GB.
SCAN = Work(cpu_seconds=1, cpu_scaling="const", storage_read_gb=20)
HOLD = Work(cpu_seconds=1, cpu_scaling="const", storage_read_gb=0, memory_gb=5)
CHAIN = Trace(
    name="chain",
    pipelines=(
        PipelineSpec(
            id="p",
            arrival_seconds=0.3,
            priority=PriorityClass.INTERACTIVE,
            operators=(
                OperatorSpec(name="scan", parents=(), work=SCAN),
                OperatorSpec(name="hold", parents=(0,), work=HOLD),
            ),
        ),
    ),
)
POLICY = """
def schedule(s, results, pipelines):
    stops = [Suspend(c.container_id, 0) for c in s.executor.pools[0].active_containers if c.can_suspend_container()]
    return stops if STOP else [], [Assignment(p.operators, 2, RAM, p.priority, 0) for p in pipelines]
"""


def run(*, ram: float = 40, stop: bool = False, duration: float = 10, age: float = 0) -> RunResult:
    params = Params(duration=duration, ticks_per_second=10, multi_operator_containers=True, max_job_seconds=age)
    return simulate(CHAIN, load_policy(POLICY.replace("RAM", str(ram)).replace("STOP", str(stop))), params)


def only(result: RunResult) -> ContainerLife:
    assert result.fault is None
    (life,) = result.containers
    return life


def test_a_completed_container_tells_where_when_and_what_it_ran() -> None:
    life = only(run())
    assert (life.id, life.pool, life.cpu, life.ram_gb, life.priority) == ("c1", 0, 2, 40, PriorityClass.INTERACTIVE)
    assert (life.start, life.end, life.freed, life.end_kind) == (3, 32, 32, "completed")
    assert life.operators == (
        OperatorRun(pipeline_id="p", operator="scan", start=3, end=22, completed=True),
        OperatorRun(pipeline_id="p", operator="hold", start=23, end=32, completed=True),
    )


@pytest.mark.parametrize(
    ("result", "kind", "end", "freed", "ran"),
    [
        (run(ram=11), "OOM", 8, 8, [(3, 8, False), (None, None, False)]),
        (run(age=2.5), "timeout", 28, 28, [(3, 22, True), (23, 28, False)]),
        (run(age=2.0), "timeout", 23, 23, [(3, 22, True), (23, 23, False)]),
        (run(age=1.9), "timeout", 22, 22, [(3, 22, True), (None, None, False)]),
        (run(stop=True), "suspended", 22, 42, [(3, 22, True), (None, None, False)]),
        (run(stop=True, duration=3), "suspended", 22, None, [(3, 22, True), (None, None, False)]),
        (run(duration=2), "running", None, None, [(3, None, False), (None, None, False)]),
        (run(duration=2.3), "running", None, None, [(3, 22, True), (None, None, False)]),
    ],
)
def test_every_end_has_its_kind_and_its_ticks(
    result: RunResult,
    kind: EndKind,
    end: int | None,
    freed: int | None,
    ran: list[tuple[int | None, int | None, bool]],
) -> None:
    life = only(result)
    assert (life.end_kind, life.end, life.freed) == (kind, end, freed)
    assert [(each.start, each.end, each.completed) for each in life.operators] == ran


def test_memory_between_two_corners_is_a_straight_line() -> None:
    for life in (only(run()), only(run(ram=11)), only(run(duration=2))):
        corners = life.memory_course(until=20)
        for (left, low), (right, high) in pairwise(corners):
            for tick in range(left, right):
                line = low + (high - low) * (tick - left) / (right - left)
                assert life.memory_gb(tick) == pytest.approx(line)
        assert corners[0][0] == life.start
        assert corners[-1][0] == (19 if life.end is None else life.end)


def test_memory_is_zero_outside_a_life() -> None:
    life = only(run())
    assert [life.memory_gb(tick) for tick in (0, 2, 3, 12, 22, 23, 32, 33)] == [0, 0, 2, 20, 20, 5, 5, 0]


def test_lives_are_a_sequence() -> None:
    lives = run().containers
    assert list(lives[:1]) == [lives[0]] == [lives[-1]]
    assert lives == run().containers != run(ram=11).containers
    assert hash(lives) == hash(run().containers)
    assert repr(lives).startswith("ContainerLives([ContainerLife(id='c1', pool=0")
