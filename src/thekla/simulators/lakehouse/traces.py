"""Traces as comma-separated text, in the format of Eudoxia's `gentrace` with two more columns.

One row is one segment of an operator and the rows of a pipeline are adjacent. Arrival, priority and tenant stand on the
first row of a pipeline only; parents are names of operators above, separated by `;`; an empty memory grows with the
scan. The columns `tenant` and `segment` may be missing: a trace that needs neither is written without them, byte for
byte as the original does. Where there are several segments, the first row of an operator has segment 1 (or nothing),
and the rows that follow with the same operator have 2, 3 and so on, without parents.
"""

import csv
import io
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple, Never

from .checking import suggestion
from .workload import CPU_SCALINGS, OperatorSpec, PipelineSpec, PriorityClass, Segment, Trace, Work

__all__ = ["OPTIONAL_COLUMNS", "TRACE_COLUMNS", "TraceFormatError", "load_trace", "read_trace", "write_trace"]

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
"""Columns of every trace."""

OPTIONAL_COLUMNS = ("tenant", "segment")
"""Columns of traces with tenants, or with operators of several segments."""


class TraceFormatError(ValueError):
    """A text is not a trace; the message says where, what was found, what was expected and what to do.

    Args:
        line: The line of the text, counted from 1, or None where the whole is wrong.
    """

    def __init__(self, message: str, *, name: str = "trace", line: int | None = None) -> None:
        super().__init__(f"{name}: {message}" if line is None else f"{name}, line {line}: {message}")
        self.line = line


