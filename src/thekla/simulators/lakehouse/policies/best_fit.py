"""Best fit, largest first: each operator goes to the pool in which it leaves the least memory.

Classes are served in order; within one, the largest containers first (Johnson 1974, best-fit decreasing). A first try
gets an eighth of a pool's memory, a further one twice what failed, CPUs in proportion. An operator that failed with a
whole pool is given up.
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
    ready.sort(key=lambda op: (op.pipeline.priority, -wanted_gb(op, most)))
    free = {pool.pool_id: [pool.avail_cpu_pool, pool.avail_ram_pool] for pool in s.executor.pools}
    assignments = []
    for op in ready:
        if all(ram < FIRST_SHARE * most for _, ram in free.values()):
            break
        ram = wanted_gb(op, most)
        cpu = s.executor.cpus_per_pool * ram / most
        fitting = [pool_id for pool_id in free if free[pool_id][0] >= cpu and free[pool_id][1] >= ram]
        if fitting:
            pool_id = min(fitting, key=lambda each: free[each][1])
            free[pool_id] = [free[pool_id][0] - cpu, free[pool_id][1] - ram]
            assignments.append(Assignment([op], cpu, ram, op.pipeline.priority, pool_id))
    return [], assignments


def wanted_gb(op: "Operator", most: float) -> float:
    """Memory for the operator's next try, in GB."""
    return FIRST_SHARE * most if op.last_ram_gb is None else min(2 * op.last_ram_gb, most)
