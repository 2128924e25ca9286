"""The workload generator: what is asked for is what comes, and what makes no sense is refused."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from itertools import groupby
from random import Random
from statistics import fmean, median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thekla.simulators.lakehouse import (
    OperatorSpec,
    Params,
    PriorityClass,
    Segment,
    SyntheticParams,
    Tenant,
    Trace,
    WorkloadParams,
    offered_load,
    read_trace,
    synthetic_trace,
    write_trace,
)
from thekla.simulators.lakehouse.synthetic import SHAPES

CLUSTER = Params(duration=600, ticks_per_second=100)


def operators_of(trace: Trace) -> list[OperatorSpec]:
    return [operator for pipeline in trace.pipelines for operator in pipeline.operators]


def segments_of(trace: Trace) -> list[Segment]:
    return [segment for operator in operators_of(trace) for segment in operator.work.segments]


def generated(tenant: Tenant, *, load: float = 8, seed: int = 0) -> Trace:
    """Some thousand operators of one tenant."""
    return synthetic_trace(SyntheticParams(load=load, tenants=(tenant,), seed=seed), CLUSTER)


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10**9),
    load=st.floats(0.05, 1.5),
    burst=st.floats(1, 30),
    swing=st.floats(0, 1),
    shape=st.sampled_from(sorted(SHAPES)),
)
def test_any_trace_is_sound_reaches_its_load_and_fits(
    seed: int, load: float, burst: float, swing: float, shape: str
) -> None:
    tenant = Tenant(shapes={shape: 1}, spread=1.0, tail=1.2, segments=2)
    params = SyntheticParams(load=load, burst=burst, day_swing=swing, tenants=(tenant,), seed=seed)
    trace = synthetic_trace(params, CLUSTER)
    assert synthetic_trace(params, CLUSTER) == trace
    assert read_trace(write_trace(trace), name=trace.name) == trace
    without_last = replace(trace, pipelines=trace.pipelines[:-1])
    assert offered_load(without_last, CLUSTER) < load <= offered_load(trace, CLUSTER) + 1e-9
    assert max(each.arrival_seconds for each in trace.pipelines) <= 0.9 * CLUSTER.duration
    assert max(each.work.peak_memory_gb for each in operators_of(trace)) <= 0.8 * CLUSTER.ram_gb_per_pool


def test_another_seed_gives_another_trace() -> None:
    assert generated(Tenant(), load=1).pipelines != generated(Tenant(), load=1, seed=1).pipelines


def test_operators_have_as_many_segments_on_average_as_asked_for() -> None:
    counts = [len(each.work.segments) for each in operators_of(generated(Tenant(segments=1.5)))]
    # A geometric count of mean 1.5 has deviation 0.87; with n above 1,200, four standard errors are below 0.1.
    assert len(counts) > 1200
    assert fmean(counts) == pytest.approx(1.5, abs=0.1)
    assert {len(each.work.segments) for each in operators_of(generated(Tenant(segments=1)))} == {1}


def test_memory_is_independent_of_what_is_read_unless_it_grows_with_it() -> None:
    segments = segments_of(generated(Tenant(growing=0, spread=1, alike=0)))
    pairs = [(math.log(each.storage_read_gb), math.log(each.memory_gb or 0)) for each in segments]
    # For n pairs without correlation its deviation is 1 / sqrt(n): four of them.
    assert abs(correlation(pairs)) < 4 / math.sqrt(len(pairs))
    assert all(each.memory_gb is None for each in segments_of(generated(Tenant(growing=1), load=2)))


def correlation(pairs: list[tuple[float, float]]) -> float:
    a, b = (fmean(column) for column in zip(*pairs, strict=True))
    products = math.fsum((x - a) * (y - b) for x, y in pairs)
    squares = [math.fsum((x - a) ** 2 for x, _ in pairs), math.fsum((y - b) ** 2 for _, y in pairs)]
    return products / math.sqrt(squares[0] * squares[1])


@pytest.mark.parametrize("tail", [1.5, 3.0])
def test_large_sizes_follow_the_index_of_the_tail(tail: float) -> None:
    tenant = Tenant(spread=0, tail=tail, growing=0, read_gb=5, segments=1)
    sizes = sorted(each.storage_read_gb for each in segments_of(generated(tenant, load=15)))
    assert median(sizes) == pytest.approx(5, rel=0.05)
    # Hill's estimator on the upper half, where the factor is Pareto exactly; its relative error is 1 / sqrt(n).
    top = sizes[len(sizes) // 2 :]
    hill = len(top) / math.fsum(math.log(each / top[0]) for each in top)
    assert hill == pytest.approx(tail, rel=4 / math.sqrt(len(top)) + 0.03)  # 0.03: sizes are rounded and cut at 400 GB


def test_classes_and_tenants_come_in_their_shares() -> None:
    tenants = (
        Tenant(name="a", share=3, query_prob=1, interactive_prob=0, batch_prob=0),
        Tenant(name="b", query_prob=0, interactive_prob=0, batch_prob=1),
    )
    trace = synthetic_trace(SyntheticParams(load=8, tenants=tenants), CLUSTER)
    counts = Counter((each.tenant, each.priority) for each in trace.pipelines)
    assert set(counts) == {("a", PriorityClass.QUERY), ("b", PriorityClass.BATCH_PIPELINE)}
    share = counts["a", PriorityClass.QUERY] / len(trace.pipelines)
    assert share == pytest.approx(0.75, abs=4 * math.sqrt(0.75 * 0.25 / len(trace.pipelines)))


def test_pipelines_come_in_bursts_of_the_mean_size() -> None:
    for burst in (1.0, 12.0):
        params = SyntheticParams(load=4, burst=burst, tenants=(Tenant(batch_prob=0, query_prob=0.7),))
        arrivals = [each.arrival_seconds for each in synthetic_trace(params, CLUSTER).pipelines]
        sizes = [len(list(same)) for _, same in groupby(arrivals)]
        # 0.03: two bursts in one hundredth of a second look like one.
        assert fmean(sizes) == pytest.approx(burst, rel=4 / math.sqrt(len(sizes)) + 0.03)


def test_the_load_of_the_day_swings_from_its_lowest_to_its_highest() -> None:
    params = SyntheticParams(load=10, burst=1, day_s=540, day_swing=1.0)
    arrivals = [each.arrival_seconds for each in synthetic_trace(params, CLUSTER).pipelines]
    quarters = Counter(int(at // 135) for at in arrivals)
    # The first quarter of 1 - cos holds (1/4 - 1/(2 pi)) of a day, the second the rest of its half.
    expected = (0.25 - 1 / (2 * math.pi)) * len(arrivals)
    assert quarters[0] == pytest.approx(expected, abs=4 * math.sqrt(expected))
    assert quarters[1] + quarters[2] > 4 * (quarters[0] + quarters[3])


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_parents_of_every_shape_stand_before_their_child(shape: str) -> None:
    rng = Random(0)
    for count in range(1, 30):
        for position in range(1, count):
            parents = SHAPES[shape](position, count, rng)
            assert list(parents) == sorted(set(parents))
            assert all(0 <= parent < position for parent in parents)


def test_a_diamond_opens_and_closes() -> None:
    assert [SHAPES["diamond"](position, 5, Random(0)) for position in range(1, 5)] == [(0,), (0,), (0,), (1, 2, 3)]


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({"load": 0}, "load is 0; give a finite number > 0 and <= 100"),
        ({"burst": 0.5}, "burst is 0.5; give a finite number >= 1"),
        ({"day_swing": math.nan}, "day_swing is nan"),
        ({"last_arrival": True}, "last_arrival is True"),
        ({"laod": 1}, "unknown parameter 'laod'; did you mean 'load'"),
        ({"tenants": []}, "give at least one"),
        ({"tenants": [{}, {}]}, "a name of its own"),
        ({"tenants": [{"tial": 2}]}, "did you mean 'tail'"),
        ({"tenants": [{"query_prob": 0.3}]}, "sum to 1.1"),
        ({"tenants": [{"shapes": {"chian": 1}}]}, "unknown shape 'chian'; did you mean 'chain'"),
        ({"tenants": [{"scalings": {"const": 0}}]}, "scalings are all 0"),
        ({"tenants": [{"scalings": {"const": -1}}]}, "the weight of scaling 'const' is -1"),
        ({"tenants": [{"tail": 1}]}, "tail is 1; give a finite number > 1"),
        ({"tenants": [{"memory_gb": "12"}]}, "memory_gb is '12'"),
    ],
)
def test_parameters_are_checked_and_unknown_names_get_the_nearest_known_one(
    values: Mapping[str, object], found: str
) -> None:
    with pytest.raises(ValueError, match=found):
        SyntheticParams.from_mapping(values)


def test_shares_that_sum_to_one_up_to_rounding_are_accepted() -> None:
    shares = {"interactive_prob": 0.6, "query_prob": 0.3, "batch_prob": 0.1}
    params = SyntheticParams.from_mapping({"load": 1.2, "tenants": [{"name": "a", **shares}]})
    assert params == SyntheticParams(load=1.2, tenants=(Tenant(name="a", **shares),))  # type: ignore[arg-type]  # floats


def test_parameters_of_the_published_generator_refuse_unknown_names_too() -> None:
    assert WorkloadParams.from_mapping({"num_pipelines": 7}).num_pipelines == 7
    with pytest.raises(ValueError, match="unknown parameter 'num_pipeline'; did you mean 'num_pipelines'"):
        WorkloadParams.from_mapping({"num_pipeline": 7})
    with pytest.raises(ValueError, match="unknown parameter 'num_pool'; did you mean 'num_pools'"):
        Params.from_mapping({"num_pool": 7})
