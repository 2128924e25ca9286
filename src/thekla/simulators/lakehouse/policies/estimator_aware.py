"""Sizes from estimates: a container gets what the estimator says and a fifth more, the small ones of a class first.

Without an estimate a first try gets an eighth of a pool's memory; after a failure, twice what failed, estimate or not.
CPUs go in proportion to memory, at least one if a pool has one. An operator that failed with a whole pool is given up.
Run it with ``simulate(..., estimator=noisy_estimator(...))``.
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

FIRST_SHARE = 1 / 8
HEADROOM = 1.2
LEAST_GB = 0.1


def init(s: "Scheduler") -> None:
    s.waiting = []


def schedule(
    s: "Scheduler", results: "list[ExecutionResult]", pipelines: "list[Pipeline]"
) -> "tuple[list[Suspend], list[Assignment]]":
    s.waiting += pipelines
    s.waiting = [each for each in s.waiting if each.remaining_operators and not each.runtime_status().has_timed_out()]
    most = s.executor.ram_gb_per_pool
    ready = [
        op
        for pipeline in s.waiting
        for op in pipeline.runtime_status().get_ops(ASSIGNABLE_STATES, require_parents_complete=True)
        if op.last_ram_gb is None or op.last_ram_gb < most
    ]
    ready.sort(key=lambda op: (op.pipeline.priority, wanted_gb(op, most)))
    free = {pool.pool_id: [pool.avail_cpu_pool, pool.avail_ram_pool] for pool in s.executor.pools}
    assignments = []
    for op in ready:
        ram = wanted_gb(op, most)
        cpu = min(s.executor.cpus_per_pool, max(1.0, s.executor.cpus_per_pool * ram / most))
        pool_id = max(free, key=lambda each: free[each][1])
        if free[pool_id][0] >= cpu and free[pool_id][1] >= ram:
            free[pool_id] = [free[pool_id][0] - cpu, free[pool_id][1] - ram]
            assignments.append(Assignment([op], cpu, ram, op.pipeline.priority, pool_id))
    return [], assignments


def wanted_gb(op: "Operator", most: float) -> float:
    """Memory for the operator's next try, in GB."""
    if op.last_ram_gb is not None:
        return min(2 * op.last_ram_gb, most)
    estimate = op.estimate.mem_peak_gb
    return FIRST_SHARE * most if estimate is None else min(max(HEADROOM * estimate, LEAST_GB), most)
