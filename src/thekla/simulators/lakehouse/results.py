"""What comes of a simulation."""

from dataclasses import dataclass

from .answers import PolicyFault
from .lives import ContainerLives
from .statistics import Statistics

__all__ = ["RunResult"]


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """What came of one simulation; after a fault, what had happened until then.

    Args:
        pipelines: (id, arrival tick, tick of completion or None) of every pipeline that arrived, in order.
        container_tick_times: Lives of the ended containers in ticks, per pool, in order of ending.
        containers: Lives of all containers, in order of creation, with what they ran and held.
        policy_calls: Calls of the policy.
        events: Arrivals, operator starts and ends, ends of suspensions and of containers.
        fault: Why the simulation ended early, or None.
    """

    statistics: Statistics
    pipelines: tuple[tuple[str, int, int | None], ...]
    container_tick_times: tuple[tuple[int, ...], ...]
    containers: ContainerLives
    policy_calls: int
    events: int
    fault: PolicyFault | None
