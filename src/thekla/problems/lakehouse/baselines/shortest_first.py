"""Shortest remaining first, over all classes, with sizes that double after running out of memory.

Uses only what a scheduler sees. It hard-codes one guess: a first try takes a ninth of the pool's memory (the largest
operators of the public traces need 55 of 500 GB). CPUs go in proportion to memory, in whole numbers and at least one.
"""


def init(s):
    s.waiting = []


def schedule(s, results, pipelines):
    s.waiting.extend(pipelines)
    s.waiting = [pipeline for pipeline in s.waiting if pipeline.remaining_operators > 0]
    s.waiting.sort(key=lambda pipeline: (pipeline.remaining_operators, pipeline.priority))
    free = {pool.pool_id: [pool.avail_cpu_pool, pool.avail_ram_pool] for pool in s.executor.pools}
    assignments = []
    for pipeline in s.waiting:
        if all(ram < s.executor.ram_gb_per_pool // 9 for _, ram in free.values()):
            break
        for op in pipeline.runtime_status().get_ops(ASSIGNABLE_STATES, require_parents_complete=True):
            assignment = place(s, op, pipeline, free)
            if assignment is not None:
                assignments.append(assignment)
    return [], assignments


def place(s, op, pipeline, free):
    """An assignment to the pool with the most free memory, or None if the operator does not fit there now."""
    pool = max(s.executor.pools, key=lambda each: free[each.pool_id][1])
    cpu, ram = free[pool.pool_id]
    want_ram = pool.max_ram_pool // 9
    if op.last_ram_gb is not None:
        want_ram = min(2 * op.last_ram_gb, pool.max_ram_pool)
    want_cpu = max(1, pool.max_cpu_pool * want_ram // pool.max_ram_pool)
    if want_ram > ram or want_cpu > cpu:
        return None
    free[pool.pool_id] = [cpu - want_cpu, ram - want_ram]
    return Assignment([op], want_cpu, want_ram, pipeline.priority, pool.pool_id)
