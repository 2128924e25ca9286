"""The cascade is a fair preview: its stages rank programs as the train split does."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import combinations

from thekla.audit.bench import Bench
from thekla.audit.findings import Finding, Severity
from thekla.core.problem import Stage

__all__ = ["kendall", "stages_rank_alike"]

_FEWEST = 4  # programs below which a rank correlation says nothing
_LEAST = 0.5  # three of four pairs of programs in the same order


def stages_rank_alike(bench: Bench) -> Iterator[Finding]:
    """Stages before the train split rank the rungs and seeds as it does."""
    gains = _train_gains(bench)
    for stage in bench.problem.stages:
        here = _stage_gains(bench, stage)
        names = [name for name in gains if name in here]
        tau = kendall([gains[name] for name in names], [here[name] for name in names])
        if tau is None or len(names) < _FEWEST:
            continue
        misleads = tau < _LEAST
        yield Finding(
            fault="misleading_stage" if misleads else "stage_agreement",
            severity=Severity.WARNING if misleads else Severity.INFO,
            message=f"stage {stage.name!r} ranks {len(names)} rungs and seeds as train does with Kendall's tau of "
            f"{tau:.2f}",
            remedy="what fails there goes no further, and its scores decide nothing: keep it for faults, or choose "
            "instances for it that are like those of train"
            if misleads
            else "",
            subject=stage.name,
            evidence={"tau": tau, "programs": len(names), "stage": stage.name},
        )


def kendall(xs: Sequence[float], ys: Sequence[float]) -> float | None:
    """The rank correlation of pairs, in [-1, 1], corrected for ties; None where one side does not vary.

    References:
        Kendall 1945, The Treatment of Ties in Ranking Problems (tau-b).
    """
    agreeing = x_differs = y_differs = 0
    for (x, y), (u, v) in combinations(zip(xs, ys, strict=True), 2):
        one, other = (x > u) - (x < u), (y > v) - (y < v)
        agreeing += one * other
        x_differs += one != 0
        y_differs += other != 0
    return agreeing / math.sqrt(x_differs * y_differs) if x_differs and y_differs else None


def _train_gains(bench: Bench) -> dict[str, float]:
    name = bench.objective.name
    folded = {rung: bench.fold([one.scores.get(name) for one in of.values()]) for rung, of in bench.ladder.items()}
    return {rung: gain for rung, gain in folded.items() if gain is not None}


def _stage_gains(bench: Bench, stage: Stage) -> dict[str, float]:
    """Gains on the instances of a stage; a program that fails there ranks below all others."""
    programs = {rung.name: rung.program for rung in bench.package.baselines if rung.program is not None}
    programs |= {f"seed {number}": seed for number, seed in enumerate(bench.problem.seeds, 1)}
    found = {}
    for name, program in programs.items():
        gain = bench.gain([bench.trial(program, instance, hasty=True) for instance in stage.instances])
        found[name] = -math.inf if gain is None else gain
    return found
