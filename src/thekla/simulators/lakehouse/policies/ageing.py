"""Priority with ageing: every minute of waiting is worth a class, and who has waited long is not overtaken any more.

Operators are served in order of class minus minutes waited, so that nothing starves (the remedy for strict priority in
every textbook on operating systems). Small ones may start ahead of one that does not fit, until that one's pipeline
has waited for two minutes. A first try gets an eighth of a pool's memory, a further one twice what failed, CPUs in
proportion. An operator that failed with a whole pool is given up.
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
CLASS_SECONDS = 60.0
PATIENCE_SECONDS = 120.0


def init(s: "Scheduler") -> None:
    s.waiting = []


def schedule(
    s: "Scheduler", results: "list[ExecutionResult]", pipelines: "list[Pipeline]"
) -> "tuple[list[Suspend], list[Assignment]]":
    s.waiting += pipelines
    s.waiting = [each for each in s.waiting if each.remaining_operators and not each.runtime_status().has_timed_out()]
    s.waiting.sort(key=lambda each: each.priority - each.waiting_seconds / CLASS_SECONDS)
    most = s.executor.ram_gb_per_pool
    free = {pool.pool_id: [pool.avail_cpu_pool, pool.avail_ram_pool] for pool in s.executor.pools}
    assignments = []
    for pipeline in s.waiting:
        for op in pipeline.runtime_status().get_ops(ASSIGNABLE_STATES, require_parents_complete=True):
            if op.last_ram_gb is not None and op.last_ram_gb >= most:
                continue
            ram = wanted_gb(op, most)
            cpu = s.executor.cpus_per_pool * ram / most
            pool_id = max(free, key=lambda each: free[each][1])
            if free[pool_id][0] >= cpu and free[pool_id][1] >= ram:
                free[pool_id] = [free[pool_id][0] - cpu, free[pool_id][1] - ram]
                assignments.append(Assignment([op], cpu, ram, pipeline.priority, pool_id))
            elif pipeline.waiting_seconds > PATIENCE_SECONDS:
                return [], assignments
    return [], assignments


def wanted_gb(op: "Operator", most: float) -> float:
    """Memory for the operator's next try, in GB."""
    return FIRST_SHARE * most if op.last_ram_gb is None else min(2 * op.last_ram_gb, most)
