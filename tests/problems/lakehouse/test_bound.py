"""The bound holds for every policy, on random workloads and against exhaustive search."""

import itertools
from dataclasses import replace
from random import Random
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thekla.core.problem import Split
from thekla.problems.lakehouse import build
from thekla.problems.lakehouse.referee import PENALTY, judge_scheduler, penalty_seconds
from thekla.problems.lakehouse.workloads import Scene, instance, scene
from thekla.simulators.lakehouse import (
    LATENCY_WEIGHTS,
    Compat,
    OperatorSpec,
    Params,
    PipelineSpec,
    PriorityClass,
    Segment,
    Trace,
    Work,
    builtin_policy,
    load_policy,
    oracle_policy,
    penalised_latency_bound,
)

ORACLE = """
import random

def init(s):
    s.waiting = []
    s.rng = random.Random({seed})

def schedule(s, results, pipelines):
    s.waiting.extend(pipelines)
    s.waiting = [pipeline for pipeline in s.waiting if pipeline.remaining_operators]
    s.rng.shuffle(s.waiting)
    assignments = []
    for pool in s.executor.pools:
        cpu, ram = pool.avail_cpu_pool, pool.avail_ram_pool
        for pipeline in s.waiting:
            for op in pipeline.runtime_status().get_ops(ASSIGNABLE_STATES, require_parents_complete=True):
                want_cpu = min(cpu, s.rng.choice((0.5, 1, 3, 8, 64)))
                if want_cpu > 0 and true_ram_gb(op) <= ram:
                    assignments.append(Assignment([op], want_cpu, true_ram_gb(op), 1, pool.pool_id))
                    cpu, ram = cpu - want_cpu, ram - true_ram_gb(op)
    return [], assignments
"""
LATER = (
    Segment(cpu_seconds=3, cpu_scaling="linear3", storage_read_gb=5, memory_gb=20.0),
    Segment(cpu_seconds=2, cpu_scaling="log", storage_read_gb=0, memory_gb=None),
)
SCALINGS = ("const", "sqrt", "linear3", "linear7", "squared", "exp", "log")


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    """Up to six small pipelines of any shape, in one or two small pools."""
    pipelines = []
    at = 0.0
    for number in range(draw(st.integers(1, 6))):
        at += draw(st.sampled_from((0.0, 0.0, 0.4, 3.0)))
        operators = tuple(
            OperatorSpec(
                name=f"op{i}",
                parents=tuple(p for p in range(i) if draw(st.booleans())),
                work=Work(
                    cpu_seconds=draw(st.sampled_from((0.5, 2.0, 9.0))),
                    cpu_scaling=draw(st.sampled_from(SCALINGS)),
                    storage_read_gb=draw(st.sampled_from((2.0, 10.0, 40.0))),
                    memory_gb=draw(st.sampled_from((None, 5.0, 30.0, 90.0))),
                    later=draw(st.sampled_from(((), (), LATER))),
                ),
            )
            for i in range(draw(st.integers(1, 4)))
        )
        priority = draw(st.sampled_from(PriorityClass))
        pipelines.append(PipelineSpec(id=f"p{number}", arrival_seconds=at, priority=priority, operators=operators))
    compat: Compat = draw(st.sampled_from(get_args(Compat)))
    params = Params(
        allow_memory_overcommit=compat != "eudoxia-pin" and draw(st.booleans()),
        duration=draw(st.sampled_from((6, 15, 40))),
        ticks_per_second=draw(st.sampled_from((10, 100))),
        num_pools=draw(st.integers(1, 2)),
        cpus_per_pool=draw(st.sampled_from((2, 16))),
        ram_gb_per_pool=draw(st.sampled_from((50, 100))),
    )
    return Scene(trace=Trace(name="drawn", pipelines=tuple(pipelines)), params=params, compat=compat)


def bound_of(setting: Scene) -> float:
    return penalised_latency_bound(setting.trace, setting.params, penalty_seconds(setting.params), setting.compat)


@settings(max_examples=40)
@given(setting=scenes(), seed=st.integers(0, 999))
def test_no_policy_beats_the_bound(setting: Scene, seed: int) -> None:
    bound = bound_of(setting)
    package = build("default")
    schedulers = [
        load_policy(package.problem.seeds[0].text),
        oracle_policy(setting.trace, ORACLE.format(seed=seed)),
        oracle_policy(setting.trace, ORACLE.format(seed=seed + 1)),
    ]
    if setting.params.allow_memory_overcommit:
        schedulers.append(builtin_policy("overbook"))
    for scheduler in schedulers:
        result = judge_scheduler(scheduler, setting, PENALTY)
        assert result.fault is None, result.fault
        assert result.scores[PENALTY] >= bound


