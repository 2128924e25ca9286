"""Statistics number for number as numpy computes them, and the adjusted latency."""

import math

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thekla.simulators.lakehouse import ClassStatistics, PriorityClass, Statistics
from thekla.simulators.lakehouse.memory import compensated_sum
from thekla.simulators.lakehouse.statistics import class_statistics, mean_by_pairs, percentile

ticks = st.lists(st.integers(0, 10**7), min_size=1, max_size=300)


def statistics(query: list[int], batch: list[int], *, unfinished_batches: int = 0) -> Statistics:
    def of(latencies: list[int], unfinished: int = 0) -> ClassStatistics:
        return class_statistics(latencies, arrived=len(latencies) + unfinished, timed_out=0, tps=10)

    return Statistics(
        pipelines_created=0,
        containers_completed=0,
        throughput=0.0,
        p99_latency=math.nan,
        assignments=0,
        suspensions=0,
        failures=0,
        failure_error_counts={},
        mean_memory_allocated_percent=math.nan,
        mean_memory_consumed_percent=math.nan,
        pipelines_all=of(query + batch, unfinished_batches),
        pipelines_query=of(query),
        pipelines_interactive=of([]),
        pipelines_batch=of(batch, unfinished_batches),
    )


@given(values=ticks)
def test_percentile_and_mean_are_numpy_s(values: list[int]) -> None:
    assert percentile(values, 0.99) == float(numpy.percentile(values, 99))
    assert class_statistics(values, arrived=0, timed_out=0, tps=7).mean_latency_seconds == float(numpy.mean(values)) / 7


@given(values=st.lists(st.floats(0, 100), min_size=1, max_size=700))
def test_mean_of_samples_adds_in_numpy_s_order(values: list[float]) -> None:
    assert mean_by_pairs(values) == float(numpy.mean(values))


def test_compensated_sum_keeps_what_a_plain_sum_loses() -> None:
    assert compensated_sum([0.1] * 10) == 1.0
    assert compensated_sum([1.0, 1e100, 1.0, -1e100]) == 2.0
    assert compensated_sum([]) == 0.0


def test_adjusted_latency_weighs_classes_and_divides_by_the_share_completed() -> None:
    # (10 * 1 s + 1 * 1 * 3 s) / 11, of which 2 in 4 completed.
    assert statistics([10], [30], unfinished_batches=2).adjusted_latency() == pytest.approx((10 + 3) / 11 / 0.5)


def test_penalty_takes_the_place_of_unfinished_pipelines() -> None:
    measured = statistics([10], [30], unfinished_batches=2)
    assert measured.adjusted_latency(unfinished_penalty_seconds=120) == pytest.approx((10 + 3 + 240) / 13)
    assert statistics([], [], unfinished_batches=2).adjusted_latency(unfinished_penalty_seconds=120) == 120


def test_nothing_completed_is_infinitely_late_and_not_an_exception() -> None:
    assert statistics([], [], unfinished_batches=3).adjusted_latency() == math.inf
    assert statistics([], []).adjusted_latency() == math.inf


def test_weights_and_penalty_are_checked() -> None:
    measured = statistics([10], [])
    with pytest.raises(ValueError, match="penalty is -1"):
        measured.adjusted_latency(unfinished_penalty_seconds=-1)
    with pytest.raises(ValueError, match="weight of QUERY"):
        measured.adjusted_latency(dict.fromkeys(PriorityClass, -1.0))
    with pytest.raises(ValueError, match="percentile"):
        percentile([], 0.5)
