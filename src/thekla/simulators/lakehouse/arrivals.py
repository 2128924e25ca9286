"""When pipelines of a trace are delivered, and how their graphs are told to a scheduler."""

import math
from functools import lru_cache

from .workload import Trace, visiting_order

__all__ = ["delivery_ticks", "visits"]


@lru_cache(maxsize=4096)
def visits(parents: tuple[tuple[int, ...], ...]) -> tuple[tuple[int, ...], list[list[int]]]:
    """The order in which a scheduler sees operators, and in that order and numbering the parents of each.

    The lists go into messages as they are: nobody may change them.
    """
    order = visiting_order(parents)
    rank = {position: visit for visit, position in enumerate(order)}
    return order, [[rank[parent] for parent in dict.fromkeys(parents[position])] for position in order]


def delivery_ticks(trace: Trace, tick_length: float) -> list[int]:
    """The first tick at which each pipeline is due, never before the one listed ahead of it."""
    ticks: list[int] = []
    latest = 0
    for pipeline in trace.pipelines:
        latest = max(latest, math.ceil(pipeline.arrival_seconds / tick_length))
        ticks.append(latest)
    return ticks
