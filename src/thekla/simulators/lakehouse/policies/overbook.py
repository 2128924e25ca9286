"""First in, first out over operators, one CPU each, each promised the whole memory of its pool.

It needs a lakehouse that lets memory be promised twice. A pipeline is dropped after three failures.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from thekla.simulators.lakehouse.views import (
        ASSIGNABLE_STATES,
        Assignment,
        ExecutionResult,
        Pipeline,
        Scheduler,
        Suspend,
    )

MAX_FAILURES = 3


def init(s: "Scheduler") -> None:
    s.queue = []
    s.queued = set()
    s.failures = {}


def schedule(
    s: "Scheduler", results: "list[ExecutionResult]", pipelines: "list[Pipeline]"
) -> "tuple[list[Suspend], list[Assignment]]":
    if not pipelines and not results:
        return [], []
    touched = {pipeline.pipeline_id: pipeline for pipeline in pipelines}
    for result in results:
        touched.update((op.pipeline.pipeline_id, op.pipeline) for op in result.ops)
        if result.failed():
            failed = result.ops[0].pipeline.pipeline_id
            s.failures[failed] = s.failures.get(failed, 0) + 1
    for pipeline in touched.values():
        for op in pipeline.runtime_status().get_ops(ASSIGNABLE_STATES, require_parents_complete=True):
            if op not in s.queued:
                s.queue.append(op)
                s.queued.add(op)
    free = [pool.avail_cpu_pool for pool in s.executor.pools]
    assignments = []
    served = 0
    for op in s.queue:
        pipeline = op.pipeline
        if s.failures.get(pipeline.pipeline_id, 0) < MAX_FAILURES and not pipeline.runtime_status().has_timed_out():
            pool_id = next((i for i, cpu in enumerate(free) if cpu >= 1), -1)
            if pool_id < 0:
                break
            free[pool_id] -= 1
            assignments.append(
                Assignment(
                    ops=[op],
                    cpu=1,
                    ram=s.executor.pools[pool_id].max_ram_pool,
                    priority=pipeline.priority,
                    pool_id=pool_id,
                    pipeline_id=pipeline.pipeline_id,
                )
            )
        s.queued.discard(op)
        served += 1
    del s.queue[:served]
    return [], assignments
