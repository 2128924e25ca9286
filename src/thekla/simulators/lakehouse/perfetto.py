"""A simulation as an event log in Chrome's trace format, which Perfetto's viewer and `chrome://tracing` open.

Every pool is a process whose threads are lanes of containers; a container is a slice, and the operators that ran in it
are slices inside it. Pipelines are asynchronous slices of a process of their own, from arrival to completion, and
memory is a counter per pool. Times are microseconds of simulated time.

References:
    Trace Event Format (Chromium, "Trace Event Format" document): complete events `X`, counters `C`, nestable
    asynchronous events `b` and `e`, instants `i`, metadata `M`.
"""

from collections.abc import Iterator

from .lives import ContainerLife
from .occupancy import held_memory, lanes, last_tick
from .params import Params
from .record import Plain
from .results import RunResult
from .workload import Trace

__all__ = ["perfetto_trace"]

_PIPELINES = 1  # process id; pool n is process n + 2
_SAMPLES = 2_000  # of a pool's memory over the simulation, at most


def perfetto_trace(result: RunResult, trace: Trace, params: Params) -> dict[str, Plain]:
    """The event log, ready to be written as JSON."""
    events: list[Plain] = [_named("process_name", _PIPELINES, 0, "pipelines")]
    events += _pipelines(result, trace, params)
    for number in range(params.num_pools):
        lives = [life for life in result.containers if life.pool == number]
        events += _pool(number, lives, params)
    return {"displayTimeUnit": "ms", "traceEvents": events, "otherData": {"trace": trace.name}}


def _pipelines(result: RunResult, trace: Trace, params: Params) -> Iterator[Plain]:
    classes = {pipeline.id: pipeline for pipeline in trace.pipelines}
    for name, arrival, finish in result.pipelines:
        spec = classes[name]
        common: dict[str, Plain] = {"name": name, "cat": spec.priority.name, "id": name, "pid": _PIPELINES, "tid": 0}
        end = params.max_ticks if finish is None else finish + 1
        about: dict[str, Plain] = {"operators": len(spec.operators), "completed": finish is not None}
        yield {**common, "ph": "b", "ts": _microseconds(arrival, params), "args": about}
        yield {**common, "ph": "e", "ts": _microseconds(end, params)}


def _pool(number: int, lives: list[ContainerLife], params: Params) -> Iterator[Plain]:
    process = number + 2
    yield _named("process_name", process, 0, f"pool {number}")
    placed = lanes(lives, params.max_ticks)
    for lane in range(max(placed, default=-1) + 1):
        yield _named("thread_name", process, lane + 1, f"lane {lane + 1}")
    for life, lane in zip(lives, placed, strict=True):
        yield from _container(life, process, lane + 1, params)
    step = max(1, params.max_ticks // _SAMPLES)
    for held in held_memory(lives, range(0, params.max_ticks, step), params.max_ticks):
        used: dict[str, Plain] = {"given": held.given_gb, "used": held.used_gb}
        yield {
            "name": "memory GB",
            "ph": "C",
            "ts": _microseconds(held.tick, params),
            "pid": process,
            "tid": 0,
            "args": used,
        }


def _container(life: ContainerLife, process: int, thread: int, params: Params) -> Iterator[Plain]:
    place: dict[str, Plain] = {"pid": process, "tid": thread}
    last = last_tick(life, params.max_ticks)
    about: dict[str, Plain] = {"cpu": life.cpu, "ram_gb": life.ram_gb, "end": life.end_kind}
    yield {**place, **_slice(life.id, life.priority.name, life.start, last, params), "args": about}
    for run in life.operators:
        if run.start is not None:
            end = last if run.end is None else min(run.end, last)
            about = {"completed": run.completed}
            name = f"{run.pipeline_id}/{run.operator}"
            yield {**place, **_slice(name, "operator", run.start, end, params), "args": about}
    if life.end_kind in ("OOM", "timeout"):
        moment = _microseconds(last + 1, params)
        yield {**place, "name": life.end_kind, "cat": "failure", "ph": "i", "s": "t", "ts": moment}


def _slice(name: str, category: str, first: int, last: int, params: Params) -> dict[str, Plain]:
    start, end = _microseconds(first, params), _microseconds(last + 1, params)
    return {"name": name, "cat": category, "ph": "X", "ts": start, "dur": end - start}


def _named(what: str, process: int, thread: int, name: str) -> dict[str, Plain]:
    return {"name": what, "ph": "M", "pid": process, "tid": thread, "args": {"name": name}}


def _microseconds(tick: int, params: Params) -> int:
    return round(tick * 1_000_000 / params.ticks_per_second)
