"""The one layer that sends a request again, and the circuit breaker over it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from random import Random

from thekla.core.protocols import ChatModel
from thekla.core.run import Completion, Prompt, Spending
from thekla.llm.deadline import REAL_TIME, Time, remaining_s
from thekla.llm.faults import FaultKind, ModelFault

__all__ = ["Breaker", "Retried", "RetryPolicy"]

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """How often and how soon a request is sent again.

    Args:
        tries: Requests for one call, at the most.
        first_s, most_s: The wait before try n is drawn from [0, min(most_s, first_s * 2**(n-2))], unless the provider
            says how long to wait.

    References:
        Brooker 2015, Exponential backoff and jitter (full jitter).
    """

    tries: int = 5
    first_s: float = 1.0
    most_s: float = 60.0

    def __post_init__(self) -> None:
        if self.tries < 1 or self.first_s < 0 or self.most_s < self.first_s:
            raise ValueError("a retry policy needs at least one try, and 0 <= first_s <= most_s")

    def wait_s(self, tried: int, fault: ModelFault, rng: Random) -> float:
        """Seconds before the next try, after `tried` of them."""
        if fault.retry_after_s is not None:
            return fault.retry_after_s
        return rng.uniform(0.0, min(self.most_s, self.first_s * 2.0 ** (tried - 1)))


class Breaker:
    """Stops asking a model that no longer answers.

    After `calls` failed calls in a row it is open for `pause_s`, and calls wait; from then on each failed call opens it
    again. After `pauses` of these without a good answer in between it is open for good. A request that the provider
    refuses for what is in it says nothing of the next one: no call waits for it, but after `refusals` of them in a row,
    whatever they were, the breaker is open for good.
    """

    def __init__(
        self,
        name: str,
        *,
        calls: int = 5,
        pause_s: float = 60.0,
        pauses: int = 3,
        refusals: int = 20,
        clock: Time = REAL_TIME,
    ) -> None:
        if calls < 1 or pauses < 0 or refusals < 1:
            raise ValueError("a breaker needs calls >= 1, pauses >= 0 and refusals >= 1")
        self._refusals = refusals
        self._refused = 0
        self._name = name
        self._calls = calls
        self._pause_s = pause_s
        self._pauses = pauses
        self._clock = clock
        self._failed = 0
        self._paused = 0
        self._open_until_s = 0.0
        self._last = ""

    async def wait(self) -> None:
        """Return when a call may be made.

        Raises:
            ModelFault: The breaker is open for good, or beyond the deadline.
        """
        while (wait_s := self._open_until_s - self._clock.monotonic_s()) > 0:
            if wait_s > remaining_s(self._clock):
                message = f"{self._name} is not asked for another {wait_s:.0f} s after failures: {self._last}"
                raise ModelFault(FaultKind.TIMEOUT, message, detail="unsent", spending=Spending())
            await self._clock.sleep(wait_s)
        if self._refused >= self._refusals:
            message = f"{self._name} refused the last {self._refused} requests; the last time: {self._last}"
            raise ModelFault(FaultKind.OUTAGE, message, spending=Spending())
        if self._paused > self._pauses:
            message = f"{self._name} answered none of the last {self._failed} calls; the last fault: {self._last}"
            raise ModelFault(FaultKind.OUTAGE, message, spending=Spending())

    def succeeded(self) -> None:
        """A call was answered."""
        self._failed = self._paused = self._refused = 0

    def failed(self, fault: ModelFault) -> None:
        """A call was not answered, after all its tries."""
        if fault.kind is FaultKind.REQUEST:
            self._refused += 1
            self._last = fault.message
            return
        self._failed += 1
        self._last = fault.message
        already_open = self._clock.monotonic_s() < self._open_until_s
        if self._failed >= self._calls and not already_open:
            self._paused += 1
            self._open_until_s = self._clock.monotonic_s() + (self._pause_s if self._paused <= self._pauses else 0.0)
            _LOG.warning("%s failed %d calls in a row: %s", self._name, self._failed, fault.message)


class Retried:
    """A chat model that sends a request again where that can help, within the deadline.

    Args:
        rng: Of the waits; it changes no answer.
    """

    def __init__(
        self,
        model: ChatModel,
        *,
        breaker: Breaker,
        rng: Random,
        policy: RetryPolicy | None = None,
        clock: Time = REAL_TIME,
    ) -> None:
        self._model = model
        self._breaker = breaker
        self._rng = rng
        self._policy = policy or RetryPolicy()
        self._clock = clock

    async def complete(
        self, prompt: Prompt, *, max_tokens: int, temperature: float | None, seed: int | None
    ) -> Completion:
        """The model's answer; its spending includes the tries before.

        Raises:
            ModelFault: There is none after all tries, or a try would not help.
        """
        await self._breaker.wait()
        spent, tried, adjusted = Spending(), 0, 0
        while True:
            try:
                answer = await self._model.complete(prompt, max_tokens=max_tokens, temperature=temperature, seed=seed)
            except ModelFault as fault:
                spent = spent + fault.spending
                if fault.kind is FaultKind.PARAMETER and adjusted < 3:  # three are sent, each is refused once
                    adjusted += 1
                    continue
                tried += 1
                wait_s = self._policy.wait_s(tried, fault, self._rng)
                last = tried >= self._policy.tries or wait_s >= remaining_s(self._clock)
                if last or not fault.transient:
                    if fault.kind is not FaultKind.BUDGET:
                        self._breaker.failed(fault)
                    raise self._final(fault, tried, spent) from None
                await self._clock.sleep(wait_s)
            else:
                self._breaker.succeeded()
                return Completion(
                    text=answer.text,
                    stop_reason=answer.stop_reason,
                    model=answer.model,
                    spending=answer.spending + spent,
                )

    def _final(self, fault: ModelFault, tried: int, spent: Spending) -> ModelFault:
        times = f" ({tried} tries)" if tried > 1 else ""
        return ModelFault(fault.kind, f"{fault.message}{times}", detail=fault.detail, spending=spent)
