"""What a policy of this process may see besides what a scheduler can know: Eudoxia hides nothing."""

from collections.abc import Sequence

from .containers import Container
from .pools import Pool
from .present import Segment
from .roster import Roster

__all__ = ["Insight"]


class Insight:
    """The truth of a running simulation, for reading.

    Args:
        roster: The operators that have arrived.
        containers: All that were created; container 1 comes first.
        corrected: Whether a suspended container holds no memory; in Eudoxia it seems to keep its last.
    """

    def __init__(
        self,
        roster: Roster,
        containers: Sequence[Container],
        pools: Sequence[Pool],
        *,
        corrected: bool,
    ) -> None:
        self._roster = roster
        self._containers = containers
        self._pools = pools
        self._corrected = corrected

    def segments(self, operator: int) -> list[Segment]:
        """What an operator needs, segment by segment."""
        return [
            Segment(each.cpu_seconds, each.cpu_scaling, each.memory_gb, each.storage_read_gb)
            for each in self._roster[operator].spec.work.segments
        ]

    def memory_gb(self, container: int, tick: int) -> float:
        """Memory that a container held in a tick, in GB."""
        found = self._containers[container - 1]
        if found.end is None or tick <= found.end:
            return found.memory_gb(tick)
        return found.memory_gb(found.end) if found.suspended and not self._corrected else 0.0

    def consumed_gb(self, pool: int, tick: int) -> float:
        """Memory that the containers of a pool held in a tick, in GB."""
        found = self._pools[pool]
        active = found.active.values()
        if found.memory is None:
            return sum(container.memory_gb(tick) for container in active)
        return found.memory.consumed_gb(active, tick)
