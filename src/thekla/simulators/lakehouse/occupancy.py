"""Who held what, and when: containers in lanes, and the memory of a pool over time."""

import heapq
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .lives import ContainerLife

__all__ = ["Held", "held_memory", "lanes", "last_tick"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """Memory of a pool in one tick, in GB: what its containers were given, and what they used."""

    tick: int
    given_gb: float
    used_gb: float


def last_tick(life: ContainerLife, max_ticks: int) -> int:
    """The last tick in which a container held its CPUs and memory, suspension included."""
    return max_ticks - 1 if life.freed is None else life.freed


def lanes(lives: Iterable[ContainerLife], max_ticks: int) -> list[int]:
    """A lane for each container, in order of creation, so that no two share one at a time; the lowest that is free."""
    busy: list[tuple[int, int]] = []
    free: list[int] = []
    placed: list[int] = []
    opened = 0
    for life in lives:
        while busy and busy[0][0] < life.start:
            heapq.heappush(free, heapq.heappop(busy)[1])
        if free:
            lane = heapq.heappop(free)
        else:
            lane, opened = opened, opened + 1
        heapq.heappush(busy, (last_tick(life, max_ticks), lane))
        placed.append(lane)
    return placed


def held_memory(lives: Iterable[ContainerLife], ticks: Sequence[int], max_ticks: int) -> list[Held]:
    """The memory of the containers of one pool in each of some ascending ticks.

    It costs a look at each container in each of the ticks that it lives through.
    """
    given, used = [0.0] * len(ticks), [0.0] * len(ticks)
    for life in lives:
        for place in range(bisect_left(ticks, life.start), bisect_right(ticks, last_tick(life, max_ticks))):
            given[place] += life.ram_gb
            used[place] += life.memory_gb(ticks[place])
    return [
        Held(tick=tick, given_gb=given_gb, used_gb=used_gb)
        for tick, given_gb, used_gb in zip(ticks, given, used, strict=True)
    ]
