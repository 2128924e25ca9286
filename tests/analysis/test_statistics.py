"""Intervals and comparisons mean what they say."""

import statistics
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thekla.analysis.statistics import bootstrap_interval, compare_paired, quantile
from thekla.core.problem import Objective
from thekla.core.rng import stream

LATENCY = Objective(name="latency", unit="s", direction="minimize")
RATE = Objective(name="rate", unit="1/s", direction="maximize")
FINITE = st.floats(-1e6, 1e6)


@given(st.lists(FINITE, min_size=2, max_size=12))
def test_interval_lies_within_the_values_and_is_ordered(values: list[float]) -> None:
    interval = bootstrap_interval(values, statistics.median, rng=Random(1), resamples=50)
    assert interval is not None
    assert min(values) <= interval.low <= interval.high <= max(values)


def test_equal_stream_gives_an_equal_interval() -> None:
    values = [float(i * i) for i in range(10)]
    intervals = [bootstrap_interval(values, statistics.fmean, rng=stream(3, "a", "b")) for _ in range(2)]
    assert intervals[0] == intervals[1]


def test_interval_of_one_value_is_unknown() -> None:
    assert bootstrap_interval([1.0], statistics.fmean, rng=Random(0)) is None


def test_intervals_of_a_mean_cover_it_about_as_often_as_they_say() -> None:
    # 200 samples of 40 from a normal distribution; 95 % nominal, seeds fixed; a percentile bootstrap covers 0.93-0.95.
    hits = 0
    for index in range(200):
        rng = stream(11, "coverage", index)
        values = [rng.gauss(5.0, 2.0) for _ in range(40)]
        interval = bootstrap_interval(values, statistics.fmean, rng=rng, resamples=300)
        assert interval is not None
        hits += interval.low <= 5.0 <= interval.high
    assert 0.88 <= hits / 200 <= 0.99


@given(st.lists(FINITE, min_size=1, max_size=20), st.floats(0, 1))
def test_quantile_agrees_with_numbers_between_the_ends(values: list[float], q: float) -> None:
    ordered = sorted(values)
    assert ordered[0] <= quantile(ordered, q) <= ordered[-1]
    assert quantile(ordered, 0.0) == ordered[0]
    assert quantile(ordered, 1.0) == ordered[-1]


@settings(max_examples=30)
@given(st.dictionaries(st.sampled_from("abcdefgh"), st.tuples(FINITE, FINITE), min_size=1))
def test_comparison_is_antisymmetric_and_counts_every_instance(pairs: dict[str, tuple[float, float]]) -> None:
    ours, theirs = ({name: pair[side] for name, pair in pairs.items()} for side in (0, 1))
    one = compare_paired(ours, theirs, LATENCY, rng=Random(0))
    other = compare_paired(theirs, ours, LATENCY, rng=Random(0))
    assert one is not None
    assert other is not None
    assert (one.wins, one.ties, one.losses) == (other.losses, other.ties, other.wins)
    assert one.wins + one.ties + one.losses == one.n == len(pairs)
    assert one.mean == pytest.approx(-other.mean)


def test_a_gain_is_positive_whatever_the_direction() -> None:
    ours, theirs = {"a": 1.0, "b": 2.0}, {"a": 3.0, "b": 4.0, "c": 9.0}
    less = compare_paired(ours, theirs, LATENCY, rng=Random(0))
    more = compare_paired(ours, theirs, RATE, rng=Random(0))
    assert less is not None
    assert more is not None
    assert (less.mean, less.n, less.wins) == (2.0, 2, 2)
    assert (more.mean, more.losses) == (-2.0, 2)


def test_programs_without_a_common_instance_do_not_compare() -> None:
    assert compare_paired({"a": 1.0}, {"b": 1.0}, LATENCY, rng=Random(0)) is None
