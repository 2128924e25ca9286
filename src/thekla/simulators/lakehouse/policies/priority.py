"""Strict priority between the classes, a tenth of the pool per container, doubled after a failure, with preemption.

Queries go first, then interactive pipelines, then batches. A container gets a tenth of its pool; after it ran out of
memory, twice its last size, unless that does not fit or is half of the pool (the job is then dropped). Where queries
still wait, containers of the other classes are suspended between two of their operators.
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
    """Operators that want a container; `cpu` and `ram` are those of the last try, if there was one."""

    def __init__(
        self,
        ops: "list[Operator]",
        pipeline: "Pipeline",
        cpu: float | None = None,
        ram: float | None = None,
        failed: bool = False,
    ) -> None:
        self.ops = ops
        self.pipeline = pipeline
        self.cpu = cpu
        self.ram = ram
        self.failed = failed


def init(s: "Scheduler") -> None:
    s.queues = {priority: [] for priority in Priority}
    s.queued = set()
    s.preempted = {}
    s.multi = s.params["multi_operator_containers"]
    s.stuck = False


def schedule(
    s: "Scheduler", results: "list[ExecutionResult]", pipelines: "list[Pipeline]"
) -> "tuple[list[Suspend], list[Assignment]]":
    if s.stuck and not results and not pipelines:
        return [], []
    enqueue(s, results, pipelines)
    enqueue_suspended(s)
    free = [[pool.avail_cpu_pool, pool.avail_ram_pool] for pool in s.executor.pools]
    assignments = [each for priority in Priority for each in serve(s, s.queues[priority], free)]
    # Nothing was served, nothing is freed before the next result, nobody is to be preempted and no job grows too old.
    s.stuck = not (assignments or s.preempted or s.queues[Priority.QUERY] or s.params["max_job_seconds"])
    return preempt(s), assignments


def enqueue(s: "Scheduler", results: "list[ExecutionResult]", pipelines: "list[Pipeline]") -> None:
    """Queues what arrived and what the ended containers made ready or left undone."""
    tried = {
        op: result for result in results if result.failed() for op in result.ops if op.state != OperatorState.COMPLETED
    }
    touched = {pipeline.pipeline_id: pipeline for pipeline in pipelines}
    touched.update((op.pipeline.pipeline_id, op.pipeline) for result in results for op in result.ops)
    for pipeline in touched.values():
        status = pipeline.runtime_status()
        ops = [
            op for op in status.get_ops(ASSIGNABLE_STATES, require_parents_complete=not s.multi) if op not in s.queued
        ]
        for group in [ops] if s.multi and ops else [[op] for op in ops]:
            last = tried.get(group[0])
            job = Job(group, pipeline) if last is None else Job(group, pipeline, last.cpu, last.ram, failed=True)
            append(s, job, pipeline.priority)


def append(s: "Scheduler", job: Job, priority: "Priority") -> None:
    s.queues[priority].append(job)
    s.queued.update(job.ops)


def enqueue_suspended(s: "Scheduler") -> None:
    """Remembers what is being suspended, and queues it again once the suspension has ended."""
    for pool in s.executor.pools:
        for container in pool.suspending_containers:
            if container.container_id not in s.preempted:
                ops = [op for op in container.operators if op.state != OperatorState.COMPLETED]
                job = Job(ops, ops[0].pipeline, container.assignment.cpu, container.assignment.ram)
                s.preempted[container.container_id] = (job, container.priority)
    if s.preempted:
        for pool in s.executor.pools:
            for container in pool.suspended_containers:
                remembered = s.preempted.pop(container.container_id, None)
                if remembered is not None:
                    append(s, *remembered)


def serve(s: "Scheduler", queue: list[Job], free: list[list[float]]) -> "list[Assignment]":
    """Assigns from the head of a queue until no pool has anything left."""
    assignments = []
    served = 0
    for job in queue:
        if job.pipeline.runtime_status().has_timed_out():
            served += 1
            s.queued.difference_update(job.ops)
            continue
        pool_id = roomiest(free)
        if pool_id < 0:
            break
        served += 1
        s.queued.difference_update(job.ops)
        cpu, ram = free[pool_id]
        size = wanted(job, s.executor.pools[pool_id], cpu, ram)
        if size is None:
            continue
        free[pool_id] = [cpu - size[0], ram - size[1]]
        assignments.append(
            Assignment(
                ops=job.ops,
                cpu=size[0],
                ram=size[1],
                priority=job.pipeline.priority,
                pool_id=pool_id,
                pipeline_id=job.pipeline.pipeline_id,
            )
        )
    del queue[:served]
    return assignments


def roomiest(free: list[list[float]]) -> int:
    """The first pool with the most free memory among those with any CPU, or -1."""
    best, most = -1, 0.0
    for pool_id, (cpu, ram) in enumerate(free):
        if cpu > 0 and ram > most:
            best, most = pool_id, ram
    return best


def wanted(job: Job, pool: "Pool", cpu: float, ram: float) -> tuple[float, float] | None:
    """The size of the job's container, or None to drop the job."""
    if job.cpu is not None and job.ram is not None:
        if job.failed:
            double = 2 * job.cpu, 2 * job.ram
            if double[0] > cpu or double[1] > ram:
                return None
            if double[0] >= pool.max_cpu_pool / 2 or double[1] >= pool.max_ram_pool / 2:
                return None
            return double
        if job.cpu < cpu and job.ram < ram:
            return job.cpu, job.ram
    share = max(1, int(pool.max_cpu_pool / 10)), max(1, int(pool.max_ram_pool / 10))
    return (cpu, ram) if share[0] >= cpu or share[1] >= ram else share


def preempt(s: "Scheduler") -> "list[Suspend]":
    """Suspends one container of a lower class per waiting query, taking turns between the pools."""
    waiting = len(s.queues[Priority.QUERY])
    if not waiting:
        return []
    lower = [
        [container for container in pool.active_containers if container.priority != Priority.QUERY]
        for pool in s.executor.pools
    ]
    turns = (containers[turn] for turn in range(max(map(len, lower))) for containers in lower if turn < len(containers))
    stops = [Suspend(each.container_id, each.pool_id) for each in turns if each.can_suspend_container()]
    return stops[:waiting]
