"""Scores against closed forms, and the account of the pools against a count of every tick."""

import math
from collections import defaultdict
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thekla.simulators.lakehouse import (
    Cause,
    Compat,
    ContainerLife,
    Params,
    PriorityClass,
    RunResult,
    Trace,
    Work,
    account,
    builtin_policy,
    ideal_ticks,
    jain_index,
    load_policy,
    mean_interval,
    paired_interval,
    read_trace,
    score,
    simulate,
)
from thekla.simulators.lakehouse.workload import Segment

from .test_engine_equals_reference import RANDOM_POLICY, lakehouses, traces

HEADER = (
    "pipeline_id,arrival_seconds,priority,operator_id,parents,baseline_cpu_seconds,cpu_scaling,memory_gb,"
    "storage_read_gb\n"
)
SMALL = Params(duration=10, ticks_per_second=10, cpus_per_pool=8, ram_gb_per_pool=100)

# One operator at a time gets 2 CPUs and 50 GB, in order of arrival; what failed gets the whole pool.
PLAIN = """
def init(s):
    s.waiting = []

def schedule(s, results, pipelines):
    s.waiting += pipelines
    pool = s.executor.pools[0]
    if pool.active_containers:
        return [], []
    for pipeline in s.waiting:
        for op in pipeline.runtime_status().get_ops(ASSIGNABLE_STATES, require_parents_complete=True):
            ram = 50 if op.last_ram_gb is None else pool.max_ram_pool
            return [], [Assignment([op], 2, ram, pipeline.priority, 0)]
    return [], []
"""


def test_where_everything_went_in_a_run_that_can_be_counted_by_hand() -> None:
    # 1 s of scan (20 GB) and 1 s of computing on one CPU, 20 GB held; then 1 s of computing that holds 80 GB.
    trace = read_trace(HEADER + "p1,1,QUERY,a,,1,const,20,20\np2,2,QUERY,a,,1,const,80,0\n")
    result = simulate(trace, load_policy(PLAIN), SMALL)
    assert [finish for _, _, finish in result.pipelines] == [29, 40]
    spent = account(trace, SMALL, result)
    # p1 runs from 1 to 3 s, p2 fails on the tick after (0.1 s) and runs from 3.1 to 4.1 s in the whole pool.
    assert spent[Cause.USEFUL].memory_gb_s == pytest.approx(2 * 20 + 80)
    assert spent[Cause.OVER_ALLOCATED].memory_gb_s == pytest.approx(2 * 30 + 20)
    assert spent[Cause.OOM].memory_gb_s == pytest.approx(0.1 * 50)
    assert spent[Cause.QUEUED].memory_gb_s == pytest.approx(1 * 50)  # p2 waits beside p1 from 2 to 3 s
    assert spent[Cause.IDLE].memory_gb_s == pytest.approx(1000 - 120 - 80 - 5 - 50)
    assert spent[Cause.USEFUL].cpu_s == pytest.approx(2 + 1)
    assert spent[Cause.OVER_ALLOCATED].cpu_s == pytest.approx(2 + 1)
    assert spent[Cause.OOM].cpu_s == pytest.approx(0.2)
    assert spent[Cause.QUEUED].cpu_s == pytest.approx(6)
    scores = score(trace, SMALL, result)
    assert scores.utilisation == pytest.approx((3 / 80, 120 / 1000))
    # Ideal runs take 2 and 1 s, theirs took 2 and 2.1 s.
    assert scores.everyone.mean_slowdown == pytest.approx((1 + 2.1) / 2)
    assert scores.pipeline_fairness == pytest.approx((1 + 1 / 2.1) ** 2 / (2 * (1 + 1 / 2.1**2)))


