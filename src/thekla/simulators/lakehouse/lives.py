"""The containers of a finished simulation: where and how long each lived, what it ran, how it ended."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal, overload

from .containers import Container
from .workload import PriorityClass

__all__ = ["ContainerLife", "ContainerLives", "EndKind", "OperatorRun"]

EndKind = Literal["completed", "OOM", "timeout", "refused", "suspended", "running"]
"""How a container ended; `running` if the simulation ended first, `refused` if a lenient simulation found that its next
operator may not start."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OperatorRun:
    """One operator in one container.

    Args:
        pipeline_id: Its pipeline.
        operator: Its name in the trace.
        start: The tick in which it started, or None.
        end: The last tick in which it ran, or None if it never started or still ran at the end.
        completed: Whether it came to its end.
    """

    pipeline_id: str
    operator: str
    start: int | None
    end: int | None
    completed: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class ContainerLife:
    """One container from its creation to its end.

    Args:
        id: Its name, ``c1`` for the first that was created.
        pool: The pool it lived in, from 0.
        cpu: CPUs it was given.
        ram_gb: Memory it was given, in GB.
        priority: Class that its assignment named.
        start: The tick in which it was created, and ran first.
        end: The last tick in which it ran, or None if it still ran at the end of the simulation.
        freed: The tick in which its CPUs and memory came back: `end`, or for a suspended container the tick in which
            its suspension ended; None if that did not happen.
        end_kind: How it ended.
        operators: What it was to run, in order.
    """

    id: str
    pool: int
    cpu: float
    ram_gb: float
    priority: PriorityClass
    start: int
    end: int | None
    freed: int | None
    end_kind: EndKind
    operators: tuple[OperatorRun, ...]
    _container: Container = field(repr=False, compare=False)

    def memory_gb(self, tick: int) -> float:
        """Memory that it held in a tick, in GB; 0 before its start and after its end."""
        if tick < self.start or (self.end is not None and tick > self.end):
            return 0.0
        return self._container.memory_gb(tick)

    def memory_course(self, until: int) -> list[tuple[int, float]]:
        """Corners of its memory over time, as (tick, GB): between two of them it grows in a straight line.

        Args:
            until: Where to cut a container that never ended: the length of the simulation in ticks.
        """
        last = until - 1 if self.end is None else self.end
        corners: dict[int, float] = {}
        steps = self._container.timeline
        for (start, table, scan_ticks, _), after in zip(
            steps, [*[step[0] for step in steps[1:]], last + 1], strict=True
        ):
            # The first tick of the phase with a constant size; the one before it ends the scan.
            for tick in (start, start + scan_ticks - 1, start + scan_ticks, after - 1):
                if start <= tick < min(after, last + 1):
                    corners[tick] = table.memory_gb(tick - start, scan_ticks)
        return sorted(corners.items())


class ContainerLives(Sequence[ContainerLife]):
    """Lives in order of creation, each described when it is looked at."""

    __slots__ = ("_containers",)

    def __init__(self, containers: Iterable[Container]) -> None:
        self._containers = tuple(containers)

    def __len__(self) -> int:
        return len(self._containers)

    @overload
    def __getitem__(self, index: int) -> ContainerLife: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[ContainerLife, ...]: ...
    def __getitem__(self, index: int | slice) -> ContainerLife | tuple[ContainerLife, ...]:
        found = self._containers[index]
        return _life(found) if isinstance(found, Container) else tuple(map(_life, found))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ContainerLives) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return f"ContainerLives({list(self)!r})"


def _life(container: Container) -> ContainerLife:
    return ContainerLife(
        id=f"c{container.number}",
        pool=container.pool,
        cpu=container.cpu,
        ram_gb=container.ram_gb,
        priority=PriorityClass(container.priority),
        start=container.start,
        end=container.end,
        freed=container.freed,
        end_kind=_end_kind(container),
        operators=_runs(container),
        _container=container,
    )


_KILLS: dict[str, EndKind] = {"OOM": "OOM", "timeout": "timeout"}


def _end_kind(container: Container) -> EndKind:
    if container.error is not None:
        return _KILLS.get(container.error, "refused")
    if container.end is None:
        return "running"
    return "suspended" if container.suspended else "completed"


def _runs(container: Container) -> tuple[OperatorRun, ...]:
    started: dict[int, int] = {}
    ended: dict[int, int | None] = {}
    for (start, _, _, position), (after, *_) in pairwise(container.timeline):
        started.setdefault(position, start)  # a further segment of it may follow
        ended[position] = after - 1
    if container.timeline:
        start, _, _, position = container.timeline[-1]
        started.setdefault(position, start)
        ended[position] = container.end
        if container.end is None and container.position > position:
            ended[position] = container.due_tick - 1
    return tuple(
        OperatorRun(
            pipeline_id=operator.job.spec.id,
            operator=operator.spec.name,
            start=started.get(position),
            end=ended.get(position),
            completed=position < container.position and position not in container.passed,
        )
        for position, operator in enumerate(container.operators)
    )
