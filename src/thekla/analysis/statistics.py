"""Statistics of scores over instances, in pure Python: bootstrap intervals and paired comparisons."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from thekla.core.problem import Objective

__all__ = ["Interval", "PairedComparison", "bootstrap_interval", "compare_paired", "quantile"]


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
    """

    n: int
    mean: float
    mean_interval: Interval | None
    median: float
    median_interval: Interval | None
    wins: int
    ties: int
    losses: int


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
    differences = [
        objective.gain(score) - objective.gain(others[name]) for name, score in scores.items() if name in others
    ]
    if not differences:
        return None
    return PairedComparison(
        n=len(differences),
        mean=statistics.fmean(differences),
        mean_interval=bootstrap_interval(differences, statistics.fmean, rng=rng),
        median=statistics.median(differences),
        median_interval=bootstrap_interval(differences, statistics.median, rng=rng),
        wins=sum(difference > 0 for difference in differences),
        ties=sum(difference == 0 for difference in differences),
        losses=sum(difference < 0 for difference in differences),
    )
