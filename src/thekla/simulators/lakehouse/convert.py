"""Workloads from public traces of other systems, as traces of a lakehouse.

Alibaba's cluster trace of 2018 (github.com/alibaba/clusterdata, cluster-trace-v2018), table `batch_task`: nine columns
without a header, one row a task, tasks of a job with a graph in their names.

| column | meaning there | here |
|---|---|---|
| task_name | ``R4_2_3`` is task 4, which waits for 2 and 3; any other name waits for nothing | operator, parents |
| instance_num | instances of the task | nothing: an operator is one of them (see below) |
| job_name | the job | pipeline |
| task_type | a number | tenant, as ``type-N`` |
| status | `Terminated` if it succeeded | other tasks are left out, and their jobs with them |
| start_time, end_time | seconds | duration; the first start of a job is its arrival |
| plan_cpu | CPUs per instance, in hundredths | how computing scales |
| plan_mem | memory per instance, in percent of a machine | memory_gb |

What is assumed, because the trace does not say: a job arrives when its first task starts; a task spends its whole time
computing (nothing is read); it gains from CPUs up to those it planned (`linear7` from five on, `linear3` from two on,
else `const`), so that its duration is that on its planned CPUs; an operator stands for one instance of a task, all of
which run at once there. The trace has no classes: a job of one task of at most `query_s` is a query, one whose longest
path is at most `interactive_s` is interactive, every other is a batch pipeline.
"""

import csv
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from .checking import check_range
from .traces import TraceFormatError
from .workload import CPU_SCALINGS, OperatorSpec, PipelineSpec, PriorityClass, Trace, Work

__all__ = ["AlibabaParams", "alibaba_trace"]

_COLUMNS = 9
_GRAPH_NAME = re.compile(r"[A-Za-z]+(\d+)((?:_\d+)*)(?:_Stg\d+)?")


@dataclass(frozen=True, kw_only=True)
class AlibabaParams:
    """How a table of Alibaba's batch tasks becomes a trace.

    Args:
        machine_gb: Memory of a machine, which `plan_mem` is a percentage of; the trace is normalised and does not say.
        start_s: Second of the trace at which to begin.
        duration_s: Seconds to take from there.
        speed: By how much to hasten arrivals and tasks, > 0; 60 makes minutes of hours.
        query_s: Longest duration of a query, after hastening.
        interactive_s: Longest path of an interactive pipeline, after hastening.

    Raises:
        ValueError: A value is out of its range.
    """

    machine_gb: float = 96.0
    start_s: float = 0.0
    duration_s: float = 86400.0
    speed: float = 1.0
    query_s: float = 10.0
    interactive_s: float = 60.0

    def __post_init__(self) -> None:
        for name in ("machine_gb", "duration_s", "speed"):
            check_range(name, getattr(self, name), above=0.0)
        for name in ("start_s", "query_s", "interactive_s"):
            check_range(name, getattr(self, name), least=0.0)


class _Task(NamedTuple):
    name: str
    kind: str
    start_s: float
    end_s: float
    cpus: float
    memory_percent: float
    succeeded: bool


def alibaba_trace(
    rows: Iterable[str], params: AlibabaParams | None = None, *, name: str = "alibaba-2018"
) -> tuple[Trace, Mapping[str, int]]:
    """The trace of a table `batch_task`, and how many jobs were left out, by reason.

    Reasons are `failed` (a task did not succeed), `graph` (a name waits for a task that is not there, twice for one
    number, or in a cycle) and `outside` (it started before or after the part that was asked for).

    Args:
        rows: Lines of ``batch_task.csv``, such as an open file.

    Raises:
        TraceFormatError: A row does not have nine columns, or a number is none; the message names the line.
    """
    params = params or AlibabaParams()
    jobs: dict[str, list[_Task]] = {}
    reader = csv.reader(rows)
    for row in reader:
        if row:
            job, task = _task(row, name, reader.line_num)
            jobs.setdefault(job, []).append(task)
    left_out = {"failed": 0, "graph": 0, "outside": 0}
    pipelines: list[PipelineSpec] = []
    for job, tasks in jobs.items():
        arrival = (min(task.start_s for task in tasks) - params.start_s) / params.speed
        ordered = _parents_first(tasks)
        if not all(task.succeeded for task in tasks):
            left_out["failed"] += 1
        elif ordered is None:
            left_out["graph"] += 1
        elif not 0 <= arrival < params.duration_s / params.speed:
            left_out["outside"] += 1
        else:
            pipelines.append(_pipeline(job, arrival, ordered, params))
    pipelines.sort(key=lambda each: each.arrival_seconds)
    return Trace(name=name, pipelines=tuple(pipelines)), left_out