class Count:
    """The account, tick by tick: slow, plain, and by none of the ways of the one under test."""

    def __init__(self, trace: Trace, params: Params, compat: Compat, result: RunResult) -> None:
        self.params, self.compat, self.result = params, compat, result
        self.end = params.max_ticks if result.fault is None else result.fault.tick
        self.pipelines = {each.id: each for each in trace.pipelines}
        self.arrivals = {id: arrival for id, arrival, _ in result.pipelines}
        self.cpu: dict[Cause, float] = defaultdict(float)
        self.memory: dict[Cause, float] = defaultdict(float)
        for tick in range(self.end):
            self.tick(tick)

    def tick(self, tick: int) -> None:
        free_cpu = self.params.num_pools * self.params.cpus_per_pool
        free_gb = self.params.num_pools * self.params.ram_gb_per_pool
        taken: set[tuple[str, str]] = set()
        for life in self.result.containers:
            if life.start <= tick and (life.freed is None or tick <= life.freed):
                taken.update((run.pipeline_id, run.operator) for run in life.operators)
                free_cpu -= life.cpu
                free_gb -= life.ram_gb
                self.held(life, tick)
        cause = Cause.QUEUED if self.waits(tick, taken) else Cause.IDLE
        self.cpu[cause] += free_cpu
        self.memory[cause] += free_gb

    def held(self, life: ContainerLife, tick: int) -> None:
        if life.end is not None and tick > life.end:
            self.book(Cause.SUSPENDED, life.cpu, life.ram_gb)
            return
        for run in life.operators:
            if run.start is not None and run.start <= tick and (run.end is None or tick <= run.end):
                if not run.completed and life.end_kind in ("OOM", "timeout"):
                    self.book(Cause.OOM if life.end_kind == "OOM" else Cause.TIMEOUT, life.cpu, life.ram_gb)
                    return
                spec = next(each for each in self.pipelines[run.pipeline_id].operators if each.name == run.operator)
                cpu = helpful(spec.work, tick - run.start, life.cpu, self.params, self.compat)
                self.book(Cause.USEFUL, cpu, life.memory_gb(tick))
                self.book(Cause.OVER_ALLOCATED, life.cpu - cpu, life.ram_gb - life.memory_gb(tick))

    def book(self, cause: Cause, cpu: float, gb: float) -> None:
        self.cpu[cause] += cpu
        self.memory[cause] += gb

    def waits(self, tick: int, taken: set[tuple[str, str]]) -> bool:
        done = {
            (run.pipeline_id, run.operator): run.end
            for life in self.result.containers
            for run in life.operators
            if run.completed and run.end is not None and run.end < tick
        }
        for id, arrival in self.arrivals.items():
            if arrival > tick or 0 < self.params.max_job_ticks <= tick - arrival:
                continue
            operators = self.pipelines[id].operators
            for operator in operators:
                key = (id, operator.name)
                if (
                    key not in done
                    and key not in taken
                    and all((id, operators[p].name) in done for p in operator.parents)
                ):
                    return True
        return False


def helpful(work: Work, index: int, cpus: float, params: Params, compat: Compat) -> float:
    for segment in work.segments:
        scan = int((segment.storage_read_gb / 20) / (1 / params.ticks_per_second))
        seconds = {
            "const": segment.cpu_seconds,
            "linear3": segment.cpu_seconds / min(cpus, 3),
            "linear7": segment.cpu_seconds / min(cpus, 7),
            "sqrt": segment.cpu_seconds / math.sqrt(cpus),
            "squared": segment.cpu_seconds / cpus**2,
            "exp": segment.cpu_seconds / 2 ** min(cpus, 4),
            "log": segment.cpu_seconds / cpus if cpus < 1 else segment.cpu_seconds / (math.log(cpus) + 1),
        }[segment.cpu_scaling]
        total = scan + int(seconds / (1 / params.ticks_per_second))
        if compat == "thekla":
            total = max(1, total)
        if index < scan:
            return min(1.0, cpus)
        if index < total:
            return min(cpus, {"const": 1, "linear3": 3, "exp": 4, "linear7": 7}.get(segment.cpu_scaling, cpus))
        index -= total
    raise AssertionError("the operator ran for longer than its segments")


