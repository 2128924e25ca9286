"""A scheduling policy to start from: most urgent pipelines first, a tenth of a pool for each operator.

Try it:      thekla lakehouse run params.toml --scheduler policy.py
Look at it:  thekla lakehouse timeline params.toml --scheduler policy.py -o timeline.html
Compare it:  thekla lakehouse compare policy.py priority --params params.toml

The names of the block below are there without an import when the policy runs; the block is for editors.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from thekla.simulators.lakehouse.views import (
        ASSIGNABLE_STATES,
        Assignment,
        ExecutionResult,
        Operator,
        Pipeline,
        Scheduler,
        Suspend,
    )

SHARE = 0.1  # of a pool's CPUs and memory, for an operator that has not failed yet


def init(s: "Scheduler") -> None:
    """Called once, before anything arrives. Keep what you want to remember on `s`."""
    s.waiting = []  # pipelines that are not complete, in order of arrival


def schedule(
    s: "Scheduler", results: "list[ExecutionResult]", pipelines: "list[Pipeline]"
) -> "tuple[list[Suspend], list[Assignment]]":
    """Called when pipelines arrived, containers ended, or `s.wake_after(seconds)` asked for it.

    Returns the containers to suspend and the containers to start.
    """
    s.waiting.extend(pipelines)
    # What an operator needs is not known before it runs; `results` says which containers ran out of memory.
    s.waiting = [pipeline for pipeline in s.waiting if not pipeline.runtime_status().is_pipeline_successful()]
    # Free resources do not change during a call: count here what this call gives away.
    free = {pool.pool_id: [pool.avail_cpu_pool, pool.avail_ram_pool] for pool in s.executor.pools}
    assignments: list[Assignment] = []
    for pipeline in sorted(s.waiting, key=lambda each: each.priority):  # 1 is a query, 3 is batch; ties by arrival
        for op in pipeline.runtime_status().get_ops(ASSIGNABLE_STATES, require_parents_complete=True):
            pool_id = max(free, key=lambda each: free[each][1])  # the pool with the most free memory
            pool = s.executor.pools[pool_id]
            cpu, ram = wanted_size(op, pool.max_cpu_pool, pool.max_ram_pool)
            if cpu > free[pool_id][0] or ram > free[pool_id][1]:
                continue  # it waits until something ends
            free[pool_id][0] -= cpu
            free[pool_id][1] -= ram
            assignments.append(Assignment([op], cpu, ram, pipeline.priority, pool_id, pipeline.pipeline_id))
    return [], assignments


def wanted_size(op: "Operator", pool_cpu: float, pool_ram_gb: float) -> tuple[float, float]:
    """CPUs and GB for an operator: a share of the pool, and twice the memory that was too little last time."""
    ram_gb = SHARE * pool_ram_gb if op.last_ram_gb is None else 2 * op.last_ram_gb
    return max(1, int(SHARE * pool_cpu)), min(pool_ram_gb, ram_gb)
