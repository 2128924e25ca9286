"""A simulation as a plain record, in the format in which runs of the original are kept for comparison."""

import math
from dataclasses import fields

from .params import Compat, Params
from .results import RunResult
from .statistics import ClassStatistics, Statistics

__all__ = ["Plain", "record", "statistics_record"]

Plain = None | bool | int | float | str | list["Plain"] | dict[str, "Plain"]
"""What JSON can hold; NaN is None and infinity `"inf"`."""

_PENALTY_LIMITS = 2  # an unfinished pipeline counts twice the age limit, as `eudoxia run` prints it

# What the original raises where a fault ends a run here: type, and message where it is always the same.
_EXCEPTIONS = {
    "operator_count": (
        "AssertionError",
        "Assignment must have exactly 1 operator when multi_operator_containers is False",
    ),
    "overallocated_cpu": ("AssertionError", "Overallocated CPU in assignment"),
    "overallocated_ram": ("AssertionError", "Overallocated RAM in assignment"),
    "parents_incomplete": ("AssertionError", "Dependencies not satisfied"),
    "not_suspendable": ("AssertionError", "Container cannot be suspended right now"),
    "zero_tick_operator": ("StopIteration", ""),
    "unknown_container": ("AttributeError", ""),
}
_NOTHING_ENDED = {"type": "IndexError", "message": "index -1 is out of bounds for axis 0 with size 0"}


def record(result: RunResult, params: Params, compat: Compat, *, case: str, scheduler: str) -> dict[str, Plain]:
    """The record of one simulation: `stats` or `exception`, `pipelines`, `container_tick_times`.

    Under a revision of Eudoxia a run that ends early, or in which no container ended, has an `exception` of the
    original's type on the original's tick; under `thekla` it has statistics always, and a `fault` beside them.
    """
    found: dict[str, Plain] = {"case": case, "scheduler": scheduler}
    exception = None if compat == "thekla" else _exception(result, params)
    if exception is not None:
        found["exception"] = exception
    else:
        found["stats"] = statistics_record(result.statistics, params)
        if result.fault is not None:
            fault = result.fault
            found["fault"] = {"kind": fault.kind, "message": fault.message, "tick": fault.tick}
    found["pipelines"] = [list(pipeline) for pipeline in result.pipelines]
    found["container_tick_times"] = [list(lives) for lives in result.container_tick_times]
    return found


def statistics_record(statistics: Statistics, params: Params) -> dict[str, Plain]:
    """All statistics by name, and the adjusted latency in the division form and, with an age limit, with a penalty."""
    found = {field.name: _plain(getattr(statistics, field.name)) for field in fields(Statistics)}
    found["adjusted_latency_default"] = _plain(statistics.adjusted_latency())
    if params.max_job_seconds:
        penalty_s = _PENALTY_LIMITS * params.max_job_seconds
        value = statistics.adjusted_latency(unfinished_penalty_seconds=penalty_s)
        found["adjusted_latency_penalty_2x"] = _plain(value)
    return found


def _exception(result: RunResult, params: Params) -> dict[str, Plain] | None:
    if result.fault is not None:
        kind, message = _EXCEPTIONS.get(result.fault.kind, ("AssertionError", result.fault.message))
        if result.fault.kind == "exception":
            kind, _, message = result.fault.message.partition(": ")
        return {"type": kind, "message": message, "tick": result.fault.tick}
    if not any(result.container_tick_times):
        return {**_NOTHING_ENDED, "tick": params.max_ticks - 1}
    return None


def _plain(value: object) -> Plain:
    if isinstance(value, ClassStatistics):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(ClassStatistics)}
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else "inf"
    if isinstance(value, bool | int | float | str):
        return value
    if hasattr(value, "items"):
        return {str(name): _plain(count) for name, count in value.items()}
    raise TypeError(f"a {type(value).__name__} has no place in a record")