@settings(max_examples=40)
@given(trace=traces(), lakehouse=lakehouses(), seed=st.integers(0, 10**6))
def test_every_second_is_counted_once_under_the_cause_that_a_count_of_ticks_finds(
    trace: Trace, lakehouse: Any, seed: int
) -> None:
    params, compat = lakehouse
    result = simulate(trace, load_policy(RANDOM_POLICY.replace("SEED", str(seed))), params, compat)
    scores = score(trace, params, result, compat=compat)
    for name in ("cpu_s", "memory_gb_s"):
        total = math.fsum(getattr(amount, name) for amount in scores.spent.values())
        assert total == pytest.approx(getattr(scores.capacity, name), rel=1e-9, abs=1e-6)
    if params.allow_memory_overcommit or (compat != "thekla" and any_log_on_a_share(trace, result)):
        return
    count = Count(trace, params, compat, result)
    for cause in Cause:
        assert scores.spent[cause].cpu_s * params.ticks_per_second == pytest.approx(count.cpu[cause], abs=1e-6)
        assert scores.spent[cause].memory_gb_s * params.ticks_per_second == pytest.approx(count.memory[cause], abs=1e-6)


def any_log_on_a_share(trace: Trace, result: RunResult) -> bool:
    """Whether a revision's negative times may play a part, which the count does not know."""
    scalings = {
        segment.cpu_scaling for each in trace.pipelines for op in each.operators for segment in op.work.segments
    }
    return "log" in scalings and any(life.cpu < 1 for life in result.containers)


@settings(max_examples=40)
@given(trace=traces(), lakehouse=lakehouses(), seed=st.integers(0, 10**6))
def test_no_run_is_faster_than_the_ideal_one(trace: Trace, lakehouse: Any, seed: int) -> None:
    params, _ = lakehouse
    result = simulate(trace, load_policy(RANDOM_POLICY.replace("SEED", str(seed))), params)
    scores = score(trace, params, result)
    assert not scores.everyone.mean_slowdown < 1
    completed = [each for each in (scores.everyone, *scores.by_class.values()) if each.completed > 0]
    assert all(each.p50_s <= each.p95_s <= each.p99_s for each in completed)
    assert sum(each.arrived for each in scores.by_class.values()) == scores.everyone.arrived
    for fairness in (scores.pipeline_fairness, scores.tenant_fairness):
        assert math.isnan(fairness) or 0 < fairness <= 1 + 1e-9


@pytest.mark.parametrize("policy", ["naive", "best-fit"])
def test_a_pipeline_that_is_alone_in_a_large_lakehouse_is_as_fast_as_its_ideal_run(policy: str) -> None:
    rows = "p,0,QUERY,a,,3,linear3,5,20\np,,,b,a,2,sqrt,5,10\np,,,c,b,1,const,5,0\n"
    trace = read_trace(HEADER + rows)
    params = Params(duration=60, ticks_per_second=10, cpus_per_pool=64)
    ideal = ideal_ticks(trace.pipelines[0], params)
    # 1 s scan and 1 s on 3 CPUs; half a second scan and 2 / 8 s on 64 CPUs; 1 s.
    assert ideal == 10 + 10 + 5 + 2 + 10
    # Naive gives all CPUs, best-fit an eighth of them: sqrt takes 2 / sqrt(8) s on those.
    expected = 1.0 if policy == "naive" else (10 + 10 + 5 + 7 + 10) / ideal
    scores = score(trace, params, simulate(trace, builtin_policy(policy), params))
    assert scores.everyone.mean_slowdown == pytest.approx(expected)


def test_the_ideal_run_takes_the_longest_path_and_later_segments_too() -> None:
    rows = "p,0,QUERY,a,,1,const,5,0,\np,,,a,,2,const,5,0,2\n"  # two segments, then a diamond
    rows += "p,,,b,a,4,const,5,0,\np,,,c,a,1,const,5,0,\np,,,d,b;c,1,const,5,0,\n"
    trace = read_trace(HEADER.strip() + ",segment\n" + rows)
    assert ideal_ticks(trace.pipelines[0], SMALL) == 10 + 20 + 40 + 10
    assert trace.pipelines[0].operators[0].work.later == (
        Segment(cpu_seconds=2, cpu_scaling="const", storage_read_gb=0, memory_gb=5),
    )


