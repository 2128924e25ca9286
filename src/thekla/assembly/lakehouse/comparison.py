"""Several policies on the same workloads: which is best, by how much, and how sure is that?"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from thekla.analysis.statistics import Interval, PairedComparison, bootstrap_interval, compare_paired
from thekla.assembly.lakehouse.inputs import (
    Openings,
    Policy,
    compat_named,
    generated,
    opened,
    policy_named,
    read_settings,
    traced,
    unrecorded,
)
from thekla.assembly.lakehouse.running import played
from thekla.core.errors import ConfigError, TheklaError
from thekla.core.problem import Objective
from thekla.core.rng import stream
from thekla.core.visible import number
from thekla.problems.lakehouse.goals import GOALS, Goal
from thekla.problems.lakehouse.workloads import Scene
from thekla.simulators.lakehouse import Compat, Settings, Trace

__all__ = ["ComparedPolicy", "Comparison", "compare_policies", "goal_named", "workloads_of"]


@dataclass(frozen=True, kw_only=True)
class ComparedPolicy:
    """A policy over all workloads.

    Args:
        score: Mean over the workloads; None if it failed on one.
        instances: Score by workload.
        against_best: How it differs from the best, workload by workload, as gains: below 0 is worse; None for the
            best itself.
        failed: Why there is no score.
    """

    name: str
    score: float | None
    interval: Interval | None = None
    instances: Mapping[str, float] = field(default_factory=dict)
    against_best: PairedComparison | None = None
    failed: str = ""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Policies, best first, failed ones last, and the verdict in a sentence."""

    objective: Objective
    workloads: Sequence[str]
    policies: Sequence[ComparedPolicy]
    verdict: str


def compare_policies(
    names: Sequence[str],
    params: Path,
    workloads: Sequence[Path],
    *,
    seeds: int,
    objective: str,
    compat: str,
    sandbox: str,
) -> Comparison:
    """Policies side by side on the same traces, or on generated workloads that differ in their seed.

    Args:
        workloads: Trace files; if there are none, `seeds` workloads are generated, from the parameters' own seed on.

    Raises:
        ConfigError: A name or a file is wrong.
        SandboxError: A program file needs a sandbox, and it cannot be had.
    """
    goal, rules, settings = goal_named(objective), compat_named(compat), read_settings(params)
    policies = [policy_named(name) for name in names]
    labels = [policy.name for policy in policies]
    if len(set(labels)) < len(labels):
        raise ConfigError(f"two of the policies {', '.join(labels)} have the same name; rename a file")
    traces = workloads_of(params, workloads, settings, rules, seeds=seeds)
    with opened(sandbox) as openings:
        rows = [_judged(openings, policy, traces, goal, rules) for policy in policies]
    return _compared(rows, goal.objective, [trace.name for trace, _ in traces])


def goal_named(name: str) -> Goal:
    """The goal of that name.

    Raises:
        ConfigError: There is none.
    """
    if name not in GOALS:
        raise ConfigError(f"--objective {name!r} is unknown; use one of {', '.join(GOALS)}")
    return GOALS[name]


def workloads_of(
    params: Path, files: Sequence[Path], settings: Settings, compat: Compat, *, seeds: int
) -> list[tuple[Trace, Settings]]:
    """Traces, each with the settings that it is simulated under.

    Raises:
        ConfigError: A file cannot be read, or two have the same name.
    """
    if files:
        traces = [(traced(path, compat), settings) for path in files]
        names = [trace.name for trace, _ in traces]
        if len(set(names)) < len(names):
            raise ConfigError(f"two of the traces {', '.join(names)} have the same name; rename a file")
        return traces
    first = settings.workload.random_seed
    drawn = [read_settings(params, random_seed=seed) for seed in range(first, first + seeds)]
    return [(unrecorded(generated(each, compat), each, compat), each) for each in drawn]


def _judged(
    openings: Openings, policy: Policy, traces: Sequence[tuple[Trace, Settings]], goal: Goal, compat: Compat
) -> ComparedPolicy:
    scores: dict[str, float] = {}
    for trace, settings in traces:
        try:
            result = played(openings, policy, trace, settings, compat)
        except ConfigError:
            raise
        except TheklaError as error:
            return ComparedPolicy(name=policy.name, score=None, failed=f"on {trace.name}: {error}")
        if result.fault is not None:
            fault = f"on {trace.name}, tick {result.fault.tick}, {result.fault.kind}: {result.fault.message}"
            return ComparedPolicy(name=policy.name, score=None, failed=fault)
        scores[trace.name] = goal.score(result, Scene(trace=trace, params=settings.params, compat=compat))
    interval = bootstrap_interval(list(scores.values()), statistics.fmean, rng=stream(0, "compare", policy.name))
    return ComparedPolicy(
        name=policy.name, score=statistics.fmean(scores.values()), interval=interval, instances=scores
    )


def _compared(rows: Sequence[ComparedPolicy], objective: Objective, workloads: Sequence[str]) -> Comparison:
    scored = [(row.score, row) for row in rows if row.score is not None]
    ranked = [row for _, row in sorted(scored, key=lambda pair: -objective.gain(pair[0]))]
    best = ranked[:1]
    others = [
        replace(
            row,
            against_best=compare_paired(
                row.instances, best[0].instances, objective, rng=stream(0, "compare", row.name, best[0].name)
            ),
        )
        for row in ranked[1:]
    ]
    return Comparison(
        objective=objective,
        workloads=workloads,
        policies=[*best, *others, *(row for row in rows if row.score is None)],
        verdict=_verdict(best, others, objective),
    )


def _verdict(best: Sequence[ComparedPolicy], others: Sequence[ComparedPolicy], objective: Objective) -> str:
    if not best:
        return "No policy has a score."
    if not others or others[0].against_best is None:
        return f"{best[0].name} is the only policy with a score."
    paired, other = others[0].against_best, others[0].name
    unit = f" {objective.unit}"
    by = f"{number(-paired.mean)}{unit}"
    interval = paired.mean_interval
    if interval is None:
        return f"On one workload {best[0].name} is better than {other} by {by}; that says little of others."
    spread = f"[{number(-interval.high)}, {number(-interval.low)}]"
    if interval.low <= 0 <= interval.high:
        return (
            f"{best[0].name} and {other} cannot be told apart on {paired.n} workloads: the mean difference is {by}, "
            f"with a 95 % interval of {spread}{unit}."
        )
    return (
        f"{best[0].name} is best: on average {by} {spread} better than {other} on the same workload; better on "
        f"{paired.losses}, equal on {paired.ties}, worse on {paired.wins} of {paired.n}."
    )
