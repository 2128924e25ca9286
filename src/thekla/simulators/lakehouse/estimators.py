"""Hints about what operators need, given to a scheduler when a pipeline arrives."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from .workload import Work

if TYPE_CHECKING:
    import numpy

__all__ = ["Estimator", "noisy_estimator"]

Estimator = Callable[[Work], float | None]
"""Peak memory in GB that a scheduler is told of an operator, or None for no hint.

It is called once for each operator, in order of arrival and within a pipeline in visiting order, and must be fresh for
each simulation if it keeps a state.
"""


def noisy_estimator(*, sigma: float = 0.0, seed: int = 42) -> Estimator:
    """The true peak times a log-normal factor of median 1, draw for draw that of Eudoxia's `noisy`.

    Args:
        sigma: Standard deviation of the factor's logarithm; 0 tells the truth and needs no numpy.

    Raises:
        ModuleNotFoundError: `sigma` is above 0 and numpy is not installed.
        ValueError: `sigma` or `seed` is out of its range.
    """
    if not (math.isfinite(sigma) and sigma >= 0):
        raise ValueError(f"sigma is {sigma!r}; give a finite number >= 0")
    if seed < 0:
        raise ValueError(f"seed is {seed!r}; give an integer >= 0")
    if sigma == 0:
        return lambda work: work.peak_memory_gb
    rng = _pcg64(seed)
    return lambda work: work.peak_memory_gb * float(rng.lognormal(0.0, sigma))


def _pcg64(seed: int) -> "numpy.random.Generator":
    try:
        import numpy
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError('noisy estimates need numpy; pip install "thekla[problems]"', name="numpy") from error
    return numpy.random.default_rng(seed)
