"""Comparing several methods over many blocks: mean ranks with a critical difference, and paired tests."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from random import Random
from statistics import NormalDist, fmean, median

from thekla.core.problem import Objective

__all__ = ["centre", "critical_difference", "mean_ranks", "paired_p", "ranks", "sign_flip_p", "signed_ranks"]

_EXACT = 12  # pairs up to which all sign patterns are gone through
_STEPS = 400  # of the numerical integration
_TOLERANCE = 1e-9  # relative to the largest sum: equal sums in another order of addition


def ranks(gains: Mapping[str, float]) -> dict[str, float]:
    """The rank of each method in one block, 1 for the largest gain; equals share the mean of their ranks."""
    ordered = sorted(gains.values(), reverse=True)
    first = {gain: ordered.index(gain) + 1 for gain in ordered}
    return {name: first[gain] + (ordered.count(gain) - 1) / 2 for name, gain in gains.items()}


def mean_ranks(blocks: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean rank of each method over blocks, best first.

    Raises:
        ValueError: There is no block, or two blocks hold different methods.
    """
    if not blocks or any(set(block) != set(blocks[0]) for block in blocks):
        raise ValueError("mean ranks need at least one block, and the same methods in each")
    ranked = [ranks(block) for block in blocks]
    means = {name: sum(one[name] for one in ranked) / len(ranked) for name in blocks[0]}
    return dict(sorted(means.items(), key=lambda item: item[1]))


def critical_difference(methods: int, blocks: int, *, level: float = 0.95) -> float:
    """The difference of two mean ranks from which on it is significant, by Nemenyi's test.

    Raises:
        ValueError: There are fewer than two methods, or no block.

    References:
        Demšar 2006, Statistical Comparisons of Classifiers over Multiple Data Sets.
    """
    if methods < 2 or blocks < 1:
        raise ValueError(f"a critical difference needs two methods and a block; found {methods} and {blocks}")
    q = _studentized_range(methods, level) / math.sqrt(2)
    return q * math.sqrt(methods * (methods + 1) / (6 * blocks))


def _studentized_range(groups: int, level: float) -> float:
    """The quantile of the range of `groups` standard normal draws, by bisection."""
    low, high = 0.0, 20.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if _range_probability(groups, middle) < level else (low, middle)
    return (low + high) / 2


def _range_probability(groups: int, width: float) -> float:
    """Probability that the range of standard normal draws is below `width`, by the trapezoidal rule."""
    normal = NormalDist()
    points = [-8 + 16 * step / _STEPS for step in range(_STEPS + 1)]
    values = [normal.pdf(x) * (normal.cdf(x) - normal.cdf(x - width)) ** (groups - 1) for x in points]
    return groups * 16 / _STEPS * (sum(values) - (values[0] + values[-1]) / 2)


def centre(differences: Sequence[float], objective: Objective) -> float:
    """What differences come to as the objective sees them: their median if it takes medians, else their mean."""
    return median(differences) if objective.aggregate == "median" else fmean(differences)


def paired_p(differences: Sequence[float], objective: Objective, *, rng: Random) -> float:
    """Two-sided p-value of paired differences under random signs; of their ranks if the objective takes medians, so
    that a few large ones do not drown the rest.

    Raises:
        ValueError: There is no difference.
    """
    return sign_flip_p(signed_ranks(differences) if objective.aggregate == "median" else differences, rng=rng)


def signed_ranks(differences: Sequence[float]) -> list[float]:
    """Each difference's rank by size, from 1, with its sign; equals share the mean of their ranks, and 0 stays 0.

    References:
        Wilcoxon 1945, Individual Comparisons by Ranking Methods.
    """
    sizes = ranks({str(place): -abs(difference) for place, difference in enumerate(differences)})
    return [
        math.copysign(sizes[str(place)], difference) if difference else 0.0
        for place, difference in enumerate(differences)
    ]


def sign_flip_p(differences: Sequence[float], *, rng: Random, resamples: int = 5000) -> float:
    """Two-sided p-value of paired differences under random signs: exact up to 12 pairs, else by resampling.

    Raises:
        ValueError: There is no difference.

    References:
        Fisher 1935, The Design of Experiments, section 21.
    """
    if not differences:
        raise ValueError("a paired test needs at least one difference")
    observed = abs(sum(differences)) * (1 - _TOLERANCE)
    if len(differences) <= _EXACT:
        patterns = list(itertools.product((1, -1), repeat=len(differences)))
        hits = sum(abs(sum(map(float.__mul__, map(float, signs), differences))) >= observed for signs in patterns)
        return hits / len(patterns)
    hits = sum(
        abs(sum(one if rng.random() < 0.5 else -one for one in differences)) >= observed for _ in range(resamples)
    )
    return (hits + 1) / (resamples + 1)
