"""Whether a candidate has lost its race before its last instance: by proof, or beyond a stated error."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from functools import lru_cache

from thekla.core.evaluation import AGGREGATES
from thekla.core.problem import Objective
from thekla.core.racing import Cutoff

__all__ = ["has_lost", "student_quantile"]

_FEWEST = 4  # differences before their spread is trusted
_STEPS = 400  # of the numerical integration


def has_lost(
    objective: Objective,
    scores: Mapping[str, float],
    cutoff: Cutoff,
    bounds: Mapping[str, Mapping[str, float]],
) -> str:
    """Why the candidate cannot join those that are kept, empty if it may.

    Args:
        scores: On the instances so far, not all of them.
        bounds: Per instance and objective, as far as they are known.
    """
    if _is_proven(objective, scores, cutoff, bounds):
        return "even at the bound on all others it could not"
    if cutoff.error > 0 and objective.aggregate in ("mean", "sum") and _is_hopeless(objective, scores, cutoff):
        return f"beyond an error of {cutoff.error:g} it will not"
    return ""


def _is_proven(
    objective: Objective,
    scores: Mapping[str, float],
    cutoff: Cutoff,
    bounds: Mapping[str, Mapping[str, float]],
) -> bool:
    """Every aggregate is monotone, so that a candidate at the bound on what is left shows the best that can be."""
    best = dict(scores)
    for name in cutoff.rival:
        if name not in best:
            bound = bounds.get(name, {}).get(objective.name)
            if bound is None:
                return False
            best[name] = bound
    fold = AGGREGATES[objective.aggregate]
    possible, wanted = fold([best[name] for name in cutoff.rival]), fold(list(cutoff.rival.values()))
    return objective.gain(possible) < objective.gain(wanted) and not math.isclose(possible, wanted, rel_tol=1e-9)


def _is_hopeless(objective: Objective, scores: Mapping[str, float], cutoff: Cutoff) -> bool:
    """Whether the mean difference over all instances is below 0 with the stated error, which all looks share.

    The mean of the differences that are left lies around that of those met, with their spread (Student's t).
    """
    gaps = [objective.gain(score) - objective.gain(cutoff.rival[name]) for name, score in scores.items()]
    met, total = len(gaps), len(cutoff.rival)
    if not _FEWEST <= met < total:
        return False
    looks = total - _FEWEST
    spread = statistics.stdev(gaps) * math.sqrt(1 / met + 1 / (total - met))
    reach = student_quantile(1 - cutoff.error / looks, met - 1) * spread
    return statistics.fmean(gaps) + (total - met) / total * reach < 0


@lru_cache(maxsize=256)
def student_quantile(level: float, freedom: int) -> float:
    """The quantile of Student's t, by bisection over Simpson's rule; for levels in [0.5, 1).

    Raises:
        ValueError: The level or the degrees of freedom are outside their range.
    """
    if not 0.5 <= level < 1 or freedom < 1:
        raise ValueError(f"the quantile {level!r} of Student's t with {freedom!r} degrees of freedom is not computed")
    low, high = 0.0, 1.0
    while _below(high, freedom) < level:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _below(middle, freedom) < level else (low, middle)
    return (low + high) / 2


def _below(x: float, freedom: int) -> float:
    """The probability of a value below x >= 0. With x = sqrt(freedom) tan(a) the density is a power of a cosine."""
    end = math.atan(x / math.sqrt(freedom))
    points: Sequence[float] = [math.cos(end * step / _STEPS) ** (freedom - 1) for step in range(_STEPS + 1)]
    area = points[0] + points[-1] + 4 * sum(points[1:-1:2]) + 2 * sum(points[2:-1:2])
    scale = math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)) / math.sqrt(math.pi)
    return 0.5 + scale * area * end / _STEPS / 3
