"""What a policy may be asked to be good at: objectives of the lakehouse, and how a simulation's score is computed.

All scores are finite. A pipeline that did not complete counts as `penalty_seconds` in every latency but the published
form, so that nobody gains by leaving long pipelines undone.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

from thekla.core.problem import Objective
from thekla.simulators.lakehouse import LATENCY_WEIGHTS, Params, PriorityClass, RunResult, Statistics
from thekla.simulators.lakehouse.statistics import percentile

from .workloads import Scene

__all__ = ["CLASSES", "DIVISION", "GOALS", "PENALTY", "Goal", "adjusted_latency", "penalty_seconds"]

DIVISION = "adjusted_latency"
"""Objective of the published loop: weighted mean latency over the share of pipelines that completed."""

PENALTY = "penalised_latency"
"""Objective of suite `default`: weighted mean latency, every unfinished pipeline counted as `penalty_seconds`."""

CLASSES: Mapping[PriorityClass, str] = MappingProxyType(
    {
        PriorityClass.QUERY: "query",
        PriorityClass.INTERACTIVE: "interactive",
        PriorityClass.BATCH_PIPELINE: "batch",
    }
)
"""The classes as objectives and measures name them."""

_PENALTY_DURATIONS = 2  # Eudoxia's own choice: twice the limit on a job's age; here the trace is the limit
_SUMMARIES: Mapping[str, tuple[str, Callable[[Sequence[float]], float]]] = {
    "mean": ("mean", statistics.fmean),
    "p50": ("median", partial(percentile, share=0.5)),
    "p95": ("95th percentile", partial(percentile, share=0.95)),
    "p99": ("99th percentile", partial(percentile, share=0.99)),
}


@dataclass(frozen=True, kw_only=True)
class Goal:
    """An objective with its rule.

    Args:
        about: The rule in a sentence, for the statement.
        score: The score of one simulation, always finite.
        priority: The class that it is about, None for all; every trace needs a pipeline of it.
    """

    objective: Objective
    about: str
    score: Callable[[RunResult, Scene], float]
    priority: PriorityClass | None = None


def penalty_seconds(params: Params) -> float:
    """What an unfinished pipeline counts in the penalty form: twice the trace, more than any latency in it."""
    return float(_PENALTY_DURATIONS * params.duration)


def adjusted_latency(statistics: Statistics, params: Params, objective: str) -> float:
    """The score in seconds, always finite, lower is better.

    `PENALTY`: a policy that completes nothing scores the penalty itself, and any other one less, since a latency
    never exceeds the duration.

    `DIVISION`: where something completed it is a weighted mean of latencies, at most the duration D, over a share
    that completed, at least 1/N for N pipelines: at most D N. Where nothing completed the published form is infinite,
    and the original drops the trace; here it is D (N + 1), worse than all that can be achieved on the trace.
    """
    if objective == PENALTY:
        value = statistics.adjusted_latency(LATENCY_WEIGHTS, unfinished_penalty_seconds=penalty_seconds(params))
        return float(value) if math.isfinite(value) else penalty_seconds(params)
    value = statistics.adjusted_latency(LATENCY_WEIGHTS)
    return float(value) if math.isfinite(value) else float(params.duration * (statistics.pipelines_created + 1))


def _latencies(result: RunResult, setting: Scene, priority: PriorityClass | None) -> list[float]:
    """Latencies in seconds of the pipelines of a class that arrived, unfinished ones as the penalty."""
    classes = {pipeline.id: pipeline.priority for pipeline in setting.trace.pipelines}
    penalty = penalty_seconds(setting.params)
    return [
        penalty if finish is None else (finish - arrival) / setting.params.ticks_per_second
        for name, arrival, finish in result.pipelines
        if priority is None or classes[name] is priority
    ]


def _latency_goal(summary: str, priority: PriorityClass | None) -> Goal:
    words, summarise = _SUMMARIES[summary]
    of = (
        "pipelines"
        if priority is None
        else {"query": "queries"}.get(CLASSES[priority], f"{CLASSES[priority]} pipelines")
    )

    def score(result: RunResult, setting: Scene) -> float:
        latencies = _latencies(result, setting, priority)
        return summarise(latencies) if latencies else penalty_seconds(setting.params)

    return Goal(
        objective=Objective(
            name=f"{summary}_{'all' if priority is None else CLASSES[priority]}", unit="s", direction="minimize"
        ),
        about=f"The score of a trace is the {words} of the latencies of {of}; one that does not complete counts "
        "as twice the length of the trace.",
        score=score,
        priority=priority,
    )


def _adjusted(objective: str) -> Callable[[RunResult, Scene], float]:
    return lambda result, setting: adjusted_latency(result.statistics, setting.params, objective)


def _completed_share(result: RunResult, setting: Scene) -> float:
    of = result.statistics.pipelines_all
    return of.completion_count / of.arrival_count if of.arrival_count else 0.0


_NAMED = (
    Goal(
        objective=Objective(name=DIVISION, unit="s", direction="minimize"),
        about="The score of a trace is the weighted mean latency of the pipelines that completed, divided by the share "
        "of all pipelines that completed; a trace on which nothing completes scores worse than any other outcome.",
        score=_adjusted(DIVISION),
    ),
    Goal(
        objective=Objective(name=PENALTY, unit="s", direction="minimize"),
        about="The score of a trace is the weighted mean latency of all pipelines; one that does not complete counts "
        "as twice the length of the trace.",
        score=_adjusted(PENALTY),
    ),
    Goal(
        objective=Objective(name="throughput", unit="containers/s", direction="maximize"),
        about="The score of a trace is the number of containers that ended without an error, per second, as Eudoxia "
        "counts it; classes do not matter.",
        score=lambda result, setting: result.statistics.throughput,
    ),
    Goal(
        objective=Objective(name="pipeline_throughput", unit="pipelines/s", direction="maximize"),
        about="The score of a trace is the number of pipelines that completed, per second; classes do not matter.",
        score=lambda result, setting: result.statistics.pipelines_all.completion_count / setting.params.duration,
    ),
    Goal(
        objective=Objective(name="completed", unit="share", direction="maximize"),
        about="The score of a trace is the share of its pipelines that completed; classes do not matter.",
        score=_completed_share,
    ),
    *(_latency_goal(summary, priority) for summary in _SUMMARIES for priority in (None, *CLASSES)),
)

GOALS: Mapping[str, Goal] = MappingProxyType({goal.objective.name: goal for goal in _NAMED})
"""The goals by name."""
