"""One deadline for all that a proposal asks of models: requests, waits and repetitions together."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

__all__ = ["REAL_TIME", "Time", "remaining_s", "within"]

_DEADLINE: ContextVar[float] = ContextVar("deadline", default=math.inf)


@dataclass(frozen=True, kw_only=True)
class Time:
    """The time, as an argument: seconds since the epoch, seconds that only grow, and how to wait."""

    now_s: Callable[[], float]
    monotonic_s: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]


REAL_TIME = Time(now_s=time.time, monotonic_s=time.monotonic, sleep=asyncio.sleep)


@contextmanager
def within(seconds: float, clock: Time = REAL_TIME) -> Iterator[None]:
    """What runs in this context (and in tasks started from it) has `seconds`; an earlier deadline holds on."""
    token = _DEADLINE.set(min(_DEADLINE.get(), clock.monotonic_s() + seconds))
    try:
        yield
    finally:
        _DEADLINE.reset(token)


def remaining_s(clock: Time = REAL_TIME) -> float:
    """Seconds to the deadline, infinite without one, never negative."""
    return max(0.0, _DEADLINE.get() - clock.monotonic_s())