def load_trace(path: Path, *, any_order: bool = False) -> Trace:
    """The trace that a file holds, named after the file; see `read_trace`.

    Raises:
        TraceFormatError: The file is not UTF-8, or its text breaks the format; the message names the file and line.
        OSError: The file cannot be read.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TraceFormatError(
            f"byte {error.start} is not UTF-8; save the file as comma-separated text in UTF-8", name=str(path)
        ) from error
    trace = read_trace(text, name=str(path), any_order=any_order)
    return Trace(name=path.stem, pipelines=trace.pipelines)


def read_trace(text: str, *, name: str = "trace", any_order: bool = False) -> Trace:
    """The trace that a comma-separated text holds; columns may stand in any order.

    Args:
        any_order: Accept negative arrivals and pipelines listed out of their order in time, which Eudoxia accepts as
            well and delivers late.

    Raises:
        TraceFormatError: The header or a row breaks the format.
    """
    return Trace(name=name, pipelines=tuple(_Reader(text, name, any_order).pipelines()))


class _Row(NamedTuple):
    line: int
    cells: Mapping[str, str]


class _Reader:
    """One pass over one text."""

    def __init__(self, text: str, name: str, any_order: bool) -> None:
        self._text = text
        self._name = name
        self._any_order = any_order
        # Equal operators share one work, which the simulation's tables are keyed by.
        self._works: dict[tuple[str, ...], Work] = {}

    def pipelines(self) -> Iterator[PipelineSpec]:
        seen: dict[str, int] = {}
        latest = -math.inf if self._any_order else 0.0
        for id, rows in groupby(self._rows(), key=lambda row: row.cells["pipeline_id"]):
            first, *others = rows
            if id in seen:
                self._refuse(
                    first.line,
                    f"pipeline id {id!r} appears twice, first on line {seen[id]}; keep the rows of a pipeline "
                    "together, or give each pipeline its own id",
                )
            seen[id] = first.line
            pipeline = self._pipeline(id, first, others)
            if not self._any_order and pipeline.arrival_seconds < latest:
                limit = f"{latest!r} or later, as the one above" if latest > 0 else "not negative"
                self._refuse(
                    first.line,
                    f"pipeline {id!r} arrives at {pipeline.arrival_seconds!r} s, which is to be {limit}; sort the "
                    "pipelines by arrival_seconds and count from the start of the trace",
                )
            latest = max(latest, pipeline.arrival_seconds)
            yield pipeline
        if not seen:
            self._refuse(None, "there is a header and no pipeline; add a row for each operator")

    def _refuse(self, line: int | None, message: str) -> Never:
        raise TraceFormatError(message, name=self._name, line=line)

    def _rows(self) -> Iterator[_Row]:
        reader = csv.reader(io.StringIO(self._text, newline=""), strict=True)
        try:
            header = next(reader, None)
            if header is None:
                self._refuse(None, f"the file is empty; expected the header {','.join(TRACE_COLUMNS)}")
            self._check_header(header)
            for row in reader:
                if not row:
                    continue
                if len(row) != len(header):
                    cut = len(row) < len(header) and self._text.count("\n") < reader.line_num
                    remedy = "the file seems to be cut off here: write it again" if cut else "give one per column"
                    self._refuse(reader.line_num, f"the row has {len(row)} fields of {len(header)}; {remedy}")
                yield _Row(reader.line_num, dict(zip(header, row, strict=True)))
        except csv.Error as error:
            self._refuse(reader.line_num, f"{error}; close every quoted field and write the file as plain text")

    def _check_header(self, header: Sequence[str]) -> None:
        known = (*TRACE_COLUMNS, *OPTIONAL_COLUMNS)
        for column in header:
            if column not in known:
                self._refuse(1, f"unknown column {column!r}; {suggestion(column, known)}")
            if header.count(column) > 1:
                self._refuse(1, f"column {column!r} appears twice; keep one of the two")
        missing = [column for column in TRACE_COLUMNS if column not in header]
        if missing:
            self._refuse(1, f"the header lacks {', '.join(missing)}; expected {','.join(TRACE_COLUMNS)}")

    def _pipeline(self, id: str, first: _Row, others: Sequence[_Row]) -> PipelineSpec:
        for row in others:
            for column in ("arrival_seconds", "priority", "tenant"):
                if row.cells.get(column):
                    self._refuse(
                        row.line,
                        f"the row repeats {column} {row.cells[column]!r} of pipeline {id!r}; leave it empty after the "
                        "pipeline's first row",
                    )
        grouped = [list(rows) for _, rows in groupby([first, *others], key=lambda row: row.cells["operator_id"])]
        lines: dict[str, int] = {}
        for rows in grouped:
            operator = rows[0].cells["operator_id"]
            if operator in lines:
                self._refuse(
                    rows[0].line,
                    f"operator {operator!r} appears twice in pipeline {id!r}, first on line {lines[operator]}; keep "
                    "its segments together, or give each operator its own name",
                )
            lines[operator] = rows[0].line
        self._check_parents(id, grouped, lines)
        positions = {operator: position for position, operator in enumerate(lines)}
        return PipelineSpec(
            id=id,
            arrival_seconds=self._number(first, "arrival_seconds", least=-math.inf),
            priority=self._priority(first),
            operators=tuple(
                OperatorSpec(
                    name=rows[0].cells["operator_id"],
                    parents=tuple(positions[parent] for parent in _parents(rows[0])),
                    work=self._work(rows),
                )
                for rows in grouped
            ),
            tenant=first.cells.get("tenant", ""),
        )

    def _check_parents(self, id: str, grouped: Sequence[Sequence[_Row]], lines: Mapping[str, int]) -> None:
        """Refuses parents that do not stand above their child, and tells why they do not."""
        parents = {rows[0].cells["operator_id"]: _parents(rows[0]) for rows in grouped}
        for operator, of in parents.items():
            for parent in of:
                if parent not in lines:
                    others = [name for name in lines if name != operator]
                    hint = suggestion(parent, others) if others else "leave it empty: there is no other operator"
                    self._refuse(
                        lines[operator], f"parent {parent!r} of {operator!r} is not in pipeline {id!r}; {hint}"
                    )
        for operator, of in parents.items():
            for parent in of:
                if lines[parent] >= lines[operator]:
                    cycle = _cycle(parents, operator)
                    self._refuse(
                        lines[operator],
                        f"operators of pipeline {id!r} wait for each other in a cycle, {' -> '.join(cycle)}; drop one "
                        "of these parents"
                        if cycle
                        else f"parent {parent!r} of {operator!r} stands below it, on line {lines[parent]}; list "
                        "parents first",
                    )

    def _work(self, rows: Sequence[_Row]) -> Work:
        columns = ("baseline_cpu_seconds", "cpu_scaling", "memory_gb", "storage_read_gb")
        key = tuple(row.cells[column] for row in rows for column in columns)
        for number, row in enumerate(rows, start=1):
            told = row.cells.get("segment", "")
            if told != str(number) and not (number == 1 and not told):
                self._refuse(
                    row.line,
                    f"segment {told!r} of operator {row.cells['operator_id']!r} stands where {number} is expected; "
                    "number the rows of an operator 1, 2, 3 in column segment, or give each operator its own name "
                    "(it appears twice)",
                )
            if number > 1 and row.cells["parents"]:
                self._refuse(row.line, "a further segment has parents; name them on the operator's first row only")
        if key not in self._works:
            first, *later = [self._segment(row) for row in rows]
            self._works[key] = Work(
                cpu_seconds=first.cpu_seconds,
                cpu_scaling=first.cpu_scaling,
                storage_read_gb=first.storage_read_gb,
                memory_gb=first.memory_gb,
                later=tuple(later),
            )
        return self._works[key]

    def _segment(self, row: _Row) -> Segment:
        scaling = row.cells["cpu_scaling"]
        if scaling not in CPU_SCALINGS:
            self._refuse(row.line, f"cpu_scaling is {scaling!r}; {suggestion(scaling, CPU_SCALINGS)}")
        return Segment(
            cpu_seconds=self._number(row, "baseline_cpu_seconds"),
            cpu_scaling=scaling,
            storage_read_gb=self._number(row, "storage_read_gb"),
            memory_gb=self._number(row, "memory_gb") if row.cells["memory_gb"] else None,
        )

    def _number(self, row: _Row, column: str, *, least: float = 0.0) -> float:
        text = row.cells[column]
        try:
            number = float(text)
        except ValueError:
            self._refuse(row.line, f"{column} is {text!r}; expected a number")
        if not math.isfinite(number) or number < least:
            expected = "a finite number" if least == -math.inf else f"a finite number >= {least:g}"
            self._refuse(row.line, f"{column} is {text!r}; expected {expected}")
        return number

    def _priority(self, row: _Row) -> PriorityClass:
        text = row.cells["priority"]
        if text not in PriorityClass.__members__:
            names = ", ".join(PriorityClass.__members__)
            self._refuse(row.line, f"priority is {text!r}; expected one of {names} on the first row of a pipeline")
        return PriorityClass[text]


def _parents(row: _Row) -> list[str]:
    return [parent for parent in row.cells["parents"].split(";") if parent]


def _cycle(parents: Mapping[str, Sequence[str]], start: str) -> list[str]:
    """A path along parents from an operator back to itself, or nothing."""
    paths = [[start]]
    seen = set()
    for path in paths:
        for parent in parents[path[-1]]:
            if parent == start:
                return [*path, start]
            if parent not in seen:
                seen.add(parent)
                paths.append([*path, parent])
    return []


def write_trace(trace: Trace) -> str:
    """The comma-separated text of a trace; `read_trace` of it gives the same pipelines."""
    tenants = any(pipeline.tenant for pipeline in trace.pipelines)
    segments = any(operator.work.later for pipeline in trace.pipelines for operator in pipeline.operators)
    optional = [column for column, there in zip(OPTIONAL_COLUMNS, (tenants, segments), strict=True) if there]
    join = _joiner()
    lines = [join((*TRACE_COLUMNS, *optional))]
    # By identity: pipelines of a generator share their operators, and the trace keeps these alive meanwhile.
    rests: dict[tuple[int, str], list[str]] = {}
    for pipeline in trace.pipelines:
        key = id(pipeline.operators), pipeline.tenant
        if key not in rests:
            rests[key] = _rests(pipeline, optional, join)
        first = join((pipeline.id, repr(pipeline.arrival_seconds), pipeline.priority.name))
        further = join((pipeline.id, "", ""))
        lines.append(f"{first}," + f"\n{further},".join(rests[key]))
    return "\n".join(lines) + "\n"


def _rests(pipeline: PipelineSpec, optional: Sequence[str], join: Callable[[Iterable[str]], str]) -> list[str]:
    """The rows of a pipeline from the column `operator_id` on, which do not tell one pipeline from another."""
    names = [operator.name for operator in pipeline.operators]
    rows = []
    tenant = pipeline.tenant
    for operator in pipeline.operators:
        parents = ";".join(names[parent] for parent in operator.parents)
        for number, segment in enumerate(operator.work.segments, start=1):
            memory_gb = "" if segment.memory_gb is None else _text(segment.memory_gb)
            needs = (_text(segment.cpu_seconds), segment.cpu_scaling, memory_gb, _text(segment.storage_read_gb))
            more = {"tenant": tenant, "segment": str(number)}
            rows.append(join((operator.name, parents, *needs, *(more[column] for column in optional))))
            parents = tenant = ""
    return rows


class _Echo:
    """A file that answers with what is written to it."""

    def write(self, text: str) -> str:
        return text


def _joiner() -> Callable[[Iterable[str]], str]:
    """A function from fields to comma-separated text, quoted where they need it, without the end of the line."""
    writer = csv.writer(_Echo(), lineterminator="\n")

    def join(fields: Iterable[str]) -> str:
        text: str = writer.writerow(fields)
        return text[:-1]

    return join


def _text(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
