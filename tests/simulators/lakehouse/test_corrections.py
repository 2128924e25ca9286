"""What the default rules correct, each beside the revision that has the defect."""

import pytest

from thekla.simulators.lakehouse import (
    Compat,
    OperatorSpec,
    Params,
    PipelineSpec,
    PriorityClass,
    RunResult,
    Trace,
    Work,
    load_policy,
    read_trace,
    simulate,
    write_trace,
)
from thekla.simulators.lakehouse.arrivals import deliveries

CUR: Compat = "eudoxia-cur"
# Gives each new pipeline a container of its own, of the size that a test fills in.
EACH_ITS_CONTAINER = """
def schedule(s, results, pipelines):
    return [], [Assignment(p.operators, CPU, RAM, p.priority, 0) for p in pipelines]
"""


def pipeline(name: str, *works: Work, at: float = 0.0, chain: bool = True) -> PipelineSpec:
    operators = tuple(
        OperatorSpec(name=f"op{i}", parents=(i - 1,) if chain and i else (), work=work) for i, work in enumerate(works)
    )
    return PipelineSpec(id=name, arrival_seconds=at, priority=PriorityClass.BATCH_PIPELINE, operators=operators)


def trace(*pipelines: PipelineSpec) -> Trace:
    return Trace(name="test", pipelines=pipelines)


def work(*, cpu: float = 1.0, scaling: str = "const", scan_gb: float = 0.0, memory: float | None = None) -> Work:
    return Work(cpu_seconds=cpu, cpu_scaling=scaling, storage_read_gb=scan_gb, memory_gb=memory)


def both(of: Trace, source: str, params: Params) -> tuple[RunResult, RunResult]:
    """The run by the default rules, and by those of the newer revision."""
    return simulate(of, load_policy(source), params), simulate(of, load_policy(source), params, CUR)


def sized(cpu: str, ram: str) -> str:
    return EACH_ITS_CONTAINER.replace("CPU", cpu).replace("RAM", ram)


def test_suspended_memory_kills_no_innocent_container() -> None:
    # A container that holds 50 of 100 GB is suspended; once it is gone, 60 GB fit.
    big = pipeline("big", work(cpu=1, memory=50), work(cpu=1, memory=50))
    small = pipeline("small", work(cpu=5, memory=60), at=0.5)
    source = """
def init(s):
    s.waiting = None

def schedule(s, results, pipelines):
    for p in pipelines:
        if p.pipeline_id == "big":
            return [], [Assignment(p.operators, 1, 50, 3, 0)]
        s.waiting = p
    pool = s.executor.pools[0]
    stops = [Suspend(c.container_id, 0) for c in pool.active_containers if c.can_suspend_container()]
    if pool.suspended_containers and s.waiting:
        ops, s.waiting = s.waiting.operators, None
        return stops, [Assignment([op], 1, 60, 3, 0) for op in ops]
    return stops, []
"""
    params = Params(duration=20, ticks_per_second=10, ram_gb_per_pool=100, multi_operator_containers=True)
    ours, cur = both(trace(big, small), source, params)
    assert ours.fault is None
    assert ours.statistics.failures == 0
    assert ours.statistics.containers_completed == 1
    assert cur.statistics.failure_error_counts == {"OOM": 1}


def test_a_suspension_of_less_than_a_tick_ends() -> None:
    # 1 GB at 10 ticks/s is written in half a tick.
    source = """
def schedule(s, results, pipelines):
    pool = s.executor.pools[0]
    again = [op for c in pool.suspended_containers for op in c.operators if op.state == OperatorState.PENDING]
    if again:
        return [], [Assignment(again, 1, 1, 3, 0)]
    stops = [Suspend(c.container_id, 0) for c in pool.active_containers if c.can_suspend_container()]
    return stops, [Assignment(p.operators, 1, 1, 3, 0) for p in pipelines]
"""
    params = Params(duration=10, ticks_per_second=10, multi_operator_containers=True)
    ours, cur = both(trace(pipeline("p", work(), work())), source, params)
    assert ours.fault is cur.fault is None
    assert ours.pipelines == (("p", 0, 20),)  # two seconds of work, and a tick lost to the suspension
    assert cur.pipelines == (("p", 0, None),)


@pytest.mark.parametrize("works", [(work(cpu=0),), (work(cpu=0.05), work()), (work(), work(cpu=0))])
def test_an_operator_takes_at_least_a_tick(works: tuple[Work, ...]) -> None:
    params = Params(duration=10, ticks_per_second=10, multi_operator_containers=True)
    ours, cur = both(trace(pipeline("p", *works)), sized("1", "1"), params)
    assert ours.fault is None
    assert ours.pipelines == (("p", 0, 10 * (len(works) - 1)),)
    assert cur.fault is not None
    assert cur.fault.kind in ("zero_tick_operator", "parents_incomplete")


def test_a_share_of_a_cpu_never_shortens_a_scan() -> None:
    # Below 1/e CPUs the curve `log` is negative: the original takes CPU time off the 2 s of scanning.
    one = trace(pipeline("p", work(cpu=1, scaling="log", scan_gb=40)))
    ours, cur = both(one, sized("0.2", "50"), Params(duration=60, ticks_per_second=10))
    assert ours.container_tick_times == ((20 + 50,),)
    assert cur.container_tick_times[0][0] < 20


