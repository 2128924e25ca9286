"""What a simulation was worth: latencies and slowdowns by class, deadlines, use and waste of the pools, fairness."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from .accounting import Amount, Cause, account, simulated_ticks
from .ideal import ideal_ticks
from .params import Compat, Params
from .results import RunResult
from .statistics import percentile
from .workload import PipelineSpec, PriorityClass, Trace

__all__ = ["ClassScores", "PipelineOutcome", "Scores", "jain_index", "pipeline_outcomes", "score"]

_DEADLINE = 10.0


@dataclass(frozen=True, kw_only=True)
class PipelineOutcome:
    """What became of one pipeline.

    Args:
        pipeline: What arrived.
        arrival, finish: Ticks; no finish if it did not complete.
        latency_s: From arrival to completion in seconds, NaN if it did not complete.
        slowdown: Ticks that it took over those of its ideal run, >= 1; NaN if it did not complete.
        speed: The inverse of the slowdown: 0 if it did not complete, NaN if it could not (an operator that fits into
            no pool, or an ideal run that ends after the trace).
        missed: Whether it missed its deadline; None if that is not decided within the trace.
    """

    pipeline: PipelineSpec
    arrival: int
    finish: int | None
    latency_s: float
    slowdown: float
    speed: float
    missed: bool | None


@dataclass(frozen=True, kw_only=True)
class ClassScores:
    """Pipelines of one class, or of all.

    Latencies and slowdowns are those of completed pipelines, NaN if none completed; read them with `completed`.

    Args:
        arrived: Pipelines that arrived.
        completed: Share of them that completed; NaN if none arrived.
        p50_s, p95_s, p99_s: Percentiles of the latency in seconds.
        mean_slowdown, p95_slowdown: Of the slowdown against the ideal run.
        deadlines: Pipelines whose deadline was decided within the trace.
        deadline_misses: Share of those that missed it; NaN if there are none.
    """

    arrived: int
    completed: float
    p50_s: float
    p95_s: float
    p99_s: float
    mean_slowdown: float
    p95_slowdown: float
    deadlines: int
    deadline_misses: float


@dataclass(frozen=True, kw_only=True)
class Scores:
    """One simulation.

    Args:
        everyone: All pipelines.
        by_class: By class.
        spent: Where the CPUs and the memory of the pools went; see `Cause`.
        capacity: What `spent` sums to.
        pipeline_fairness: Jain's index over the speeds of the pipelines that could complete, in (0, 1]; 1 if all were
            slowed down alike.
        tenant_fairness: The same over the mean speeds of tenants.
    """

    everyone: ClassScores
    by_class: Mapping[PriorityClass, ClassScores]
    spent: Mapping[Cause, Amount]
    capacity: Amount
    pipeline_fairness: float
    tenant_fairness: float

    @property
    def utilisation(self) -> tuple[float, float]:
        """Useful shares of all CPUs and of all memory."""
        useful = self.spent[Cause.USEFUL]
        return _share(useful.cpu_s, self.capacity.cpu_s), _share(useful.memory_gb_s, self.capacity.memory_gb_s)


def score(
    trace: Trace,
    params: Params,
    result: RunResult,
    *,
    compat: Compat = "thekla",
    deadline_slowdown: float = _DEADLINE,
) -> Scores:
    """The scores of a simulation.

    Args:
        trace, params, compat: What it was a simulation of.
        deadline_slowdown: A pipeline's deadline, as a multiple of its ideal run, >= 1.

    Raises:
        ValueError: `deadline_slowdown` is below 1 or not finite.
    """
    outcomes = pipeline_outcomes(trace, params, result, compat=compat, deadline_slowdown=deadline_slowdown)
    spent = account(trace, params, result, compat)
    tenants: dict[str, list[float]] = {}
    for outcome in outcomes:
        if not math.isnan(outcome.speed):
            tenants.setdefault(outcome.pipeline.tenant, []).append(outcome.speed)
    seconds = simulated_ticks(result, params) / params.ticks_per_second
    return Scores(
        everyone=_class_scores(outcomes),
        by_class={
            priority: _class_scores([each for each in outcomes if each.pipeline.priority is priority])
            for priority in PriorityClass
        },
        spent=spent,
        capacity=Amount(cpu_s=params.cpus_per_pool, memory_gb_s=params.ram_gb_per_pool).times(
            params.num_pools * seconds
        ),
        pipeline_fairness=jain_index([speed for speeds in tenants.values() for speed in speeds]),
        tenant_fairness=jain_index([fmean(speeds) for speeds in tenants.values()]),
    )


def pipeline_outcomes(
    trace: Trace,
    params: Params,
    result: RunResult,
    *,
    compat: Compat = "thekla",
    deadline_slowdown: float = _DEADLINE,
) -> list[PipelineOutcome]:
    """What became of each pipeline that arrived, in order of arrival.

    Raises:
        ValueError: `deadline_slowdown` is below 1 or not finite.
    """
    if not 1 <= deadline_slowdown < math.inf:
        raise ValueError(f"deadline_slowdown is {deadline_slowdown!r}; give a finite number >= 1")
    specs = {pipeline.id: pipeline for pipeline in trace.pipelines}
    end = simulated_ticks(result, params)
    return [
        _outcome(specs[id], arrival, finish, ideal_ticks(specs[id], params, compat), end, deadline_slowdown, params)
        for id, arrival, finish in result.pipelines
    ]


def jain_index(values: Sequence[float]) -> float:
    """How evenly something is divided: 1 if all have the same, 1/n if one has all; NaN if nobody has any.

    References:
        Jain, Chiu & Hawe 1984, A Quantitative Measure of Fairness.
    """
    squares = math.fsum(value * value for value in values)
    return math.fsum(values) ** 2 / (len(values) * squares) if squares > 0 else math.nan


def _outcome(
    pipeline: PipelineSpec,
    arrival: int,
    finish: int | None,
    ideal: int | None,
    end: int,
    deadline_slowdown: float,
    params: Params,
) -> PipelineOutcome:
    latency_s = slowdown = math.nan
    possible = ideal is not None and arrival + ideal <= end
    speed = 0.0 if possible else math.nan
    missed: bool | None = None
    if finish is not None:
        latency_s = (finish - arrival) / params.ticks_per_second
    if ideal is not None:
        allowed = deadline_slowdown * ideal
        if finish is not None:
            slowdown = (finish - arrival + 1) / ideal
            speed = 1 / slowdown
            missed = finish - arrival + 1 > allowed
        elif arrival + allowed <= end:
            missed = True
    return PipelineOutcome(
        pipeline=pipeline,
        arrival=arrival,
        finish=finish,
        latency_s=latency_s,
        slowdown=slowdown,
        speed=speed,
        missed=missed,
    )


def _class_scores(outcomes: Sequence[PipelineOutcome]) -> ClassScores:
    latencies = [each.latency_s for each in outcomes if each.finish is not None]
    slowdowns = [each.slowdown for each in outcomes if not math.isnan(each.slowdown)]
    decided = [each.missed for each in outcomes if each.missed is not None]
    return ClassScores(
        arrived=len(outcomes),
        completed=_share(len(latencies), len(outcomes)),
        p50_s=_percentile(latencies, 0.5),
        p95_s=_percentile(latencies, 0.95),
        p99_s=_percentile(latencies, 0.99),
        mean_slowdown=fmean(slowdowns) if slowdowns else math.nan,
        p95_slowdown=_percentile(slowdowns, 0.95),
        deadlines=len(decided),
        deadline_misses=_share(sum(decided), len(decided)),
    )


def _percentile(values: Sequence[float], share: float) -> float:
    return percentile(values, share) if values else math.nan


def _share(part: float, whole: float) -> float:
    return part / whole if whole else math.nan
