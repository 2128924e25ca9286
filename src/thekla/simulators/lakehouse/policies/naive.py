"""First in, first out: one queue, and each pool is given whole to the head of it. Nothing is retried."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from thekla.simulators.lakehouse.views import (
        ASSIGNABLE_STATES,
        Assignment,
        ExecutionResult,
        OperatorState,
        Pipeline,
        Scheduler,
        Suspend,
    )


def init(s: "Scheduler") -> None:
    s.queue = []
    s.multi = s.params["multi_operator_containers"]


def schedule(
    s: "Scheduler", results: "list[ExecutionResult]", pipelines: "list[Pipeline]"
) -> "tuple[list[Suspend], list[Assignment]]":
    if not pipelines and not results:
        return [], []
    s.queue.extend(pipelines)
    assignments, later = [], []
    for pool in s.executor.pools:
        if pool.avail_cpu_pool <= 0 or pool.avail_ram_pool <= 0:
            continue
        while s.queue:
            pipeline = s.queue.pop(0)
            status = pipeline.runtime_status()
            if (
                status.is_pipeline_successful()
                or status.state_counts[OperatorState.FAILED] > 0
                or status.has_timed_out()
            ):
                continue
            later.append(pipeline)
            ready = status.get_ops(ASSIGNABLE_STATES, require_parents_complete=not s.multi)
            if ready:
                assignments.append(
                    Assignment(
                        ops=ready if s.multi else ready[:1],
                        cpu=pool.avail_cpu_pool,
                        ram=pool.avail_ram_pool,
                        priority=pipeline.priority,
                        pool_id=pool.pool_id,
                        pipeline_id=pipeline.pipeline_id,
                    )
                )
                break
    s.queue.extend(later)
    return [], assignments
