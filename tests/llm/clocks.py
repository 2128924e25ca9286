"""A time in which waiting costs nothing."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from thekla.llm import Time


@dataclass
class FakeTime:
    """Time that passes by sleeping only; `waits` holds what was slept."""

    now: float = 1.8e9
    waits: list[float] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        """Pass the time at once, and let others run."""
        self.waits.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)

    def clock(self) -> Time:
        """This time as models take it."""
        return Time(now_s=lambda: self.now, monotonic_s=lambda: self.now, sleep=self.sleep)
