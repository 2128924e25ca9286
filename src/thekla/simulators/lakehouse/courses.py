"""Memory over time in closed form: up to rounding it is piecewise linear until something is due to a container.

A scan grows by a fixed rate until it is full, and everything else holds what it holds. So the tick in which several
containers together pass a limit follows from one walk over the ends of their scans.
"""

from collections.abc import Iterable

from .containers import Container
from .workload import SCAN_GB_PER_SECOND

__all__ = ["Course"]


class Course:
    """What some containers hold together from a tick on, up to rounding.

    Args:
        containers: Containers that have started; none of them falls before its `due_tick`.
        tick: The first tick that is asked for.
    """

    __slots__ = ("_fixed_gb", "_rate_gb", "_scans", "_tick", "last")

    def __init__(self, containers: Iterable[Container], tick: int, tick_length: float) -> None:
        fixed = 0.0
        scans: list[tuple[int, int, float]] = []
        due = None
        for container in containers:
            start, table, scan_ticks, _ = container.timeline[-1]
            if table.grows and tick - start < scan_ticks:
                scans.append((start + scan_ticks, start, table.held_gb))
            else:
                fixed += table.held_gb
            if due is None or container.due_tick < due:
                due = container.due_tick
        self._tick = tick
        self._fixed_gb = fixed
        self._scans = scans
        self._rate_gb = tick_length * SCAN_GB_PER_SECOND
        self.last = tick if due is None else due - 1
        """The last tick before something is due."""

    @property
    def now_gb(self) -> float:
        """What they hold in the first tick."""
        after = self._tick + 1
        return self._fixed_gb + self._rate_gb * sum([after - start for _, start, _ in self._scans])

    def first_above(self, limit_gb: float) -> tuple[int, float] | None:
        """The first tick after the first one, up to `last`, in which they hold more than that, and how much they do."""
        fixed, scans = self._fixed_gb, self._scans
        if fixed + sum([held for _, _, held in scans]) <= limit_gb:
            return None
        scans.sort()
        first, rate = self._tick + 1, self._rate_gb
        growing, starts = len(scans), sum([start for _, start, _ in scans])
        for full, start, held in scans:
            last = min(full - 1, self.last)
            if first <= last:
                missing = (limit_gb - fixed) / rate
                if growing * (last + 1) - starts > missing:
                    first = max(first, _first_above(missing, growing, starts))
                    return first, fixed + rate * (growing * (first + 1) - starts)
                first = last + 1
            if first > self.last:
                return None
            growing, starts, fixed = growing - 1, starts - start, fixed + held
        return (first, fixed) if first <= self.last and fixed > limit_gb else None


def _first_above(missing: float, growing: int, starts: int) -> int:
    """The first tick whose number plus one, `growing` times, less `starts`, is above what is missing."""
    tick = int((missing + starts) // growing)
    while growing * (tick + 1) - starts <= missing:
        tick += 1
    while growing * tick - starts > missing:
        tick -= 1
    return tick
