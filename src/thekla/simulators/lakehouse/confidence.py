"""How sure a mean over traces is: percentile-bootstrap intervals, of one policy and of the difference of two."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from statistics import fmean

from .statistics import percentile

__all__ = ["MeanInterval", "mean_interval", "paired_interval"]

_RESAMPLES = 2000


@dataclass(frozen=True, kw_only=True)
class MeanInterval:
    """A mean over traces with its confidence interval; `level` is the nominal coverage."""

    mean: float
    low: float
    high: float
    level: float


def mean_interval(values: Sequence[float], *, seed: int = 0, level: float = 0.95) -> MeanInterval:
    """The mean of one value per trace, and where it lies with a probability of about `level`.

    Traces are taken for independent draws; with few of them the interval is narrower than it should be.

    Raises:
        ValueError: There are fewer than two values, or `level` is outside (0, 1).

    References:
        Efron & Tibshirani 1993, An Introduction to the Bootstrap, section 13.3.
    """
    if len(values) < 2 or not 0 < level < 1:
        raise ValueError(f"{len(values)} values at level {level!r}; give at least two values and a level in (0, 1)")
    rng = Random(f"lakehouse/bootstrap/{seed}")
    means = [fmean(rng.choices(values, k=len(values))) for _ in range(_RESAMPLES)]
    tail = (1 - level) / 2
    return MeanInterval(mean=fmean(values), low=percentile(means, tail), high=percentile(means, 1 - tail), level=level)


def paired_interval(
    first: Sequence[float], second: Sequence[float], *, seed: int = 0, level: float = 0.95
) -> MeanInterval:
    """By how much the second is above the first on the same traces; the spread between traces cancels.

    Raises:
        ValueError: They differ in length, or see `mean_interval`.
    """
    differences = [b - a for a, b in zip(first, second, strict=True)]
    return mean_interval(differences, seed=seed, level=level)
