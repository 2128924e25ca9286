"""What a simulation measured, number for number as Eudoxia computes it (without numpy)."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from .workload import PriorityClass

__all__ = ["LATENCY_WEIGHTS", "ClassStatistics", "Statistics", "mean_by_pairs", "percentile"]

LATENCY_WEIGHTS: Mapping[PriorityClass, float] = MappingProxyType(
    {PriorityClass.QUERY: 10, PriorityClass.INTERACTIVE: 5, PriorityClass.BATCH_PIPELINE: 1}
)
"""Weights of the classes in the adjusted latency."""


@dataclass(frozen=True, kw_only=True)
class ClassStatistics:
    """Pipelines of one class, or of all: how many came, ended and were given up, and how long they took.

    The mean and the 99th percentile are in seconds; NaN if none completed.
    """

    arrival_count: int
    completion_count: int
    timeout_count: int
    mean_latency_seconds: float
    p99_latency_seconds: float


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """One simulation.

    `throughput` is containers (not pipelines) that ended without error, per second. `p99_latency` is that of the
    containers' lives in seconds, failures included; NaN if none ended. The two memory means are percentages over
    samples at every whole second; NaN where the revision does not take them.
    """

    pipelines_created: int
    containers_completed: int
    throughput: float
    p99_latency: float
    assignments: int
    suspensions: int
    failures: int
    failure_error_counts: Mapping[str, int]
    mean_memory_allocated_percent: float
    mean_memory_consumed_percent: float
    pipelines_all: ClassStatistics
    pipelines_query: ClassStatistics
    pipelines_interactive: ClassStatistics
    pipelines_batch: ClassStatistics

    def of_class(self, priority: PriorityClass) -> ClassStatistics:
        """The statistics of one class."""
        return (self.pipelines_query, self.pipelines_interactive, self.pipelines_batch)[priority - 1]

    def adjusted_latency(
        self,
        weights: Mapping[PriorityClass, float] = LATENCY_WEIGHTS,
        *,
        unfinished_penalty_seconds: float | None = None,
    ) -> float:
        """Weighted mean latency of pipelines in seconds, made worse by those that did not complete; lower is better.

        By default the mean over completed pipelines is divided by the share that completed: infinite if none did.
        With a penalty, every pipeline that did not complete enters the mean with that many seconds instead.

        Raises:
            ValueError: The penalty is negative or not finite, or a weight is negative.
        """
        if unfinished_penalty_seconds is not None and not 0 <= unfinished_penalty_seconds < math.inf:
            raise ValueError(f"the penalty is {unfinished_penalty_seconds!r} s; give a finite number >= 0")
        total = weight = 0.0
        for priority in PriorityClass:
            of, each = self.of_class(priority), weights[priority]
            if each < 0:
                raise ValueError(f"the weight of {priority.name} is {each!r}; give a number >= 0")
            if of.completion_count:
                total += each * of.completion_count * of.mean_latency_seconds
                weight += each * of.completion_count
            if unfinished_penalty_seconds is not None:
                unfinished = of.arrival_count - of.completion_count
                total += each * unfinished * unfinished_penalty_seconds
                weight += each * unfinished
        if weight == 0:
            return math.inf
        if unfinished_penalty_seconds is not None:
            return total / weight
        everyone = self.pipelines_all
        return (total / weight) / (everyone.completion_count / everyone.arrival_count)


def class_statistics(latency_ticks: Sequence[int], *, arrived: int, timed_out: int, tps: int) -> ClassStatistics:
    """The statistics of the pipelines whose latencies are given in ticks."""
    count = len(latency_ticks)
    return ClassStatistics(
        arrival_count=arrived,
        completion_count=count,
        timeout_count=timed_out,
        # A sum of integers is exact in any order, so the plain mean is numpy's.
        mean_latency_seconds=sum(latency_ticks) / count / tps if count else math.nan,
        p99_latency_seconds=percentile(latency_ticks, 0.99) / tps if count else math.nan,
    )


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which a share of the values lies, interpolated as numpy does it by default.

    Raises:
        ValueError: There are no values or the share is outside [0, 1].
    """
    if not values or not 0 <= share <= 1:
        raise ValueError(f"percentile {share!r} of {len(values)} values; give values and a share in [0, 1]")
    ordered = sorted(values)
    virtual = (len(ordered) - 1) * share
    below = int(virtual)
    fraction = virtual - below
    low, high = float(ordered[below]), float(ordered[min(below + 1, len(ordered) - 1)])
    if fraction >= 0.5:
        return high - (high - low) * (1 - fraction)
    return low + (high - low) * fraction


def mean_by_pairs(values: Sequence[float]) -> float:
    """The mean with numpy's order of additions (blocks of eight running sums, halves above 128); NaN if empty."""
    return _sum_by_pairs(values, 0, len(values)) / len(values) if values else math.nan


def _sum_by_pairs(values: Sequence[float], start: int, count: int) -> float:
    if count < 8:
        total = 0.0
        for i in range(start, start + count):
            total += values[i]
        return total
    if count <= 128:
        sums = list(values[start : start + 8])
        whole = count - count % 8
        for i in range(8, whole):
            sums[i % 8] += values[start + i]
        total = ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]))
        for i in range(start + whole, start + count):
            total += values[i]
        return total
    half = count // 2
    half -= half % 8
    return _sum_by_pairs(values, start, half) + _sum_by_pairs(values, start + half, count - half)
