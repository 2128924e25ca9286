"""Traces as comma-separated text, in the format of Eudoxia's `gentrace`.

One row is one operator and the rows of a pipeline are adjacent. Arrival and priority stand on the first row only;
parents are names of earlier rows, separated by `;`; an empty memory grows with the scan.
"""

import csv
import io
from collections.abc import Iterator

from .workload import OperatorSpec, PipelineSpec, PriorityClass, Trace, Work

__all__ = ["TRACE_COLUMNS", "TraceFormatError", "read_trace", "write_trace"]

TRACE_COLUMNS = (
    "pipeline_id",
    "arrival_seconds",
    "priority",
    "operator_id",
    "parents",
    "baseline_cpu_seconds",
    "cpu_scaling",
    "memory_gb",
    "storage_read_gb",
)


class TraceFormatError(ValueError):
    """The text is not a trace; the message names the line, what was found and what was expected."""


def read_trace(text: str, *, name: str = "trace") -> Trace:
    """The trace that a comma-separated text holds.

    Raises:
        TraceFormatError: The header or a row breaks the format.
    """
    rows = csv.reader(io.StringIO(text, newline=""))
    header = next(rows, None)
    if header is None or tuple(header) != TRACE_COLUMNS:
        raise TraceFormatError(f"line 1 is {header!r}; expected the header {','.join(TRACE_COLUMNS)}")
    try:
        return Trace(name=name, pipelines=tuple(_read_pipelines(rows)))
    except TraceFormatError:
        raise
    except ValueError as error:
        raise TraceFormatError(f"near line {rows.line_num}: {error}") from error


def _read_pipelines(rows: "Iterator[list[str]]") -> Iterator[PipelineSpec]:
    current: tuple[str, float, PriorityClass] | None = None
    operators: list[OperatorSpec] = []
    positions: dict[str, int] = {}
    works: dict[tuple[str, ...], Work] = {}
    for line, row in enumerate(rows, start=2):
        if not row:
            continue
        if len(row) != len(TRACE_COLUMNS):
            raise TraceFormatError(f"line {line} has {len(row)} fields; expected {len(TRACE_COLUMNS)}")
        pipeline_id, arrival, priority, operator_id, parents, *needs = row
        if current is None or pipeline_id != current[0]:
            if current is not None:
                yield _pipeline(current, operators)
            current = (pipeline_id, _number(arrival, "arrival_seconds", line), _priority(priority, line))
            operators, positions = [], {}
        elif arrival or priority:
            raise TraceFormatError(
                f"line {line} repeats arrival {arrival!r} or priority {priority!r} of pipeline {pipeline_id!r}; "
                "leave both empty after its first row"
            )
        if operator_id in positions:
            raise TraceFormatError(f"line {line}: operator {operator_id!r} appears twice in pipeline {pipeline_id!r}")
        key = tuple(needs)
        if key not in works:
            works[key] = _work(needs, line)
        named = tuple(_position(parent, positions, line) for parent in parents.split(";") if parent)
        operators.append(OperatorSpec(name=operator_id, parents=named, work=works[key]))
        positions[operator_id] = len(positions)
    if current is not None:
        yield _pipeline(current, operators)


def _pipeline(head: tuple[str, float, PriorityClass], operators: list[OperatorSpec]) -> PipelineSpec:
    return PipelineSpec(id=head[0], arrival_seconds=head[1], priority=head[2], operators=tuple(operators))


def _work(needs: list[str], line: int) -> Work:
    cpu_seconds, cpu_scaling, memory_gb, storage_read_gb = needs
    return Work(
        cpu_seconds=_number(cpu_seconds, "baseline_cpu_seconds", line),
        cpu_scaling=cpu_scaling,
        storage_read_gb=_number(storage_read_gb, "storage_read_gb", line),
        memory_gb=_number(memory_gb, "memory_gb", line) if memory_gb else None,
    )


def _number(text: str, column: str, line: int) -> float:
    try:
        return float(text)
    except ValueError:
        raise TraceFormatError(f"line {line}: {column} is {text!r}; expected a number") from None


def _priority(text: str, line: int) -> PriorityClass:
    try:
        return PriorityClass[text]
    except KeyError:
        names = ", ".join(PriorityClass.__members__)
        raise TraceFormatError(f"line {line}: priority is {text!r}; expected one of {names}") from None


def _position(parent: str, positions: dict[str, int], line: int) -> int:
    if parent not in positions:
        raise TraceFormatError(f"line {line}: parent {parent!r} is not an earlier operator of the same pipeline")
    return positions[parent]


def write_trace(trace: Trace) -> str:
    """The comma-separated text of a trace; `read_trace` of it gives the same pipelines."""
    out = io.StringIO(newline="")
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(TRACE_COLUMNS)
    for pipeline in trace.pipelines:
        head = [pipeline.id, repr(pipeline.arrival_seconds), pipeline.priority.name]
        names = [operator.name for operator in pipeline.operators]
        for operator in pipeline.operators:
            work = operator.work
            rows.writerow(
                [
                    *head,
                    operator.name,
                    ";".join(names[parent] for parent in operator.parents),
                    _text(work.cpu_seconds),
                    work.cpu_scaling,
                    "" if work.memory_gb is None else _text(work.memory_gb),
                    _text(work.storage_read_gb),
                ]
            )
            head = [pipeline.id, "", ""]
    return out.getvalue()


def _text(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