def best_of_all_schedules(jobs: list[tuple[float, float, float, int]], params: Params) -> float:
    """The least penalised latency of jobs (arrival s, seconds, GB, weight) of one operator each, over all orders.

    Jobs are started in every order, each as early as its memory allows beside those before it: this visits an optimal
    schedule. Every subset is tried as well, so leaving a job out is too.
    """
    penalty = penalty_seconds(params)
    best = float("inf")
    for size in range(len(jobs) + 1):
        for order in itertools.permutations(range(len(jobs)), size):
            placed: list[tuple[float, float, float]] = []
            latency = {i: penalty for i in range(len(jobs))}
            for i in order:
                arrival, seconds, gb, _ = jobs[i]
                starts = sorted({arrival, *(end for _, end, _ in placed if end > arrival)})
                start = next(at for at in starts if _fits(placed, at, at + seconds, gb, params.ram_gb_per_pool))
                placed.append((start, start + seconds, gb))
                if start + seconds <= params.duration:
                    latency[i] = start + seconds - arrival - 1 / params.ticks_per_second
            total = sum(latency[i] * jobs[i][3] for i in range(len(jobs)))
            best = min(best, total / sum(job[3] for job in jobs))
    return best


def _fits(placed: list[tuple[float, float, float]], begin: float, end: float, gb: float, room: float) -> bool:
    instants = [begin, *(start for start, _, _ in placed if begin < start < end)]
    return all(gb + sum(own for start, stop, own in placed if start <= at < stop) <= room for at in instants)


@pytest.mark.parametrize("seed", range(12))
def test_exhaustive_search_finds_nothing_below_the_bound_and_comes_near_it(seed: int) -> None:
    rng = Random(seed)
    params = Params(duration=20, ticks_per_second=10, cpus_per_pool=1000, ram_gb_per_pool=100)
    jobs, pipelines = [], []
    for number in range(5):
        seconds, gb = rng.choice((2.0, 4.0, 7.0)), float(rng.choice((30, 50, 100)))
        arrival, priority = rng.choice((0.0, 1.0, 3.0)), rng.choice(tuple(PriorityClass))
        jobs.append((arrival, seconds, gb, int(LATENCY_WEIGHTS[priority])))
        work = Work(cpu_seconds=seconds, cpu_scaling="const", storage_read_gb=0.0, memory_gb=gb)
        operator = OperatorSpec(name="op1", parents=(), work=work)
        pipelines.append(
            PipelineSpec(id=f"p{number}", arrival_seconds=arrival, priority=priority, operators=(operator,))
        )
    pipelines.sort(key=lambda each: each.arrival_seconds)
    bound = bound_of(Scene(trace=Trace(name="tiny", pipelines=tuple(pipelines)), params=params))
    optimum = best_of_all_schedules(jobs, params)
    assert 0.5 * optimum <= bound <= optimum


def crowded() -> Scene:
    """Thirty pipelines that arrive at once, far more than the pool can do in the time."""
    setting = scene("varied/heavy-fans/s1000")
    pipelines = tuple(replace(each, arrival_seconds=0.0) for each in setting.trace.pipelines[:30])
    return Scene(trace=Trace(name="crowded", pipelines=pipelines), params=replace(setting.params, duration=60))


def test_more_memory_never_raises_the_bound() -> None:
    setting = crowded()
    bounds = [
        bound_of(replace(setting, params=replace(setting.params, ram_gb_per_pool=gb))) for gb in (400, 500, 1000, 4000)
    ]
    # Prices are found by steps, so a bound may miss the best one by a little.
    for less, more in itertools.pairwise(bounds):
        assert more <= 1.02 * less


def test_crowding_raises_the_bound_above_the_critical_paths() -> None:
    setting = crowded()
    roomy = replace(setting, params=replace(setting.params, ram_gb_per_pool=1e6, cpus_per_pool=1e6))
    assert bound_of(setting) > 1.5 * bound_of(roomy)


def test_a_pipeline_that_fits_nowhere_counts_the_penalty() -> None:
    work = Work(cpu_seconds=1, cpu_scaling="const", storage_read_gb=0.0, memory_gb=90.0)
    pipeline = PipelineSpec(
        id="p1",
        arrival_seconds=0.0,
        priority=PriorityClass.QUERY,
        operators=(OperatorSpec(name="op1", parents=(), work=work),),
    )
    params = Params(duration=10, ram_gb_per_pool=80)
    bound = penalised_latency_bound(Trace(name="large", pipelines=(pipeline,)), params, 20.0)
    assert bound == pytest.approx(20.0)


def test_a_penalty_below_the_duration_is_refused() -> None:
    setting = scene("tiny/one-pool")
    with pytest.raises(ValueError, match="at least the duration"):
        penalised_latency_bound(setting.trace, setting.params, 3.0)


def test_the_published_form_has_no_bound() -> None:
    assert build("public").bound(instance("loop/b0/s10", Split.TRAIN)) == {}
