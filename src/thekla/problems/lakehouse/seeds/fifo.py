"""First in, first out: each pool is given whole to one operator at a time, and a failed pipeline is dropped."""


def init(s):
    s.waiting = []


def schedule(s, results, pipelines):
    suspensions = []
    assignments = []
    for pipeline in pipelines:
        s.waiting.append(pipeline)
    for pool in s.executor.pools:
        cpu = pool.avail_cpu_pool
        ram = pool.avail_ram_pool
        looked_at = []
        while s.waiting and cpu > 0 and ram > 0:
            pipeline = s.waiting.pop(0)
            status = pipeline.runtime_status()
            if status.is_pipeline_successful() or pipeline.has_failures:
                continue
            looked_at.append(pipeline)
            ops = status.get_ops(ASSIGNABLE_STATES, require_parents_complete=True)[:1]
            if not ops:
                continue
            want_cpu = cpu
            want_ram = ram
            assignments.append(Assignment(ops, want_cpu, want_ram, pipeline.priority, pool.pool_id))
            cpu -= want_cpu
            ram -= want_ram
        s.waiting.extend(looked_at)
    return suspensions, assignments
