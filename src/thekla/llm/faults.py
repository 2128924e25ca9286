"""What can go wrong with a request to a model, and what is done about each kind."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from enum import StrEnum
from urllib.parse import quote

from thekla.core.errors import ProviderError
from thekla.core.redaction import REDACTED, Redactor
from thekla.core.run import Spending
from thekla.core.visible import visible

__all__ = ["TOO_LONG", "FaultKind", "ModelFault", "fault_of_status", "retry_after_s"]

TOO_LONG = "too long"
"""The detail of a fault of kind `REQUEST` that a shorter prompt would not have met."""

_MESSAGE = 500  # characters of a provider's own words that are kept
_KEY_LIKE = re.compile(r"\b(?:sk|pk|rk|key)[-_][-_A-Za-z0-9*.]{8,}|\bBearer\s+\S+")  # shortened or masked ones, too
_SHAPES = Redactor()


class FaultKind(StrEnum):
    """Why no usable answer came."""

    ACCESS = "access"  # no or wrong key, no right, no money with the provider, no such model: the run stops
    REQUEST = "request"  # the provider refuses this very request: sending it again would not help
    PARAMETER = "parameter"  # it refuses a setting, which is dropped from now on
    BUSY = "busy"  # too many requests, or overloaded: later
    SERVER = "server"  # the provider's own fault: later
    NETWORK = "network"  # the connection could not be made, or broke
    TIMEOUT = "timeout"  # no whole answer within the time
    GARBLED = "garbled"  # an answer that is not of the protocol
    BUDGET = "budget"  # not sent: the budget has no room for it
    OUTAGE = "outage"  # not sent: the circuit breaker is open for good


_TRANSIENT = frozenset({FaultKind.BUSY, FaultKind.SERVER, FaultKind.NETWORK, FaultKind.TIMEOUT, FaultKind.GARBLED})
_ENDING = frozenset({FaultKind.ACCESS, FaultKind.OUTAGE})


class ModelFault(ProviderError):
    """No usable answer came.

    Args:
        kind: What is done about it follows from this alone.
        retry_after_s: How long the provider asks to wait; None if it does not say.
        spending: What the requests cost or may have cost.
        detail: The refused parameter, the cap of the budget, or `TOO_LONG`.
    """

    def __init__(
        self,
        kind: FaultKind,
        message: str,
        *,
        retry_after_s: float | None = None,
        spending: Spending | None = None,
        detail: str = "",
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.retry_after_s = retry_after_s
        self.spending = spending or Spending(calls=1)
        self.detail = detail

    @property
    def transient(self) -> bool:
        """Whether the same request may succeed later."""
        return self.kind in _TRANSIENT

    @property
    def ends_the_run(self) -> bool:
        """Whether no request to this model can succeed until somebody acts."""
        return self.kind in _ENDING

    def with_message(self, message: str) -> ModelFault:
        """The same fault in other words."""
        return ModelFault(
            self.kind, message, retry_after_s=self.retry_after_s, spending=self.spending, detail=self.detail
        )

    def with_spending(self, spending: Spending) -> ModelFault:
        """The same fault at another cost."""
        return ModelFault(
            self.kind, self.message, retry_after_s=self.retry_after_s, spending=spending, detail=self.detail
        )


_STATUS_KINDS: Mapping[int, FaultKind] = {
    **dict.fromkeys((401, 402, 403, 404), FaultKind.ACCESS),
    **dict.fromkeys((408, 425), FaultKind.SERVER),
    **dict.fromkeys((429, 503, 529), FaultKind.BUSY),
}
_PARAMETERS = (
    *("max_completion_tokens", "max_tokens", "temperature", "top_p", "top_k"),
    *("seed", "reasoning_effort", "thinking"),
)


_UNSUPPORTED = re.compile(
    r"unsupported|(?:not|n't) (?:be )?(?:support|allow|permit|recogni|accept)|unknown|unrecogni|unexpected|deprecated|"
    r"extra (?:input|field)",
    re.IGNORECASE,
)


_LENGTH = re.compile(
    r"context.{0,20}(?:length|window|size|limit)|(?:prompt|input|request|message).{0,40}too (?:long|large|many tokens)|"
    r"(?:maximum|exceed|limit).{0,60}(?:context|tokens)|reduce the length",
    re.IGNORECASE | re.DOTALL,
)


_ANSWERS_LENGTH = re.compile(r"output tokens|max_(?:completion_|output_)?tokens\b.{0,20}too large", re.IGNORECASE)


def fault_of_status(
    status: int, words: str, *, model: str, sent: frozenset[str], after_s: float | None = None, secret: str = ""
) -> ModelFault:
    """The fault that an HTTP status other than 200 amounts to; nothing is billed for it.

    Args:
        words: The provider's message; keys and control characters in it are taken out.
        sent: Names of the optional parameters of the request.
        after_s: What the header `Retry-After` asks for.
    """
    said = cleaned(words, secret)
    message = f"{model}: HTTP {status}: {said}" if said else f"{model}: HTTP {status}"
    kind = _STATUS_KINDS.get(status, FaultKind.SERVER if status >= 500 else FaultKind.REQUEST)
    if kind is FaultKind.REQUEST and _UNSUPPORTED.search(words):
        refused = next((name for name in _PARAMETERS if name in sent and re.search(rf"\b{name}\b", words)), "")
        if refused:
            return ModelFault(FaultKind.PARAMETER, message, detail=refused)
    if kind is FaultKind.ACCESS:
        message += _REMEDIES[status]
    too_long = kind is FaultKind.REQUEST and (
        status == 413 or (_LENGTH.search(words) and not _ANSWERS_LENGTH.search(words))
    )
    return ModelFault(kind, message, retry_after_s=after_s, detail=TOO_LONG if too_long else "")


_REMEDIES: Mapping[int, str] = {
    401: "; the key is missing or wrong (see `thekla doctor` for where it is looked for)",
    402: "; the provider wants to be paid first",
    403: "; the key has no right to this model",
    404: "; there is no such model or address",
}


def cleaned(words: str, secret: str = "") -> str:
    """A provider's words made safe to log and to show: without keys, without hidden characters, not too long."""
    if secret:
        words = words.replace(secret, REDACTED).replace(quote(secret, safe=""), REDACTED)
    return visible(_KEY_LIKE.sub(REDACTED, _SHAPES(" ".join(words.split()))))[:_MESSAGE]


def retry_after_s(header: str | None, *, now_s: float) -> float | None:
    """Seconds that a header `Retry-After` asks for, given as seconds or as a date; None if it asks for nothing."""
    if not header:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(header).timestamp() - now_s
        except (ValueError, TypeError):
            return None
    return min(max(seconds, 0.0), 3600.0) if seconds == seconds else None