def _task(row: Sequence[str], name: str, line: int) -> tuple[str, _Task]:
    if len(row) != _COLUMNS:
        raise TraceFormatError(
            f"the row has {len(row)} columns, a row of batch_task has {_COLUMNS}; give that table, without a header",
            name=name,
            line=line,
        )
    task_name, _, job, kind, status, *numbers = row
    try:
        # What was not planned is left empty there.
        start_s, end_s, cpu, memory = (float(each) if each else 0.0 for each in numbers)
    except ValueError:
        raise TraceFormatError(
            f"start_time, end_time, plan_cpu and plan_mem are {numbers!r}; expected four numbers", name=name, line=line
        ) from None
    if not all(math.isfinite(each) and each >= 0 for each in (start_s, end_s, cpu, memory)):
        raise TraceFormatError(f"{numbers!r} holds no four finite numbers >= 0", name=name, line=line)
    succeeded = status == "Terminated" and end_s >= start_s
    return job, _Task(task_name, kind, start_s, end_s, cpu / 100, memory, succeeded)


def _parents_first(tasks: Sequence[_Task]) -> list[tuple[_Task, tuple[int, ...]]] | None:
    """The tasks with the positions of their parents, each after its parents; None if the names make no graph."""
    numbered: dict[str, int] = {}
    waits: list[list[str]] = []
    for position, task in enumerate(tasks):
        found = _GRAPH_NAME.fullmatch(task.name)
        number = found[1] if found else f"#{position}"
        if number in numbered:
            return None
        numbered[number] = position
        waits.append([each for each in found[2].split("_") if each] if found else [])
    if any(parent not in numbered for of in waits for parent in of):
        return None
    placed: dict[int, int] = {}
    ordered: list[tuple[_Task, tuple[int, ...]]] = []
    while len(ordered) < len(tasks):
        ready = [
            position
            for position in range(len(tasks))
            if position not in placed and all(numbered[parent] in placed for parent in waits[position])
        ]
        if not ready:
            return None
        first = len(placed)
        for position in ready:
            parents = tuple(sorted({placed[numbered[parent]] for parent in waits[position]}))
            ordered.append((tasks[position], parents))
        placed.update((position, first + offset) for offset, position in enumerate(ready))
    return ordered


def _pipeline(
    job: str, arrival_s: float, ordered: Sequence[tuple[_Task, tuple[int, ...]]], params: AlibabaParams
) -> PipelineSpec:
    durations = [(task.end_s - task.start_s) / params.speed for task, _ in ordered]
    ends: list[float] = []
    for duration, (_, parents) in zip(durations, ordered, strict=True):
        ends.append(duration + max((ends[parent] for parent in parents), default=0.0))
    if len(ordered) == 1 and ends[0] <= params.query_s:
        priority = PriorityClass.QUERY
    else:
        priority = PriorityClass.INTERACTIVE if max(ends) <= params.interactive_s else PriorityClass.BATCH_PIPELINE
    return PipelineSpec(
        id=job,
        arrival_seconds=round(arrival_s, 3),
        priority=priority,
        operators=tuple(
            OperatorSpec(name=task.name, parents=parents, work=_work(task, duration, params))
            for duration, (task, parents) in zip(durations, ordered, strict=True)
        ),
        tenant=f"type-{ordered[0][0].kind}",
    )


def _work(task: _Task, duration_s: float, params: AlibabaParams) -> Work:
    scaling = "linear7" if task.cpus >= 5 else "linear3" if task.cpus >= 2 else "const"
    on_planned = CPU_SCALINGS[scaling](1.0, max(task.cpus, 1.0))
    return Work(
        cpu_seconds=round(duration_s / on_planned, 3),
        cpu_scaling=scaling,
        storage_read_gb=0.0,
        memory_gb=round(task.memory_percent / 100 * params.machine_gb, 3),
    )
