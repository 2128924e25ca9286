"""One result out of several evaluations: their mean where chance plays a part, their agreement where it must not."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from thekla.core.evaluation import InstanceResult
from thekla.core.values import canonical, digest_of

__all__ = ["averaged", "disagreement"]


def averaged(results: Sequence[InstanceResult]) -> InstanceResult:
    """The mean of several results on one instance; the first fault among them is the result.

    Raises:
        ValueError: There is no result.
    """
    if not results:
        raise ValueError("no result to average; an instance is judged at least once")
    if len(results) == 1:
        return results[0]
    faulty = next((result for result in results if result.fault is not None), None)
    if faulty is not None:
        return faulty
    first = results[0]
    common = set.intersection(*(set(result.measures) for result in results))
    behaviours = [result.behaviour for result in results]
    return InstanceResult(
        scores={name: statistics.fmean(result.scores[name] for result in results) for name in first.scores},
        measures={name: statistics.fmean(result.measures[name] for result in results) for name in sorted(common)},
        feedback=first.feedback,
        behaviour=digest_of(behaviours) if all(behaviours) else "",
    )


def disagreement(first: Mapping[str, InstanceResult], second: Mapping[str, InstanceResult]) -> str:
    """Where two evaluations of one program differ, in words; empty if they agree bit for bit."""
    for instance, result in first.items():
        other = second[instance]
        if other.fault is not None:
            return f"on instance {instance!r} the second one failed ({other.fault.kind}): {other.fault.message}"
        for kind, one, two in (("score", result.scores, other.scores), ("measure", result.measures, other.measures)):
            for name in sorted({*one, *two}):
                if canonical(one.get(name)) != canonical(two.get(name)):
                    return f"on instance {instance!r} {kind} {name!r} was {one.get(name)!r}, then {two.get(name)!r}"
        if result.behaviour != other.behaviour:
            return f"on instance {instance!r} it decided otherwise, to the same score"
    return ""
