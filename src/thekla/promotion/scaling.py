"""The scaling sweep: time, memory and score at several times the size, beside the baseline's."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass

from thekla.analysis.tables import Table
from thekla.core.codec import encode
from thekla.core.problem import Instance
from thekla.core.protocols import WorkloadSpace
from thekla.core.visible import number, visible
from thekla.promotion.checks import Check, Judge, Pair, Rivals, finite, met_on, percent, relative_gain, text_of

__all__ = ["FACTORS", "ScalePoint", "growth", "scaling"]

FACTORS = (1.0, 2.0, 5.0, 10.0)


@dataclass(frozen=True, kw_only=True)
class ScalePoint:
    """Program and baseline on one instance, at a multiple of its size.

    Args:
        gain: Relative to the baseline; None if the baseline failed too.
        cpu_s, memory_mb: Of the guests, as the host read them.
    """

    instance: str
    factor: float
    score: str
    baseline_score: str
    gain: float | None
    cpu_s: float
    baseline_cpu_s: float
    memory_mb: float
    baseline_memory_mb: float


async def scaling(
    rivals: Rivals,
    judge: Judge,
    instances: Sequence[Instance],
    space: WorkloadSpace | None,
    *,
    factors: Sequence[float] = FACTORS,
) -> Check:
    """The sweep over the instances that can be resized.

    It fails if the program fails at a size at which the baseline does not, or is worse than it at the largest size
    though it was better at the first. Where it never was better at the first, there is no lead to lose.
    """
    sized = [(one, factor, _resized(space, one, factor)) for one in instances for factor in factors]
    if all(bigger is None for _, _, bigger in sized):
        return Check(name="scaling", passed=None, summary="The problem declares no size knob, so no size was varied.")
    kept = [(one, factor, bigger) for one, factor, bigger in sized if bigger is not None]
    pairs = await asyncio.gather(*(met_on(rivals, judge, [bigger]) for _, _, bigger in kept))
    points = [_point(rivals, one, factor, pair) for (one, factor, _), pair in zip(kept, pairs, strict=True)]
    lost = [point for point in points if point.gain is not None and _turns(point, points)]
    exponents = [found for found in (growth(points, one.id) for one in instances) if found is not None]
    mean = sum(exponents) / len(exponents) if exponents else None
    summary = f"At up to {max(factors):g} times the size "
    led = any(point.gain is not None and point.gain > 0 for point in points if point.factor == min(factors))
    if lost:
        summary += f"it falls behind {rivals.baseline_name} or fails on {len(lost)} of {len(points)} points."
    elif led:
        summary += f"it keeps its lead over {rivals.baseline_name}."
    else:
        summary += f"it fails nowhere, but it has no lead over {rivals.baseline_name} that it could keep."
    if mean is not None:
        summary += f" CPU time grows about as size to the power of {mean:.2f}."
    passed = not lost if lost or led else None
    return Check(name="scaling", passed=passed, summary=summary, table=_table(points), data=finite(encode(points)))


def growth(points: Sequence[ScalePoint], instance: str) -> float | None:
    """The exponent with which CPU time grows with size on one instance: the slope of logarithms by least squares."""
    found = [
        (math.log(each.factor), math.log(each.cpu_s)) for each in points if each.instance == instance and each.cpu_s > 0
    ]
    if len(found) < 2:
        return None
    middle = sum(x for x, _ in found) / len(found)
    spread = sum((x - middle) ** 2 for x, _ in found)
    return sum((x - middle) * y for x, y in found) / spread if spread else None


def _resized(space: WorkloadSpace | None, instance: Instance, factor: float) -> Instance | None:
    return space.resized(instance, factor) if space is not None else None


def _point(rivals: Rivals, instance: Instance, factor: float, pair: Pair) -> ScalePoint:
    return ScalePoint(
        instance=instance.id,
        factor=factor,
        score=text_of(pair.program, rivals.objective),
        baseline_score=text_of(pair.baseline, rivals.objective),
        gain=relative_gain(pair, rivals.objective),
        cpu_s=pair.program.cost.cpu_s,
        baseline_cpu_s=pair.baseline.cost.cpu_s,
        memory_mb=pair.program.cost.peak_memory_mb,
        baseline_memory_mb=pair.baseline.cost.peak_memory_mb,
    )


def _turns(point: ScalePoint, points: Sequence[ScalePoint]) -> bool:
    """Whether the program fails here, or loses at the largest size what it had at the smallest."""
    if point.gain == float("-inf"):
        return True
    same = [each for each in points if each.instance == point.instance and each.gain is not None]
    largest, first = same[-1], same[0].gain
    assert first is not None
    assert point.gain is not None
    return point is largest and point.gain < 0 <= first


def _table(points: Sequence[ScalePoint]) -> Table:
    rows = [
        (
            visible(point.instance),
            f"{point.factor:g}x",
            point.score,
            point.baseline_score,
            percent(point.gain),
            number(point.cpu_s, digits=3),
            number(point.baseline_cpu_s, digits=3),
            number(point.memory_mb, digits=3),
            number(point.baseline_memory_mb, digits=3),
        )
        for point in points
    ]
    heads = ("instance", "size", "score", "baseline", "gain", "CPU s", "baseline's", "memory MB", "baseline's ")
    return Table(title="Scaling", columns=heads, rows=tuple(rows), left=1)
