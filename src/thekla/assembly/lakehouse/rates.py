"""One policy at several tick rates."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from thekla.assembly.lakehouse.comparison import goal_named, workloads_of
from thekla.assembly.lakehouse.inputs import Openings, Policy, compat_named, opened, policy_named, read_settings
from thekla.assembly.lakehouse.running import played
from thekla.core.errors import TheklaError
from thekla.core.problem import Objective
from thekla.problems.lakehouse.goals import Goal
from thekla.problems.lakehouse.workloads import Scene
from thekla.simulators.lakehouse import Compat, Params, SensitivityRow, Settings, Trace, sensitivity

__all__ = ["Sensitivity", "lakehouse_sensitivity"]


@dataclass(frozen=True, kw_only=True)
class Sensitivity:
    """Scores of a policy by rate and arrivals, each the mean over the workloads."""

    scheduler: str
    objective: Objective
    workloads: Sequence[str]
    rows: Sequence[SensitivityRow]


def lakehouse_sensitivity(
    params: Path,
    workloads: Sequence[Path],
    *,
    scheduler: str | None,
    seeds: int,
    jitter_seed: int,
    objective: str,
    compat: str,
    sandbox: str,
) -> Sensitivity:
    """How a policy's score changes with the tick rate, on traces or on generated workloads of different seeds.

    Raises:
        ConfigError: A name or a file is wrong.
        TheklaError: The policy failed.
    """
    goal, rules, settings = goal_named(objective), compat_named(compat), read_settings(params)
    policy = policy_named(scheduler or settings.scheduler_algo)
    traces = workloads_of(params, workloads, settings, rules, seeds=seeds)
    with opened(sandbox) as openings:
        found = [
            _rows(openings, policy, trace, each, goal, rules, jitter_seed=jitter_seed + number)
            for number, (trace, each) in enumerate(traces)
        ]
    return Sensitivity(
        scheduler=policy.name,
        objective=goal.objective,
        workloads=[trace.name for trace, _ in traces],
        rows=[_mean(rows) for rows in zip(*found, strict=True)],
    )


def _rows(
    openings: Openings,
    policy: Policy,
    trace: Trace,
    settings: Settings,
    goal: Goal,
    compat: Compat,
    *,
    jitter_seed: int,
) -> list[SensitivityRow]:
    def score(moved: Trace, params: Params) -> float:
        result = played(openings, policy, moved, replace(settings, params=params), compat)
        if result.fault is not None:
            rate = params.ticks_per_second
            raise TheklaError(f"policy {policy.name!r} failed at {rate} ticks per second: {result.fault.message}")
        return goal.score(result, Scene(trace=moved, params=params, compat=compat))

    return sensitivity(trace, settings.params, score, jitter_seed=jitter_seed)


def _mean(rows: Sequence[SensitivityRow]) -> SensitivityRow:
    changes = [row.change for row in rows if row.change is not None]
    return replace(
        rows[0],
        score=statistics.fmean(row.score for row in rows),
        change=statistics.fmean(changes) if len(changes) == len(rows) else None,
    )
