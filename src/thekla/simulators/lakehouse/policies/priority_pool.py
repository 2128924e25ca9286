"""Two pools: the first for queries and interactive pipelines, the second for batches. Whole pipelines are jobs.

A container gets a tenth of its pool, after a failure twice its last size; a job that would then need half of the pool
or more is dropped. Nothing is suspended.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from thekla.simulators.lakehouse.views import (
        ASSIGNABLE_STATES,
        Assignment,
        ExecutionResult,
        Operator,
        OperatorState,
        Pipeline,
        Pool,
        Priority,
        Scheduler,
        Suspend,
    )


class Job:
    """Operators that want a container; `tried` is the size of the try that failed, if there was one."""

    def __init__(self, ops: "list[Operator]", pipeline: "Pipeline", tried: tuple[float, float] | None) -> None:
        self.ops = ops
        self.pipeline = pipeline
        self.tried = tried


def init(s: "Scheduler") -> None:
    assert s.executor.num_pools == 2, f"this policy needs exactly 2 pools, got {s.executor.num_pools}"
    s.queues = {priority: [] for priority in Priority}


def schedule(
    s: "Scheduler", results: "list[ExecutionResult]", pipelines: "list[Pipeline]"
) -> "tuple[list[Suspend], list[Assignment]]":
    for pipeline in pipelines:
        ops = pipeline.runtime_status().get_ops(ASSIGNABLE_STATES)
        s.queues[pipeline.priority].append(Job(ops, pipeline, None))
    for result in results:
        ops = [op for op in result.ops if op.state != OperatorState.COMPLETED]
        if result.failed() and ops:
            s.queues[result.priority].append(Job(ops, ops[0].pipeline, (result.cpu, result.ram)))
    first, second = s.executor.pools
    fast = serve(first, [s.queues[Priority.QUERY], s.queues[Priority.INTERACTIVE]])
    return [], fast + serve(second, [s.queues[Priority.BATCH_PIPELINE]])


def serve(pool: "Pool", queues: list[list[Job]]) -> "list[Assignment]":
    """Assigns from the heads of a pool's queues, one queue after the other, until it has nothing left."""
    cpu, ram = pool.avail_cpu_pool, pool.avail_ram_pool
    assignments = []
    for queue in queues:
        while queue:
            job = queue[0]
            overdue = job.pipeline.runtime_status().has_timed_out()
            if not overdue and (cpu <= 0 or ram <= 0):
                break
            queue.pop(0)
            size = None if overdue else wanted(job, pool, cpu, ram)
            if size is None:
                continue
            cpu, ram = cpu - size[0], ram - size[1]
            assignments.append(
                Assignment(
                    ops=job.ops,
                    cpu=size[0],
                    ram=size[1],
                    priority=job.pipeline.priority,
                    pool_id=pool.pool_id,
                    pipeline_id=job.pipeline.pipeline_id,
                )
            )
    return assignments


def wanted(job: Job, pool: "Pool", cpu: float, ram: float) -> tuple[float, float] | None:
    """The size of the job's container, or None to drop the job."""
    if job.tried is not None:
        size: tuple[float, float] = (2 * job.tried[0], 2 * job.tried[1])
        if size[0] / pool.max_cpu_pool >= 0.5 or size[1] / pool.max_ram_pool >= 0.5:
            return None
    else:
        size = max(1, int(pool.max_cpu_pool / 10)), max(1, int(pool.max_ram_pool / 10))
    return (cpu, ram) if size[0] >= cpu or size[1] >= ram else size
