"""The run that a pipeline would have alone: exact sizes, all CPUs that help, nothing in its way."""

from collections.abc import Callable
from functools import lru_cache

from .containers import LifeTable
from .params import Compat, Params
from .workload import PipelineSpec, Segment, Work

__all__ = ["critical_ticks", "ideal_ticks", "segment_ticks"]


def ideal_ticks(pipeline: PipelineSpec, params: Params, compat: Compat = "thekla") -> int | None:
    """Ticks from arrival to completion at best, the first and last included; None if an operator fits into no pool.

    Every operator has all CPUs of a pool and starts on the tick after its last parent: the longest path through the
    graph. No schedule is faster, and pipelines whose operators fit beside each other reach it.
    """
    if any(operator.work.peak_memory_gb > params.ram_gb_per_pool for operator in pipeline.operators):
        return None
    tick_length = 1.0 / params.ticks_per_second

    def fastest(work: Work) -> int:
        return max(1, sum(segment_ticks(each, tick_length, params.cpus_per_pool, compat)[1] for each in work.segments))

    return critical_ticks(pipeline, fastest)


def critical_ticks(pipeline: PipelineSpec, ticks: Callable[[Work], int]) -> int:
    """Ticks of the longest path; an operator starts on the tick after its parents' last at the earliest."""
    ends: list[int] = []
    for operator in pipeline.operators:
        ends.append(ticks(operator.work) + max((ends[parent] for parent in operator.parents), default=0))
    return max(ends)


@lru_cache(maxsize=65536)
def segment_ticks(segment: Segment, tick_length: float, cpus: float, compat: Compat) -> tuple[int, int]:
    """(ticks of scanning, ticks in all) of a segment in a container that is large enough."""
    scan_ticks, total, _ = LifeTable(segment, tick_length, corrected=compat == "thekla").life(
        cpus, segment.held_memory_gb
    )
    return scan_ticks, max(0, total)
