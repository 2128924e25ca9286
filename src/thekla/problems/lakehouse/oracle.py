"""A policy on the host that is told the truth: what sizes are worth, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

from thekla.simulators.lakehouse import Scheduler, Trace
from thekla.simulators.lakehouse.session import PolicySession
from thekla.simulators.lakehouse.views import Operator, names
from thekla.simulators.lakehouse.workload import visiting_order

__all__ = ["oracle_scheduler"]


def oracle_scheduler(source: str, trace: Trace) -> Scheduler:
    """A session of one of our own programs, whose globals also hold `true_ram_gb(op)`. Good for one simulation."""
    peaks = _peaks(trace)

    def true_ram_gb(op: Operator) -> float:
        """Memory in GB with which the operator never runs out of it."""
        return peaks[op.pipeline.pipeline_id][op.position]

    module = ModuleType("oracle")
    given: dict[str, Any] = {**names(), "true_ram_gb": true_ram_gb}
    vars(module).update(given)
    exec(compile(source, "<oracle>", "exec"), vars(module))
    return PolicySession(vars(module))


def _peaks(trace: Trace) -> Mapping[str, tuple[float, ...]]:
    return {
        pipeline.id: tuple(
            pipeline.operators[i].work.peak_memory_gb
            for i in visiting_order([operator.parents for operator in pipeline.operators])
        )
        for pipeline in trace.pipelines
    }
