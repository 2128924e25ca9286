"""How far a result hangs on the length of a tick: one workload at several rates, with arrivals moved a little."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from .params import Params
from .retiming import jittered, snapped
from .workload import Trace

__all__ = ["Arrivals", "SensitivityRow", "rates", "sensitivity"]

Arrivals = Literal["original", "snapped", "jittered"]
"""Arrivals as they are, on whole ticks of the rate, or moved by up to one tick of it."""


@dataclass(frozen=True, kw_only=True)
class SensitivityRow:
    """A score at a rate.

    Args:
        change: Relative difference from the score at the finest rate with original arrivals; None if that is 0.
    """

    ticks_per_second: int
    arrivals: Arrivals
    score: float
    change: float | None


def rates(ticks_per_second: int) -> list[int]:
    """1, 10, 100, ... below the rate, and the rate itself."""
    found = [10**power for power in range(10) if 10**power < ticks_per_second]
    return [*found, ticks_per_second]


def sensitivity(
    trace: Trace, params: Params, score: Callable[[Trace, Params], float], *, jitter_seed: int
) -> list[SensitivityRow]:
    """Scores of a workload at every rate, coarsest first, under all three kinds of arrivals.

    Args:
        score: Simulates a trace under parameters.
    """
    scores: dict[tuple[int, Arrivals], float] = {}
    for rate in rates(params.ticks_per_second):
        at = replace(params, ticks_per_second=rate)
        scores[rate, "original"] = score(trace, at)
        scores[rate, "snapped"] = score(snapped(trace, rate), at)
        scores[rate, "jittered"] = score(jittered(trace, 1 / rate, seed=jitter_seed), at)
    finest = scores[params.ticks_per_second, "original"]
    return [
        SensitivityRow(
            ticks_per_second=rate,
            arrivals=arrivals,
            score=value,
            change=(value - finest) / abs(finest) if finest else None,
        )
        for (rate, arrivals), value in scores.items()
    ]
