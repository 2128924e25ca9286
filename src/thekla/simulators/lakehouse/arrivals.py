"""When pipelines of a trace are delivered, and how their graphs are told to a scheduler."""

import math
from functools import lru_cache

from .params import Compat
from .workload import PipelineSpec, Trace, visiting_order

__all__ = ["deliveries", "visits"]

# A tick is milliseconds or more, a double of seconds is good to 1e-10 ticks over years: what is this close is a tick.
_SAME_TICK = 1e-6


@lru_cache(maxsize=4096)
def visits(parents: tuple[tuple[int, ...], ...]) -> tuple[tuple[int, ...], list[list[int]]]:
    """The order in which a scheduler sees operators, and in that order and numbering the parents of each.

    The lists go into messages as they are: nobody may change them.
    """
    order = visiting_order(parents)
    rank = {position: visit for visit, position in enumerate(order)}
    return order, [[rank[parent] for parent in dict.fromkeys(parents[position])] for position in order]


def deliveries(trace: Trace, ticks_per_second: int, compat: Compat) -> list[tuple[int, PipelineSpec]]:
    """Each pipeline with the first tick at which it is due, in order of delivery.

    The original compares a float quotient, which delivers some arrivals that are written as whole ticks a tick late,
    and never delivers a pipeline before one listed ahead of it. `thekla` does neither.
    """
    if compat == "thekla":
        due = [(_nearest_tick(each.arrival_seconds * ticks_per_second), each) for each in trace.pipelines]
        return sorted(due, key=lambda delivery: delivery[0])
    tick_length = 1.0 / ticks_per_second
    delivered: list[tuple[int, PipelineSpec]] = []
    latest = 0
    for pipeline in trace.pipelines:
        latest = max(latest, math.ceil(pipeline.arrival_seconds / tick_length))
        delivered.append((latest, pipeline))
    return delivered


def _nearest_tick(ticks: float) -> int:
    nearest = round(ticks)
    return max(0, nearest if abs(ticks - nearest) <= _SAME_TICK else math.ceil(ticks))
