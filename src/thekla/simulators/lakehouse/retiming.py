"""Traces with the same pipelines at other moments: how far do results hang on a tick?"""

import math
from collections.abc import Callable
from dataclasses import replace
from random import Random

from .workload import PipelineSpec, Trace

__all__ = ["as_generated", "jittered", "snapped"]

_SAME_TICK = 1e-6  # what is this close to a whole tick is one, up to rounding


def snapped(trace: Trace, ticks_per_second: int) -> Trace:
    """The trace with every arrival on the nearest whole tick.

    Raises:
        ValueError: `ticks_per_second` is not positive.
    """
    if ticks_per_second <= 0:
        raise ValueError(f"ticks_per_second is {ticks_per_second}; give an integer >= 1")
    return _moved(trace, lambda each: round(each.arrival_seconds * ticks_per_second) / ticks_per_second)


def jittered(trace: Trace, delta_s: float, *, seed: int) -> Trace:
    """The trace with every arrival moved by up to `delta_s` seconds (uniform), never before the start, in new order.

    Raises:
        ValueError: `delta_s` is negative or not finite.
    """
    if not (math.isfinite(delta_s) and delta_s >= 0):
        raise ValueError(f"the jitter is {delta_s!r} s; give a finite number >= 0")
    rng = Random(f"lakehouse jitter/{seed}")
    return _moved(trace, lambda each: max(0.0, each.arrival_seconds + rng.uniform(-delta_s, delta_s)))


def as_generated(trace: Trace, ticks_per_second: int) -> Trace:
    """A generated trace as Eudoxia simulates it without a file in between.

    Replayed from a file, some arrivals that are written as whole ticks come a tick late there, because a quotient of
    floats lies just above a whole number; arrivals are lowered by what it takes to undo that.
    """
    tick_length = 1.0 / ticks_per_second

    def lowered(pipeline: PipelineSpec) -> float:
        seconds = pipeline.arrival_seconds
        tick = round(seconds * ticks_per_second)
        if abs(seconds * ticks_per_second - tick) > _SAME_TICK:
            return seconds
        while seconds / tick_length > tick >= 0:
            seconds = math.nextafter(seconds, -math.inf)
        return seconds

    return replace(trace, pipelines=tuple(replace(each, arrival_seconds=lowered(each)) for each in trace.pipelines))


def _moved(trace: Trace, moment: Callable[[PipelineSpec], float]) -> Trace:
    moved = [replace(each, arrival_seconds=moment(each)) for each in trace.pipelines]
    return replace(trace, pipelines=tuple(sorted(moved, key=lambda each: each.arrival_seconds)))
