"""What comes of a simulation."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from .answers import FaultKind, PolicyFault
from .lives import ContainerLives
from .params import Calls
from .statistics import Statistics

__all__ = ["CallReport", "RunResult"]


@dataclass(frozen=True, kw_only=True)
class CallReport:
    """How a policy was called.

    Args:
        asked: The mode that was asked for.
        calls: Calls of the policy.
        quiet: Those of them that brought no news.
        reason: Why `auto` called it on ticks without news, the last time that it had to; empty if it never had to but
            for a look.
    """

    asked: Calls
    calls: int
    quiet: int
    reason: str = ""

    @property
    def used(self) -> Calls:
        """The mode that it came to: `auto` is `events` for a policy that settles, and `exact` for one that does not."""
        if self.asked != "auto":
            return self.asked
        return "exact" if self.reason else "events"

    def __str__(self) -> str:
        """One sentence, for people."""
        counts = f"{self.calls} calls, {self.quiet} of them without news"
        return f"{counts}; called on every tick while {self.reason}" if self.reason else counts


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """What came of one simulation; after a fault, what had happened until then.

    Args:
        pipelines: (id, arrival tick, tick of completion or None) of every pipeline that arrived, in order.
        container_tick_times: Lives of the ended containers in ticks, per pool, in order of ending.
        containers: Lives of all containers, in order of creation, with what they ran and held.
        policy_calls: Calls of the policy.
        events: Arrivals, starts and ends of segments, ends of suspensions and of containers.
        fault: Why the simulation ended early, or None.
        calls: How the policy was called, and why so.
        refusals: What a lenient simulation refused, counted by the rule that was broken.
        refused: The first hundred of these, one by one.
    """

    statistics: Statistics
    pipelines: tuple[tuple[str, int, int | None], ...]
    container_tick_times: tuple[tuple[int, ...], ...]
    containers: ContainerLives
    policy_calls: int
    events: int
    fault: PolicyFault | None
    calls: CallReport
    refusals: Mapping[FaultKind, int] = field(default_factory=dict)
    refused: tuple[PolicyFault, ...] = ()
