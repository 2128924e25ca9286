"""Statistics of scores over instances, in pure Python: bootstrap intervals and paired comparisons."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from thekla.core.problem import Objective

__all__ = ["Interval", "PairedComparison", "bootstrap_interval", "compare_paired", "gains_over", "holm", "quantile"]


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A confidence interval; `level` is its nominal coverage, in (0, 1)."""

    low: float
    high: float
    level: float


@dataclass(frozen=True, kw_only=True)
class PairedComparison:
    """How a program differs from another on the instances that both were scored on.

    Differences are gains: more is better whatever the objective's direction, in the objective's unit.

    Args:
        effect: The mean difference in standard deviations of the differences (Cohen's d of pairs); None if they do not
            vary or are fewer than two.
        superiority: The share of instances on which it is better, ties counted half; 0.5 is no difference.
    """

    n: int
    mean: float
    mean_interval: Interval | None
    median: float
    median_interval: Interval | None
    wins: int
    ties: int
    losses: int
    effect: float | None = None
    superiority: float = 0.5


def gains_over(scores: Mapping[str, float], others: Mapping[str, float], objective: Objective) -> dict[str, float]:
    """By how much a program is better than another on each instance that both were scored on, in the order of `scores`;
    negative where it is worse."""
    return {
        name: objective.gain(score) - objective.gain(others[name]) for name, score in scores.items() if name in others
    }


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """P-values adjusted for how many claims are made at once: all below a level hold together at that level.

    References:
        Holm 1979, A Simple Sequentially Rejective Multiple Test Procedure.
    """
    adjusted: dict[str, float] = {}
    highest = 0.0
    for place, name in enumerate(sorted(p_values, key=lambda name: p_values[name])):
        highest = max(highest, min(1.0, (len(p_values) - place) * p_values[name]))
        adjusted[name] = highest
    return {name: adjusted[name] for name in p_values}


def quantile(ordered: Sequence[float], q: float) -> float:
    """The `q`-quantile of ascending values, interpolated linearly between neighbours.

    Raises:
        ValueError: There is no value, or `q` is outside [0, 1].
    """
    if not ordered or not 0 <= q <= 1:
        raise ValueError(f"the quantile {q!r} of {len(ordered)} values is not defined")
    place = q * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    if ordered[below] == ordered[above]:
        return ordered[below]
    share = place - below
    return ordered[below] * (1 - share) + ordered[above] * share


def bootstrap_interval(
    values: Sequence[float],
    aggregate: Callable[[Sequence[float]], float],
    *,
    rng: Random,
    resamples: int = 2000,
    level: float = 0.95,
) -> Interval | None:
    """The percentile-bootstrap interval of an aggregate; None below two values, which say nothing of spread.

    It treats the instances as independent draws; with few of them it is narrower than it should be.

    Raises:
        ValueError: `level` is outside (0, 1) or `resamples` is not positive.

    References:
        Efron & Tibshirani 1993, An Introduction to the Bootstrap, section 13.3.
    """
    if not 0 < level < 1 or resamples < 1:
        raise ValueError(f"a bootstrap needs 0 < level < 1 and resamples >= 1; found {level!r} and {resamples!r}")
    if len(values) < 2:
        return None
    n = len(values)
    drawn = sorted(aggregate(rng.choices(values, k=n)) for _ in range(resamples))
    tail = (1 - level) / 2
    return Interval(low=quantile(drawn, tail), high=quantile(drawn, 1 - tail), level=level)


def compare_paired(
    scores: Mapping[str, float], others: Mapping[str, float], objective: Objective, *, rng: Random
) -> PairedComparison | None:
    """How `scores` differ from `others` instance by instance; None if no instance is in both."""
    differences = list(gains_over(scores, others, objective).values())
    if not differences:
        return None
    spread = statistics.stdev(differences) if len(differences) > 1 else 0.0
    wins, ties = sum(difference > 0 for difference in differences), sum(difference == 0 for difference in differences)
    return PairedComparison(
        n=len(differences),
        mean=statistics.fmean(differences),
        mean_interval=bootstrap_interval(differences, statistics.fmean, rng=rng),
        median=statistics.median(differences),
        median_interval=bootstrap_interval(differences, statistics.median, rng=rng),
        wins=wins,
        ties=ties,
        losses=len(differences) - wins - ties,
        effect=statistics.fmean(differences) / spread if spread > 0 else None,
        superiority=(wins + ties / 2) / len(differences),
    )