def test_rounding_kills_no_container_of_the_exact_size() -> None:
    # 7 GB are scanned in 35 ticks at 100 ticks/s, and 35 * 0.01 * 20 is a little above 7.
    one = trace(pipeline("p", work(scan_gb=7)))
    ours, cur = both(one, sized("1", "7"), Params(duration=10, ticks_per_second=100))
    assert ours.statistics.failures == 0
    assert cur.statistics.failure_error_counts == {"OOM": 1}


def test_what_is_free_does_not_drift() -> None:
    # In doubles 1 - 0.1 - 0.2 - 0.1, and all three given back, is a little less than 1.
    source = """
def schedule(s, results, pipelines):
    pool = s.executor.pools[0]
    assert not results or pool.avail_cpu_pool == 1, pool.avail_cpu_pool
    return [], [Assignment(p.operators, cpu, 1, 3, 0) for p, cpu in zip(pipelines, [0.1, 0.2, 0.1])]
"""
    three = trace(*(pipeline(f"p{i}", work()) for i in range(3)))
    ours, cur = both(three, source, Params(duration=10, ticks_per_second=10, cpus_per_pool=1))
    assert ours.fault is None
    assert ours.statistics.containers_completed == 3
    assert cur.fault is not None
    assert "AssertionError: 0.9999999999999999" in cur.fault.message


def test_rounding_of_a_running_sum_kills_no_container() -> None:
    # In doubles 0.1 + 0.2 + 0.3 is a little above 0.6, which is what the pool has.
    three = trace(*(pipeline(f"p{i}", work(cpu=2, memory=gb)) for i, gb in enumerate([0.1, 0.2, 0.3])))
    params = Params(duration=10, ticks_per_second=10, ram_gb_per_pool=0.6, allow_memory_overcommit=True)
    ours, cur = both(three, sized("1", "0.3"), params)
    assert ours.statistics.failures == 0
    assert cur.statistics.failure_error_counts == {"OOM": 1}


def test_a_written_trace_arrives_on_its_ticks() -> None:
    ticks = range(0, 60_000, 7)
    pipelines = trace(*(pipeline(f"p{tick}", work(), at=tick * (1.0 / 1000)) for tick in ticks))
    again = read_trace(write_trace(pipelines))
    assert [tick for tick, _ in deliveries(again, 1000, "thekla")] == list(ticks)
    late = [tick - asked for (tick, _), asked in zip(deliveries(again, 1000, CUR), ticks, strict=True)]
    assert set(late) == {0, 1}


def test_pipelines_listed_out_of_order_arrive_in_time() -> None:
    two = trace(pipeline("late", work(), at=5), pipeline("early", work(), at=1))
    ours, cur = both(two, sized("1", "1"), Params(duration=10, ticks_per_second=10))
    assert ours.pipelines == (("early", 10, 19), ("late", 50, 59))
    assert cur.pipelines == (("late", 50, 59), ("early", 50, 59))


def test_a_pipeline_ends_with_its_last_operator() -> None:
    # One container runs both pipelines; the original looks at the first when the container ends.
    source = """
def schedule(s, results, pipelines):
    for result in results:
        finishes = [op.pipeline.runtime_status().finish_tick for op in result.ops]
        assert finishes == [int(each) for each in FINISHES], finishes
    return [], [Assignment([op for p in pipelines for op in p.operators], 1, 1, 3, 0)] if pipelines else []
"""
    two = trace(pipeline("a", work(cpu=1)), pipeline("b", work(cpu=3)))
    params = Params(duration=10, ticks_per_second=10, multi_operator_containers=True)
    ours = simulate(two, load_policy(source.replace("FINISHES", "(9, 39)")), params)
    cur = simulate(two, load_policy(source.replace("FINISHES", "(39, 39)")), params, CUR)
    assert ours.fault is cur.fault is None
    assert ours.pipelines == (("a", 0, 9), ("b", 0, 39))
    assert cur.pipelines == (("a", 0, 39), ("b", 0, 39))


def test_a_pipeline_is_given_up_at_its_limit() -> None:
    # Past its limit of 1.5 s its container is killed; a new one completes it within a tick, before the next second.
    source = """
def schedule(s, results, pipelines):
    ops = [op for p in pipelines for op in p.operators[:1]] or [op for r in results for op in r.ops if r.failed()]
    return [], [Assignment([op], 3 if op.failures else 0.01, 1, 3, 0) for op in ops]
"""
    one = trace(pipeline("p", work(cpu=1, scaling="squared")))
    params = Params(duration=10, ticks_per_second=10, max_job_seconds=1.5)
    ours, cur = both(one, source, params)
    assert ours.statistics.pipelines_all.timeout_count == 1
    assert ours.pipelines == (("p", 0, None),)
    assert cur.statistics.pipelines_all.timeout_count == 0
    assert cur.pipelines == (("p", 0, 16),)


def test_an_unknown_pool_is_a_fault_with_the_range() -> None:
    source = sized("1", "1").replace(", 0) for", ", 4) for")
    ours, _ = both(trace(pipeline("p", work())), source, Params(duration=10, ticks_per_second=10))
    assert ours.fault is not None
    assert (ours.fault.kind, ours.fault.tick) == ("unknown_pool", 0)
    assert "pool_id is 4; pools are numbered 0 to 0" in ours.fault.message


def test_a_run_in_which_nothing_ended_has_statistics() -> None:
    nothing = "def schedule(s, results, pipelines): return [], []"
    for run in both(trace(pipeline("p", work())), nothing, Params(duration=10, ticks_per_second=10)):
        assert run.fault is None
        assert run.statistics.pipelines_all.arrival_count == 1
