"""The words of a scheduler's side of a lakehouse, and what all its views share.

This file stands alone (standard library only): its text is part of what a guest gets.
"""

import enum
import sys
from contextvars import ContextVar
from typing import NamedTuple, Protocol

__all__ = [
    "CALLING",
    "HiddenTruth",
    "IllegalAction",
    "OperatorState",
    "Present",
    "Priority",
    "Segment",
    "Truth",
    "shorten",
]


class Priority(enum.IntEnum):
    """Class of a pipeline; the smaller, the more urgent."""

    QUERY = 1
    INTERACTIVE = 2
    BATCH_PIPELINE = 3


class OperatorState(enum.StrEnum):
    """Where an operator is in its life; it may be assigned while PENDING or FAILED."""

    PENDING = "pending"
    ASSIGNED = "assigned"
    RUNNING = "running"
    SUSPENDING = "suspending"
    COMPLETED = "completed"
    FAILED = "failed"

    __hash__ = str.__hash__  # that of enumerations is no built-in, and states are keys at every change of one


class IllegalAction(AssertionError):
    """A policy asked for something the lakehouse forbids: the rule, and what was found and allowed.

    Args:
        kind: The rule, as `thekla.simulators.lakehouse.answers` lists them.
        value: What was found, as text.
        allowed: What would have been right, as text.

    `line` is where the program asked for it, or 0.
    """

    def __init__(self, kind: str, message: str, *, value: str = "", allowed: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.value = value
        self.allowed = allowed
        self.line = 0


class HiddenTruth(AttributeError):
    """A policy asked for a fact that no scheduler can know before running the operator."""


class Segment(NamedTuple):
    """What a part of an operator needs: CPU seconds on one CPU, how they scale, what it holds and reads in GB."""

    baseline_cpu_seconds: float
    cpu_scaling: str
    memory_gb: float | None
    storage_read_gb: float


class Truth(Protocol):
    """What a policy of the library's own process may see besides, by the numbers of operators, containers and pools."""

    def segments(self, operator: int) -> list[Segment]: ...
    def memory_gb(self, container: int, tick: int) -> float: ...
    def consumed_gb(self, pool: int, tick: int) -> float: ...


class Completed(Protocol):
    """The status of a pipeline whose last operator is complete."""

    finish_tick: int | None


_NEVER = sys.maxsize


class Present:
    """What all views of one simulation share: the tick of the call, and notes of what the policy did during it.

    `passing` names the last value read that another tick changes by itself, and `expires` is the first tick at which
    some other value read does. While `watching`, `touched` names the last attribute of a view that was set.
    """

    def __init__(self) -> None:
        self.tick = -1
        self.ticks_per_second = 1
        self.max_job_ticks = 0
        self.lenient = False
        self.truth: Truth | None = None
        self.completed: list[Completed] = []
        self.wake: int | None = None
        self.passing = ""
        self.expires = _NEVER
        self.watching = False
        self.touched = ""

    def begin(self) -> None:
        """Forgets the notes of the call before."""
        self.passing, self.expires, self.touched = "", _NEVER, ""

    def reveal(self, what: str, instead: str) -> Truth:
        """The truth, where it may be seen.

        Raises:
            HiddenTruth: It may not.
        """
        if self.truth is None:
            raise HiddenTruth(f"{what} is hidden: {instead}")
        self.passing = what
        return self.truth


CALLING: ContextVar[Present] = ContextVar("CALLING")
"""The present of the policy that is being called."""


def shorten(value: object) -> str:
    """A value as it appears in a message: cut to 80 characters."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
