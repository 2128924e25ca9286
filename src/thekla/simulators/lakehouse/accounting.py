"""Where the CPUs and the memory of a simulation went: every second of both is counted once, under one cause."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from .ideal import segment_ticks
from .lives import ContainerLife
from .params import Compat, Params
from .results import RunResult
from .workload import SCAN_GB_PER_SECOND, Trace, Work

__all__ = ["Amount", "Cause", "account", "simulated_ticks"]


class Cause(StrEnum):
    """What a second of a CPU or of a GB went into; all but `USEFUL` and `IDLE` are waste.

    USEFUL: Memory in use by operators that completed or still ran at the end, and CPUs that helped them: one while an
        operator scans, and while it computes as many as its scaling gains from.
    OVER_ALLOCATED: The rest of what their containers held.
    OOM, TIMEOUT: All that was held for operators whose container was killed, for the time in which they ran.
    SUSPENDED: What containers held while they were written out.
    QUEUED: What was free while an operator that could have started waited.
    IDLE: What was free while none did.
    """

    USEFUL = "useful"
    OVER_ALLOCATED = "over-allocated"
    OOM = "out of memory"
    TIMEOUT = "timed out"
    SUSPENDED = "suspended"
    QUEUED = "queued"
    IDLE = "idle"


@dataclass(frozen=True, kw_only=True)
class Amount:
    """CPU seconds and GB seconds."""

    cpu_s: float = 0.0
    memory_gb_s: float = 0.0

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(cpu_s=self.cpu_s + other.cpu_s, memory_gb_s=self.memory_gb_s + other.memory_gb_s)

    def __sub__(self, other: "Amount") -> "Amount":
        return Amount(cpu_s=self.cpu_s - other.cpu_s, memory_gb_s=self.memory_gb_s - other.memory_gb_s)

    def times(self, factor: float) -> "Amount":
        """So many times as much."""
        return Amount(cpu_s=factor * self.cpu_s, memory_gb_s=factor * self.memory_gb_s)


# CPUs up to which computing gets faster; scalings that are not listed gain from every one.
_CPUS_THAT_HELP: Mapping[str, float] = {"const": 1, "linear3": 3, "exp": 4, "linear7": 7}

_KILLED: Mapping[str, Cause] = {"OOM": Cause.OOM, "timeout": Cause.TIMEOUT}


def simulated_ticks(result: RunResult, params: Params) -> int:
    """Ticks that were simulated: all, or those before a fault."""
    return params.max_ticks if result.fault is None else result.fault.tick


def account(trace: Trace, params: Params, result: RunResult, compat: Compat = "thekla") -> dict[Cause, Amount]:
    """The capacity of all pools over the time that was simulated, by cause; the causes sum to it.

    Where memory may be promised twice, a container counts with what it uses, evenly over its life, so that none is
    over-allocated.
    """
    ticks = simulated_ticks(result, params)
    spent = dict.fromkeys(Cause, Amount())
    changes: dict[int, tuple[float, float, int]] = {
        0: (params.num_pools * params.cpus_per_pool, params.num_pools * params.ram_gb_per_pool, 0)
    }
    works = {
        (pipeline.id, operator.name): operator.work for pipeline in trace.pipelines for operator in pipeline.operators
    }
    lives = list(result.containers)
    for life in lives:
        last = min(ticks - 1, ticks if life.freed is None else life.freed)
        if last < life.start:
            continue
        held = _container(life, works, params, compat, last)
        for cause, amount in held.items():
            spent[cause] += amount
        ram_gb = life.ram_gb
        if params.allow_memory_overcommit:
            ram_gb = sum(amount.memory_gb_s for amount in held.values()) / (last + 1 - life.start)
        _change(changes, life.start, last + 1, -life.cpu, -ram_gb, 0)
    for first, after in _waits(trace, params, result, lives, ticks):
        _change(changes, first, after, 0, 0, 1)
    for cause, amount in _free(changes, ticks):
        spent[cause] += amount
    return {cause: amount.times(1.0 / params.ticks_per_second) for cause, amount in spent.items()}


def _change(
    changes: dict[int, tuple[float, float, int]], first: int, after: int, cpus: float, memory_gb: float, waiting: int
) -> None:
    for tick, sign in ((first, 1), (after, -1)):
        before = changes.get(tick, (0.0, 0.0, 0))
        changes[tick] = (before[0] + sign * cpus, before[1] + sign * memory_gb, before[2] + sign * waiting)


def _free(changes: Mapping[int, tuple[float, float, int]], ticks: int) -> Iterator[tuple[Cause, Amount]]:
    """What was free between any two changes, in ticks, and whether something waited for it."""
    cpus = memory_gb = 0.0
    waiting = 0
    instants = sorted(changes)
    for tick, after in zip(instants, [*instants[1:], ticks], strict=True):
        cpus, memory_gb = cpus + changes[tick][0], memory_gb + changes[tick][1]
        waiting += changes[tick][2]
        length = max(0, min(after, ticks) - tick)
        yield (Cause.QUEUED if waiting else Cause.IDLE), Amount(cpu_s=cpus, memory_gb_s=memory_gb).times(length)


def _container(
    life: ContainerLife, works: Mapping[tuple[str, str], Work], params: Params, compat: Compat, last: int
) -> dict[Cause, Amount]:
    """What one container held up to a tick, by cause, in ticks."""
    size = Amount(cpu_s=life.cpu, memory_gb_s=life.ram_gb)
    spent: dict[Cause, Amount] = {}
    for run in life.operators:
        if run.start is None or run.start > last:
            continue
        end = last if run.end is None else min(run.end, last)
        ticks = end + 1 - run.start
        useful = _used(works[run.pipeline_id, run.operator], life.cpu, ticks, params, compat)
        held = size.times(ticks)
        if params.allow_memory_overcommit:
            held = Amount(cpu_s=held.cpu_s, memory_gb_s=useful.memory_gb_s)
        if not run.completed and life.end_kind in _KILLED:
            parts = {_KILLED[life.end_kind]: held}
        else:
            parts = {Cause.USEFUL: useful, Cause.OVER_ALLOCATED: held - useful}
        for cause, amount in parts.items():
            spent[cause] = spent.get(cause, Amount()) + amount
    if life.end_kind == "suspended" and life.end is not None:
        written = size.times(max(0, last - life.end))
        if params.allow_memory_overcommit:
            written = Amount(cpu_s=written.cpu_s)
        spent[Cause.SUSPENDED] = written
    return spent


def _used(work: Work, cpus: float, ticks: int, params: Params, compat: Compat) -> Amount:
    """CPUs that helped an operator and memory that it held in the first ticks of its run, in ticks."""
    tick_s = 1.0 / params.ticks_per_second
    cpu_ticks = gb_ticks = 0.0
    left = ticks
    for segment in work.segments:
        scan_ticks, total = segment_ticks(segment, tick_s, cpus, compat)
        scanned = min(left, scan_ticks, total)
        computed = min(left, total) - scanned
        cpu_ticks += scanned * min(cpus, 1.0) + computed * min(cpus, _CPUS_THAT_HELP.get(segment.cpu_scaling, cpus))
        gb_ticks += computed * segment.held_memory_gb
        if segment.memory_gb is None:
            gb_ticks += tick_s * SCAN_GB_PER_SECOND * scanned * (scanned + 1) / 2
        else:
            gb_ticks += scanned * segment.memory_gb
        left -= scanned + computed
    return Amount(cpu_s=cpu_ticks, memory_gb_s=gb_ticks)


def _waits(
    trace: Trace, params: Params, result: RunResult, lives: Sequence[ContainerLife], ticks: int
) -> Iterator[tuple[int, int]]:
    """Spans of ticks in which an operator could have started and did not, as (first, after the last)."""
    held: dict[tuple[str, str], list[tuple[int, int]]] = {}
    completed: dict[tuple[str, str], int] = {}
    for life in lives:
        for run in life.operators:
            key = (run.pipeline_id, run.operator)
            if run.completed and run.end is not None:
                completed[key] = run.end
            released = ticks if life.freed is None else life.freed + 1
            held.setdefault(key, []).append((life.start, released))
    specs = {pipeline.id: pipeline for pipeline in trace.pipelines}
    for id, arrival, _ in result.pipelines:
        pipeline = specs[id]
        limit = min(ticks, arrival + params.max_job_ticks) if params.max_job_ticks else ticks
        for operator in pipeline.operators:
            parents = [(id, pipeline.operators[parent].name) for parent in operator.parents]
            if not all(parent in completed for parent in parents):
                continue
            at = max([arrival, *(completed[parent] + 1 for parent in parents)])
            for start, released in [*held.get((id, operator.name), ()), (limit, limit)]:
                if at < min(start, limit):
                    yield at, min(start, limit)
                at = max(at, released)
                if (id, operator.name) in completed and start <= completed[id, operator.name] < released:
                    break
