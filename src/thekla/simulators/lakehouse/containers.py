"""The running side of the truth: operators with a state, pipelines that wait, containers that live."""

import math
from enum import IntEnum

from .answers import AssignmentOrder
from .workload import CPU_SCALINGS, SCAN_GB_PER_SECOND, OperatorSpec, PipelineSpec, Segment

__all__ = ["Container", "Due", "Job", "Life", "LifeTable", "OperatorStatus", "State"]

Life = tuple[int, int, int]
"""(ticks of scanning, ticks in all, tick in which memory first exceeds the container or -1), counted from its start."""


class State(IntEnum):
    """Where an operator is in its life."""

    PENDING = 0
    ASSIGNED = 1
    RUNNING = 2
    SUSPENDING = 3
    COMPLETED = 4
    FAILED = 5


class Due(IntEnum):
    """What happens next to a container."""

    START = 0
    END = 1
    OOM = 2
    NEXT = 3  # another segment of the operator that runs


class LifeTable:
    """How long one kind of segment takes and whether it outgrows its container, by the container's size.

    With `corrected`, a segment takes at least a tick, no CPU time is negative, and rounding never lifts the memory
    of a scan above the size of what is scanned.
    """

    __slots__ = ("_corrected", "_lives", "_tick_length", "grows", "held_gb", "segment")

    def __init__(self, segment: Segment, tick_length: float, *, corrected: bool = False) -> None:
        self.segment = segment
        self.held_gb = segment.held_memory_gb
        self.grows = segment.memory_gb is None
        self._tick_length = tick_length
        self._corrected = corrected
        self._lives: dict[tuple[float, float], Life] = {}

    def life(self, cpus: float, ram_gb: float) -> Life:
        """The life of this segment in a container of that size."""
        key = (cpus, ram_gb)
        life = self._lives.get(key)
        if life is None:
            life = self._lives[key] = self._compute(cpus, ram_gb)
        return life

    def memory_gb(self, index: int, scan_ticks: int) -> float:
        """Memory in tick `index` of the segment's life, in GB."""
        if index >= scan_ticks or self.segment.memory_gb is not None:
            return self.held_gb
        # As written in the original: the float product decides whether a container that just fits is killed.
        scanned = ((index + 1) * self._tick_length) * SCAN_GB_PER_SECOND
        return min(scanned, self.held_gb) if self._corrected else scanned

    def _compute(self, cpus: float, ram_gb: float) -> Life:
        segment, tick = self.segment, self._tick_length
        scan_ticks = int((segment.storage_read_gb / SCAN_GB_PER_SECOND) / tick)
        # Above the largest float the segment never ends within any simulation.
        if self._corrected and segment.cpu_scaling == "log" and cpus < 1:
            # The published curve turns infinite and then negative here; continued as one CPU that is shared.
            cpu_seconds = segment.cpu_seconds / cpus
        else:
            cpu_seconds = CPU_SCALINGS[segment.cpu_scaling](segment.cpu_seconds, cpus)
        cpu_ticks = int(min(cpu_seconds / tick, 1e15)) if not math.isnan(cpu_seconds) else 0
        total = scan_ticks + cpu_ticks
        if self._corrected:
            total = max(1, total)
        return scan_ticks, total, self._first_excess(ram_gb, scan_ticks, total)

    def _first_excess(self, ram_gb: float, scan_ticks: int, total: int) -> int:
        """The first tick whose memory exceeds the container, or -1."""
        if self.segment.memory_gb is not None:
            return 0 if total > 0 and self.segment.memory_gb > ram_gb else -1
        growing = min(scan_ticks, total)
        # The closed form may be off by one in floats; memory never falls while scanning, so its neighbours settle it.
        guess = min(growing, max(0, int(ram_gb / SCAN_GB_PER_SECOND / self._tick_length) - 2))
        while guess < growing and self.memory_gb(guess, scan_ticks) <= ram_gb:
            guess += 1
        while 0 < guess <= growing and self.memory_gb(guess - 1, scan_ticks) > ram_gb:
            guess -= 1
        if guess < growing:
            return guess
        return scan_ticks if total > scan_ticks and self.segment.held_memory_gb > ram_gb else -1


class OperatorStatus:
    """An operator that has arrived; one table per segment."""

    __slots__ = ("before", "job", "parents", "spec", "state", "tables")

    def __init__(
        self, job: "Job", spec: OperatorSpec, parents: list["OperatorStatus"], tables: tuple[LifeTable, ...]
    ) -> None:
        self.job = job
        self.spec = spec
        self.parents = parents
        self.tables = tables
        self.state = self.before = State.PENDING

    def reserve(self) -> None:
        """Moves it to ASSIGNED."""
        self.before, self.state = self.state, State.ASSIGNED

    def release(self) -> None:
        """Undoes `reserve`."""
        self.state = self.before


class Job:
    """A pipeline that has arrived; `first` is the number of its first operator."""

    __slots__ = ("arrival", "counted_out", "finish", "first", "number", "remaining", "spec")

    def __init__(self, number: int, spec: PipelineSpec, arrival: int) -> None:
        self.number = number
        self.spec = spec
        self.arrival = arrival
        self.first = 0
        self.remaining = len(spec.operators)
        self.finish: int | None = None
        self.counted_out = False


class Container:
    """Operators that run one after the other on a share of a pool.

    `position` is the operator that runs or starts next, `segment` the part of it; `done` counts completed operators.
    It differs from `position` only after operators that took no tick, which the original has `passed` over without
    completing them. `timeline` holds the started segments as (tick of the start, their table, ticks of scanning,
    position). `end` is the last tick in which it ran, `freed` that in which its resources came back. `line`
    is that of the program that asked for it, or 0.
    """

    __slots__ = (
        "cpu",
        "done",
        "due",
        "due_tick",
        "end",
        "error",
        "freed",
        "line",
        "number",
        "operators",
        "passed",
        "pool",
        "position",
        "priority",
        "ram_gb",
        "segment",
        "start",
        "suspended",
        "timeline",
    )

    def __init__(
        self, number: int, operators: list[OperatorStatus], order: AssignmentOrder, *, pool: int, start: int
    ) -> None:
        self.number = number
        self.operators = operators
        self.cpu = order.cpu
        self.ram_gb = order.ram_gb
        self.priority = order.priority
        self.line = order.line
        self.pool = pool
        self.start = start
        self.end: int | None = None
        self.freed: int | None = None
        self.suspended = False
        self.passed: list[int] = []
        self.position = 0
        self.segment = 0
        self.done = 0
        self.timeline: list[tuple[int, LifeTable, int, int]] = []
        self.due = Due.START
        self.due_tick = start
        self.error: str | None = None

    def memory_gb(self, tick: int) -> float:
        """Memory held in a tick that the container has lived, or will live if nothing happens to it before, in GB."""
        timeline = self.timeline
        if timeline and timeline[-1][0] <= tick:  # nearly always
            start, table, scan_ticks, _ = timeline[-1]
            return table.held_gb if tick - start >= scan_ticks else table.memory_gb(tick - start, scan_ticks)
        for start, table, scan_ticks, _ in reversed(timeline):
            if start <= tick:
                return table.memory_gb(tick - start, scan_ticks)
        return 0.0
