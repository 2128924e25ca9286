"""First in, first out with exact sizes: an oracle, which is told what every operator truly needs.

The host gives it `true_ram_gb(op)`; a guest has no such function, so this program only runs on the host. CPUs are
given in proportion to memory, in whole numbers and at least one.
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

    def true_ram_gb(op: Operator) -> float: ...


def init(s: "Scheduler") -> None:
    s.waiting = []
    s.least_ram = float("inf")


def schedule(
    s: "Scheduler", results: "list[ExecutionResult]", pipelines: "list[Pipeline]"
) -> "tuple[list[Suspend], list[Assignment]]":
    for pipeline in pipelines:
        s.waiting.append(pipeline)
        s.least_ram = min([s.least_ram, *(true_ram_gb(op) for op in pipeline.operators)])
    s.waiting = [pipeline for pipeline in s.waiting if pipeline.remaining_operators > 0]
    assignments = []
    for pool in s.executor.pools:
        cpu = pool.avail_cpu_pool
        ram = pool.avail_ram_pool
        for pipeline in s.waiting:
            if cpu < 1 or ram < s.least_ram:
                break
            for op in pipeline.runtime_status().get_ops(ASSIGNABLE_STATES, require_parents_complete=True):
                want_ram = true_ram_gb(op)
                want_cpu = max(1, pool.max_cpu_pool * want_ram // pool.max_ram_pool)
                if want_ram <= ram and want_cpu <= cpu:
                    assignments.append(Assignment([op], want_cpu, want_ram, pipeline.priority, pool.pool_id))
                    cpu -= want_cpu
                    ram -= want_ram
    return [], assignments
