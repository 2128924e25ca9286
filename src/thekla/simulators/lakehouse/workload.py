"""What a lakehouse is asked to run: operators with their true needs, pipelines, traces.

Everything here is the hidden truth. A scheduler sees `thekla.simulators.lakehouse.views` instead.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType

__all__ = [
    "CPU_SCALINGS",
    "SCAN_GB_PER_SECOND",
    "OperatorSpec",
    "PipelineSpec",
    "PriorityClass",
    "Segment",
    "Trace",
    "Work",
    "visiting_order",
]

SCAN_GB_PER_SECOND = 20
"""Rate at which every operator reads its input, in GB/s, whatever its CPUs."""


class PriorityClass(IntEnum):
    """The three classes of pipelines, most urgent first."""

    QUERY = 1
    INTERACTIVE = 2
    BATCH_PIPELINE = 3


def _linear(limit: float) -> Callable[[float, float], float]:
    return lambda base, cpus: base / cpus if cpus < limit else base / limit


CPU_SCALINGS: Mapping[str, Callable[[float, float], float]] = MappingProxyType(
    {
        "const": lambda base, cpus: base,
        "linear3": _linear(3),
        "linear7": _linear(7),
        # Below 1/e CPUs the denominator is negative, and so is the time: kept, because the original keeps it.
        "log": lambda base, cpus: base / (math.log(cpus) + 1) if math.log(cpus) != -1 else math.inf,
        "sqrt": lambda base, cpus: base / math.sqrt(cpus),
        "squared": lambda base, cpus: base / cpus**2,
        "exp": lambda base, cpus: base / 2**cpus if cpus < 4 else base / 16,
    }
)
"""CPU seconds of an operator as a function of (seconds on one CPU, CPUs), by name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """A scan of some input and the computing that follows it.

    Args:
        cpu_seconds: CPU time on one CPU, in seconds, >= 0.
        cpu_scaling: How that time falls with CPUs, a key of `CPU_SCALINGS`.
        storage_read_gb: Input scanned before the CPU phase, in GB, >= 0.
        memory_gb: Memory held from start to end, in GB; None means that it grows with the scan up to its size.

    Raises:
        ValueError: A size is negative or not finite, or the scaling is unknown.
    """

    cpu_seconds: float
    cpu_scaling: str
    storage_read_gb: float
    memory_gb: float | None = None

    def __post_init__(self) -> None:
        if self.cpu_scaling not in CPU_SCALINGS:
            raise ValueError(f"cpu_scaling is {self.cpu_scaling!r}; use one of {', '.join(CPU_SCALINGS)}")
        for name in ("cpu_seconds", "storage_read_gb", "memory_gb"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} is {value!r}; give a finite number >= 0")

    @property
    def held_memory_gb(self) -> float:
        """Memory held in the CPU phase, in GB."""
        return self.storage_read_gb if self.memory_gb is None else self.memory_gb


@dataclass(frozen=True, kw_only=True, slots=True)
class Work(Segment):
    """What an operator truly needs: its first segment, and those that it runs `later`, in order.

    A killed operator starts again with its first segment.
    """

    later: tuple[Segment, ...] = ()

    @property
    def segments(self) -> tuple[Segment, ...]:
        """All segments, in the order in which they run."""
        return (self, *self.later)

    @property
    def peak_memory_gb(self) -> float:
        """Memory with which the operator never runs out of it, in GB."""
        return max(segment.held_memory_gb for segment in self.segments)


@dataclass(frozen=True, kw_only=True, slots=True)
class OperatorSpec:
    """One node of a pipeline: its name, the positions of its parents in the pipeline, its work."""

    name: str
    parents: tuple[int, ...]
    work: Work


@dataclass(frozen=True, kw_only=True, slots=True)
class PipelineSpec:
    """A directed acyclic graph of operators that arrives at once.

    Operators are listed parents first. `arrival_seconds` is counted from the start of the trace. `tenant` names who
    sent it; a scheduler is not told.

    Raises:
        ValueError: There is no operator, an operator names a parent that is not listed before it, or the arrival is
            not finite.
    """

    id: str
    arrival_seconds: float
    priority: PriorityClass
    operators: tuple[OperatorSpec, ...]
    tenant: str = ""

    def __post_init__(self) -> None:
        if not self.operators:
            raise ValueError(f"pipeline {self.id!r} has no operator; give it at least one")
        if not math.isfinite(self.arrival_seconds):
            raise ValueError(f"pipeline {self.id!r} arrives at {self.arrival_seconds!r}; give finite seconds")
        for position, operator in enumerate(self.operators):
            for parent in operator.parents:
                if not 0 <= parent < position:
                    raise ValueError(
                        f"operator {operator.name!r} of pipeline {self.id!r} has parent {parent}; "
                        f"give positions of earlier operators, 0 to {position - 1}"
                    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Trace:
    """Pipelines in order of delivery.

    Raises:
        ValueError: Two pipelines share an id.
    """

    name: str
    pipelines: tuple[PipelineSpec, ...]

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for pipeline in self.pipelines:
            if pipeline.id in seen:
                raise ValueError(f"pipeline id {pipeline.id!r} appears twice in trace {self.name!r}; make ids unique")
            seen.add(pipeline.id)


def visiting_order(parents: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """Positions of operators, given those of their parents, in the order in which a scheduler sees them.

    It is breadth first: the roots, then every child as soon as its last parent has been visited.
    """
    children: list[list[int]] = [[] for _ in parents]
    missing = [len(set(of)) for of in parents]
    for position, of in enumerate(parents):
        for parent in dict.fromkeys(of):
            children[parent].append(position)
    queue = [position for position, count in enumerate(missing) if count == 0]
    for position in queue:
        for child in children[position]:
            missing[child] -= 1
            if missing[child] == 0:
                queue.append(child)
    return tuple(queue)
