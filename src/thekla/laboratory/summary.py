"""What many trials say together: medians with intervals, ranks, profiles, and who is significantly worse than whom."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from thekla.analysis.comparison import critical_difference, mean_ranks, sign_flip_p
from thekla.analysis.statistics import Interval, bootstrap_interval
from thekla.core.rng import stream
from thekla.laboratory.trial import Trial

__all__ = ["PROFILE_FACTORS", "Standing", "Summary", "summarise"]

PROFILE_FACTORS = (1.0, 1.5, 2.0, 3.0, 5.0, 10.0)
"""How many times the proposals of the fastest contender a profile allows."""

_TARGET = 0.9  # share of the way from the start to the best of all contenders that counts as solved


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One contender on one problem.

    Args:
        median: Of the best score of each trial.
        interval: Bootstrap interval of the median; None for a single seed.
        area: Mean over trials of the mean best score over the budget.
        curve: Median best score after each proposal.
        p_value: Of the paired difference to the best contender on the problem; 1 for that one.
    """

    contender: str
    problem: str
    median: float
    interval: Interval | None
    area: float
    curve: tuple[float, ...]
    p_value: float


@dataclass(frozen=True, kw_only=True)
class Summary:
    """All standings, and what they say over all problems and seeds.

    Args:
        ranks: Mean rank over problems and seeds, best first.
        critical_difference: Of two mean ranks, at 95 %; None for a single contender.
        profiles: Share of problems and seeds that a contender solves within `PROFILE_FACTORS` times the proposals of
            the fastest (More & Wild 2009, Benchmarking Derivative-Free Optimization Algorithms).
    """

    standings: tuple[Standing, ...]
    ranks: Mapping[str, float]
    critical_difference: float | None
    profiles: Mapping[str, tuple[float, ...]]
    seeds: int
    proposals: int


def summarise(trials: Sequence[Trial]) -> Summary:
    """The summary of trials of every contender on every problem with the same seeds; more is better.

    Raises:
        ValueError: A trial is missing.
    """
    blocks = _blocks(trials)
    finals = [{name: trial.final for name, trial in block.items()} for block in blocks.values()]
    ranked = mean_ranks(finals)
    return Summary(
        standings=tuple(_standings(trials)),
        ranks=ranked,
        critical_difference=critical_difference(len(ranked), len(blocks)) if len(ranked) > 1 else None,
        profiles={name: _profile(name, list(blocks.values())) for name in ranked},
        seeds=len({trial.seed for trial in trials}),
        proposals=len(trials[0].best) - 1,
    )


def _blocks(trials: Sequence[Trial]) -> dict[tuple[str, int], dict[str, Trial]]:
    blocks: dict[tuple[str, int], dict[str, Trial]] = {}
    for trial in trials:
        blocks.setdefault((trial.problem, trial.seed), {})[trial.contender] = trial
    return blocks


def _standings(trials: Sequence[Trial]) -> list[Standing]:
    grouped: dict[str, dict[str, list[Trial]]] = {}
    for trial in sorted(trials, key=lambda one: one.seed):
        grouped.setdefault(trial.problem, {}).setdefault(trial.contender, []).append(trial)
    return [
        _standing(name, problem, of[name], of[max(of, key=lambda other: median(t.final for t in of[other]))])
        for problem, of in grouped.items()
        for name in of
    ]


def _standing(name: str, problem: str, trials: Sequence[Trial], best: Sequence[Trial]) -> Standing:
    finals = [trial.final for trial in trials]
    rng = stream(0, "laboratory", name, problem)
    differences = [other.final - trial.final for other, trial in zip(best, trials, strict=True)]
    return Standing(
        contender=name,
        problem=problem,
        median=median(finals),
        interval=bootstrap_interval(finals, median, rng=rng),
        area=fmean(trial.area for trial in trials),
        curve=tuple(median(scores) for scores in zip(*(trial.best for trial in trials), strict=True)),
        p_value=sign_flip_p(differences, rng=rng),
    )


def _profile(name: str, blocks: Sequence[Mapping[str, Trial]]) -> tuple[float, ...]:
    ratios = []
    for block in blocks:
        best = max(trial.final for trial in block.values())
        needed = {other: _needed(trial, best) for other, trial in block.items()}
        ratios.append(needed[name] / min(needed.values()))
    return tuple(sum(ratio <= factor for ratio in ratios) / len(ratios) for factor in PROFILE_FACTORS)


def _needed(trial: Trial, best: float) -> float:
    """Proposals until the trial had come nine tenths of the way to `best`; infinite if it never did."""
    target = trial.best[0] + _TARGET * (best - trial.best[0])
    return next((float(max(step, 1)) for step, score in enumerate(trial.best) if score >= target), math.inf)
