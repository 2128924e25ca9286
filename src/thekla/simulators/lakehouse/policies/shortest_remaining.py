"""Shortest remaining first, over all classes: the pipeline with the fewest operators left goes before all others.

It is the rule that is optimal for the mean latency on one machine with known lengths (Schrage 1968), with operators
left for the time left; ties go by class. A first try gets an eighth of a pool's memory, a further one twice what
failed, CPUs in proportion. An operator that failed with a whole pool is given up.
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
    s.waiting.sort(key=lambda each: (each.remaining_operators, each.priority))
    most = s.executor.ram_gb_per_pool
    free = {pool.pool_id: [pool.avail_cpu_pool, pool.avail_ram_pool] for pool in s.executor.pools}
    assignments = []
    for pipeline in s.waiting:
        if all(ram < FIRST_SHARE * most for _, ram in free.values()):
            break
        for op in pipeline.runtime_status().get_ops(ASSIGNABLE_STATES, require_parents_complete=True):
            if op.last_ram_gb is not None and op.last_ram_gb >= most:
                continue
            ram = wanted_gb(op, most)
            cpu = s.executor.cpus_per_pool * ram / most
            pool_id = max(free, key=lambda each: free[each][1])
            if free[pool_id][0] >= cpu and free[pool_id][1] >= ram:
                free[pool_id] = [free[pool_id][0] - cpu, free[pool_id][1] - ram]
                assignments.append(Assignment([op], cpu, ram, pipeline.priority, pool_id))
    return [], assignments


def wanted_gb(op: "Operator", most: float) -> float:
    """Memory for the operator's next try, in GB."""
    return FIRST_SHARE * most if op.last_ram_gb is None else min(2 * op.last_ram_gb, most)
