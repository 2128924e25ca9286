"""Memory that the containers of one pool hold: as it is, and as revision `eudoxia-cur` adds it up.

The original keeps a running sum of floats: every tick each container adds the change of its memory, and only the end
of a container makes it sum afresh. Two things follow that a plain sum would miss: the last bit decides a tie with the
pool's size, and a suspended container's memory stays in the sum until some container of the pool ends. Here the plain
sum is computed in closed form, and the running sum is replayed only when the plain one comes close to the pool's size.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from itertools import accumulate, chain
from operator import add
from typing import Protocol

from .containers import Container
from .courses import Course
from .workload import SCAN_GB_PER_SECOND

__all__ = ["MemorySum", "PoolMemory", "RunningMemory", "compensated_sum"]

# Far above the rounding of a running sum over any simulation, far below a byte per tick.
_CLOSE_GB = 1e-6


class PoolMemory(Protocol):
    """The memory in use of one pool, told of every container that comes and goes."""

    def join(self, container: Container) -> None:
        """A container has been created."""

    def leave(self, container: Container, tick: int) -> None:
        """A container has been suspended before the memory of this tick was added up."""

    def reset(self, active: dict[int, Container], tick: int) -> None:
        """At least one container has ended; these stay."""

    def consumed_gb(self, active: Iterable[Container], tick: int) -> float:
        """Memory in use at the end of a tick, up to rounding."""

    def kill(self, active: dict[int, Container], ended: Sequence[Container], tick: int) -> list[Container]:
        """Containers to kill in this tick because together they exceed the pool; the greediest first.

        `ended` are those that end in this tick anyway, in order of creation.
        """

    def first_excess(self, active: Sequence[Container], tick: int) -> int | None:
        """The first tick after this one, before anything is due to a container, in which the pool is exceeded."""


class MemorySum:
    """What the active containers hold, summed with one rounding."""

    __slots__ = ("_max_gb", "_tick_length")

    def __init__(self, max_gb: float, tick_length: float) -> None:
        self._max_gb = max_gb
        self._tick_length = tick_length

    def join(self, container: Container) -> None: ...

    def leave(self, container: Container, tick: int) -> None: ...

    def reset(self, active: dict[int, Container], tick: int) -> None: ...

    def consumed_gb(self, active: Iterable[Container], tick: int) -> float:
        return math.fsum(container.memory_gb(tick) for container in active)

    def kill(self, active: dict[int, Container], ended: Sequence[Container], tick: int) -> list[Container]:
        if self._has_room(active.values()):
            return []
        gone = {container.number for container in ended}
        staying = [container for container in active.values() if container.number not in gone]
        if Course(staying, tick, self._tick_length).now_gb <= self._max_gb - _CLOSE_GB:
            return []
        held = {container.number: container.memory_gb(tick) for container in staying}
        killed: list[Container] = []
        greed = {number: memory * (memory / active[number].ram_gb) for number, memory in held.items() if memory > 0}
        for number in sorted(greed, key=greed.__getitem__, reverse=True):
            if math.fsum(held.values()) <= self._max_gb:
                break
            del held[number]
            killed.append(active[number])
        return killed

    def first_excess(self, active: Sequence[Container], tick: int) -> int | None:
        if self._has_room(active):
            return None
        course = Course(active, tick, self._tick_length)
        close = course.first_above(self._max_gb - _CLOSE_GB)
        if close is None:
            return None
        (first, consumed), last = close, course.last
        if consumed > self._max_gb + _CLOSE_GB:
            return first
        if self.consumed_gb(active, last) <= self._max_gb:
            return None
        # Until something is due to a container, its memory does not fall.
        while first < last:
            middle = (first + last) // 2
            if self.consumed_gb(active, middle) > self._max_gb:
                last = middle
            else:
                first = middle + 1
        return first

    def _has_room(self, active: Iterable[Container]) -> bool:
        """Whether the pool has room for all that containers may hold, so that nothing need be looked at."""
        return math.fsum([container.ram_gb for container in active]) <= self._max_gb


class RunningMemory:
    """The running sum of one pool, known at tick `_tick` and replayed from there on demand."""

    __slots__ = ("_consumed", "_growth", "_held", "_left", "_max_gb", "_members", "_phantom", "_tick", "_tick_length")

    def __init__(self, max_gb: float, tick_length: float) -> None:
        self._max_gb = max_gb
        self._tick_length = tick_length
        self._growth: list[float] = []
        self._tick = -1
        self._consumed: float | None = 0.0
        self._held: dict[int, float] = {}
        self._members: dict[int, Container] = {}
        self._left: dict[int, int] = {}
        self._phantom = 0.0

    def join(self, container: Container) -> None:
        self._members[container.number] = container

    def leave(self, container: Container, tick: int) -> None:
        self._left[container.number] = tick
        self._phantom += container.memory_gb(tick - 1)

    def reset(self, active: dict[int, Container], tick: int) -> None:
        self._tick = tick
        self._consumed = None
        self._members = dict(active)
        self._held = {}
        self._left = {}
        self._phantom = 0.0

    def consumed_gb(self, active: Iterable[Container], tick: int) -> float:
        return self._phantom + sum([container.memory_gb(tick) for container in active])

    def kill(self, active: dict[int, Container], ended: Sequence[Container], tick: int) -> list[Container]:
        gone = {container.number for container in ended}
        staying = [container for container in active.values() if container.number not in gone]
        limit_gb = self._max_gb - _CLOSE_GB - self._phantom
        if self._has_room(staying) or Course(staying, tick, self._tick_length).now_gb <= limit_gb:
            return []
        killed = self._kill_plainly(staying, tick)
        if killed is not None:
            return killed
        self._replay(tick - 1)
        consumed = self._consumed or 0.0
        for container in active.values():
            memory = container.memory_gb(tick)
            consumed += memory - self._held.get(container.number, 0.0)
            self._held[container.number] = memory
            if container.number in gone and container.error is None:
                consumed += 0.0 - memory
        for container in ended:
            if container.error is not None:
                consumed += 0.0 - self._held[container.number]
        killed = []
        for container in _by_greed(staying, self._held):
            if consumed <= self._max_gb:
                break
            consumed += 0.0 - self._held[container.number]
            killed.append(container)
        self._tick, self._consumed = tick, consumed
        return killed

    def first_excess(self, active: Sequence[Container], tick: int) -> int | None:
        if self._has_room(active):
            return None
        course = Course(active, tick, self._tick_length)
        left_gb, horizon = self._max_gb - self._phantom, course.last
        close = course.first_above(left_gb - _CLOSE_GB)
        if close is None:
            return None
        # Where it is clear no rounding puts it elsewhere; without any memory to take back nobody is killed.
        if close[1] > max(left_gb, 0.0) + _CLOSE_GB:
            return close[0]
        self._replay(tick)
        consumed = self._consumed or 0.0
        held = {container.number: self._held.get(container.number, 0.0) for container in active}
        later = tick
        while later < horizon:
            later += 1
            consumed = _step(consumed, held, active, later)
            if consumed > self._max_gb and any(memory > 0 for memory in held.values()):
                return later
            smooth, scans = self._stretch(active, later, horizon)
            if smooth and scans:
                # The sum never falls here, so the last addition of a tick decides, and of the stretch before that.
                sums = list(accumulate(self._deltas(scans, smooth), initial=consumed))[:: len(scans)]
                consumed = sums[-1]
                if consumed > self._max_gb:
                    return later + bisect_right(sums, self._max_gb)
                for container in active:
                    held[container.number] = container.memory_gb(later + smooth)
            later += smooth
        return None

    def _has_room(self, active: Iterable[Container]) -> bool:
        """Whether the pool has room for all that containers may hold, so that nothing need be looked at."""
        return self._phantom + sum([container.ram_gb for container in active]) <= self._max_gb - _CLOSE_GB

    def _kill_plainly(self, staying: Sequence[Container], tick: int) -> list[Container] | None:
        """Whom to kill by the plain sum, or None where rounding may decide.

        The running sum need not be known: after a kill it is summed afresh.
        """
        held = {container.number: container.memory_gb(tick) for container in staying}
        consumed, killed = self._phantom + sum(held.values()), list[Container]()
        for container in _by_greed(staying, held):
            if abs(consumed - self._max_gb) <= _CLOSE_GB:
                return None
            if consumed <= self._max_gb:
                break
            consumed -= held[container.number]
            killed.append(container)
        return killed or None

    def _replay(self, until: int) -> None:
        """Brings the running sum up to a tick, with the original's additions in the original's order."""
        if self._consumed is None:
            there = [container for container in self._members.values() if container.start <= self._tick]
            self._held = {container.number: container.memory_gb(self._tick) for container in there}
            self._consumed = compensated_sum(self._held.values())
        consumed, tick = self._consumed, self._tick
        while tick < until:
            tick += 1
            there = [
                container
                for number, container in self._members.items()
                if container.start <= tick < self._left.get(number, until + 1)
            ]
            consumed = _step(consumed, self._held, there, tick)
            coming = [each.start for each in self._members.values() if each.start > tick]
            leaving = [left for left in self._left.values() if left > tick]
            smooth, scans = self._stretch(there, tick, min([until, *(each - 1 for each in coming + leaving)]))
            if smooth:
                consumed = reduce(add, self._deltas(scans, smooth), consumed)
                for container in there:
                    self._held[container.number] = container.memory_gb(tick + smooth)
            tick += smooth
        self._consumed = consumed
        self._tick = max(self._tick, until)

    def _stretch(self, there: Sequence[Container], tick: int, until: int) -> tuple[int, list[int]]:
        """How many of the next ticks bring nothing but growth, and for each container that grows the tick of its scan.

        On these ticks every container is in the phase in which it was in the last one.
        """
        last = until
        scans: list[int] = []
        for container in there:
            for start, table, scan_ticks, _ in container.timeline:
                if start > tick:
                    last = min(last, start - 1)
                    break
                now = (start, table, scan_ticks)
            start, table, scan_ticks = now
            if table.segment.memory_gb is None and tick - start < scan_ticks:
                last = min(last, start + scan_ticks - 1)
                scans.append(tick - start)
        return max(0, last - tick), scans

    def _deltas(self, scans: Sequence[int], ticks: int) -> Iterable[float]:
        """What each container grows by after that tick of its scan, on each of so many ticks, in the given order."""
        growth, tick_length = self._growth, self._tick_length
        for index in range(len(growth), max(scans, default=0) + ticks + 1):
            now, before = ((index + 1) * tick_length) * SCAN_GB_PER_SECOND, (index * tick_length) * SCAN_GB_PER_SECOND
            growth.append(now - before)
        return chain.from_iterable(zip(*(growth[scan + 1 : scan + 1 + ticks] for scan in scans), strict=True))


def _by_greed(containers: Iterable[Container], held: Mapping[int, float]) -> list[Container]:
    """Containers that hold memory, those that hold the most, and the most of what they were given, first."""
    hungry = [container for container in containers if held[container.number] > 0]
    return sorted(hungry, key=lambda each: held[each.number] * (held[each.number] / each.ram_gb), reverse=True)


def _step(consumed: float, held: dict[int, float], there: Iterable[Container], tick: int) -> float:
    """The running sum after one tick, in which each container adds the change of its memory."""
    for container in there:
        memory = container.memory_gb(tick)
        consumed += memory - held.get(container.number, 0.0)
        held[container.number] = memory
    return consumed


def compensated_sum(values: Iterable[float]) -> float:
    """What the builtin ``sum`` of floats gives from CPython 3.12 on, under every version (Neumaier 1974)."""
    total = lost = 0.0
    for value in values:
        larger = total + value
        lost += (total - larger) + value if abs(total) >= abs(value) else (value - larger) + total
        total = larger
    return total + lost
