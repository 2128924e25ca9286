"""How many requests a model gets at once: fewer when it says that it is busy, more while it answers."""

from __future__ import annotations

import asyncio

from thekla.core.protocols import ChatModel
from thekla.core.run import Completion, Prompt, Spending
from thekla.llm.deadline import REAL_TIME, Time, remaining_s
from thekla.llm.faults import FaultKind, ModelFault

__all__ = ["Limited"]


class Limited:
    """A chat model with adaptive concurrency: halved at each busy answer, one more after as many good ones.

    What one request is told by `Retry-After` holds for all: nothing is sent before that time.

    Args:
        most: Requests at once, at the most (and at first).

    References:
        Chiu & Jain 1989, Analysis of the increase and decrease algorithms for congestion avoidance.
    """

    def __init__(self, model: ChatModel, *, most: int = 16, clock: Time = REAL_TIME) -> None:
        if most < 1:
            raise ValueError(f"most is {most}; a model needs room for at least one request")
        self._model = model
        self._most = most
        self._clock = clock
        self._limit = float(most)
        self._out = 0
        self._not_before_s = 0.0
        self._freed = asyncio.Condition()

    @property
    def limit(self) -> int:
        """Requests that may be out now."""
        return max(1, int(self._limit))

    async def complete(
        self, prompt: Prompt, *, max_tokens: int, temperature: float | None, seed: int | None
    ) -> Completion:
        """The model's answer, once there is room for the request.

        Raises:
            ModelFault: There is none, or the deadline comes first.
        """
        await self._enter()
        try:
            answer = await self._model.complete(prompt, max_tokens=max_tokens, temperature=temperature, seed=seed)
        except ModelFault as fault:
            if fault.kind is FaultKind.BUSY:
                self._back_off(fault)
            raise
        else:
            self._limit = min(float(self._most), self._limit + 1.0 / self._limit)
            return answer
        finally:
            await self._leave()

    async def _enter(self) -> None:
        async with self._freed:
            await self._freed.wait_for(lambda: self._out < self.limit)
            self._out += 1
        try:
            while (wait_s := self._not_before_s - self._clock.monotonic_s()) > 0:
                if wait_s > remaining_s(self._clock):
                    message = f"the provider asks to wait {wait_s:.0f} s, which is beyond the deadline"
                    raise ModelFault(FaultKind.TIMEOUT, message, detail="unsent", spending=Spending())
                await self._clock.sleep(wait_s)
        except BaseException:
            await self._leave()
            raise

    async def _leave(self) -> None:
        async with self._freed:
            self._out -= 1
            self._freed.notify_all()

    def _back_off(self, fault: ModelFault) -> None:
        self._limit = max(1.0, self._limit / 2)
        if fault.retry_after_s is not None:
            self._not_before_s = max(self._not_before_s, self._clock.monotonic_s() + fault.retry_after_s)