def test_what_fits_nowhere_has_no_ideal_run_and_no_deadline() -> None:
    trace = read_trace(HEADER + "p,0,QUERY,a,,1,const,101,0\n")
    assert ideal_ticks(trace.pipelines[0], SMALL) is None
    scores = score(trace, SMALL, simulate(trace, load_policy(PLAIN), SMALL))
    assert scores.everyone.completed == 0
    assert scores.everyone.deadlines == 0
    assert math.isnan(scores.everyone.deadline_misses)
    assert math.isnan(scores.pipeline_fairness)


def test_deadlines_that_lie_beyond_the_trace_are_not_decided() -> None:
    # One after the other, 2 s each: ends at 2, 4, 6, 8, 10 s; the sixth has no time left.
    rows = "".join(f"p{n},0,BATCH_PIPELINE,a,,2,const,40,0\n" for n in range(6))
    trace = read_trace(HEADER + rows)
    result = simulate(trace, load_policy(PLAIN), SMALL)
    for slowdown, missed, decided in ((1, 5, 6), (2.5, 4, 6), (5, 1, 6), (6, 0, 5)):
        batch = score(trace, SMALL, result, deadline_slowdown=slowdown).by_class[PriorityClass.BATCH_PIPELINE]
        assert batch.deadlines == decided
        assert batch.deadline_misses == pytest.approx(missed / decided)
    with pytest.raises(ValueError, match=r"deadline_slowdown is 0\.5"):
        score(trace, SMALL, result, deadline_slowdown=0.5)


def test_tenants_are_compared_by_their_mean_speeds() -> None:
    header = HEADER.strip() + ",tenant\n"
    # The first tenant's pipeline runs at once, the second's wait for 2 and 4 s: speeds 1, 1/2 and 1/3.
    rows = "a,0,QUERY,a,,2,const,40,0,x\n" + "".join(f"b{n},0,QUERY,a,,2,const,40,0,y\n" for n in range(2))
    trace = read_trace(header + rows)
    scores = score(trace, SMALL, simulate(trace, load_policy(PLAIN), SMALL))
    assert scores.tenant_fairness == pytest.approx(jain_index([1, (1 / 2 + 1 / 3) / 2]))
    assert scores.pipeline_fairness == pytest.approx(jain_index([1, 1 / 2, 1 / 3]))


def test_jain_s_index_at_its_ends() -> None:
    assert jain_index([3, 3, 3]) == pytest.approx(1)
    assert jain_index([0, 0, 0, 7]) == pytest.approx(1 / 4)
    assert math.isnan(jain_index([0, 0]))


def test_a_bootstrap_interval_has_the_width_of_the_normal_one_on_many_values() -> None:
    values = [Random(1).gauss(10, 2) for _ in range(1)] + [
        Random(seed).gauss(10, 2) for _ in [0] for seed in range(400)
    ]
    interval = mean_interval(values)
    deviation = math.sqrt(math.fsum((each - interval.mean) ** 2 for each in values) / len(values))
    half = 1.96 * deviation / math.sqrt(len(values))
    # 2,000 resamples put an end of the interval within 5 % of its place; four times that.
    assert interval.high - interval.low == pytest.approx(2 * half, rel=0.2)
    assert interval.low < interval.mean < interval.high
    assert mean_interval(values) == interval


def test_pairs_remove_what_traces_have_in_common() -> None:
    traces = [Random(seed).uniform(0, 1000) for seed in range(10)]
    better = [each - 5 - Random(seed).random() for seed, each in enumerate(traces)]
    paired = paired_interval(traces, better)
    assert -6 < paired.low < paired.high < -5
    with pytest.raises(ValueError, match="shorter"):
        paired_interval(traces, better[1:])
    with pytest.raises(ValueError, match="give at least two values"):
        mean_interval([1.0])
