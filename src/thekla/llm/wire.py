"""One request to an endpoint that speaks the OpenAI protocol (`/chat/completions`): no repetition, no price."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from thekla.core.run import Completion, Prompt, Spending
from thekla.llm.deadline import REAL_TIME, Time, remaining_s
from thekla.llm.faults import FaultKind, ModelFault, cleaned, fault_of_status, retry_after_s
from thekla.llm.settings import Endpoint

if TYPE_CHECKING:
    import httpx2

__all__ = ["MOST_CHARACTERS", "Patience", "WireModel", "messages_around_mark", "messages_of"]

_LOG = logging.getLogger(__name__)
_MOST_BYTES = 8_000_000  # read of one answer: a model's longest (128k tokens) is below 1 MB
_TOKENS_PARAMETERS = ("max_tokens", "max_completion_tokens")  # two names for one limit
MOST_CHARACTERS = 262_144  # of an answer that is kept: 256 Ki, far beyond any program (trust.md, section 5)


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long to wait, in seconds: for a connection, for the next byte, and for the whole answer.

    A model that reasons sends nothing for minutes, so the wait for a byte is long.
    """

    connect_s: float = 10.0
    idle_s: float = 300.0
    total_s: float = 600.0


class WireModel:
    """A chat model behind an OpenAI-compatible endpoint.

    A parameter that the endpoint refuses is left out from then on, with a note in the log and in `notes`.

    Args:
        client: Makes the HTTP client when the first request is sent; it is shared and not closed here.
        key: The secret; it appears in no log and no message.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        client: Callable[[], httpx2.AsyncClient],
        key: str = "",
        effort: str = "",
        patience: Patience | None = None,
        clock: Time = REAL_TIME,
    ) -> None:
        self._endpoint = endpoint
        self._client = client
        self._key = key
        self._effort = effort
        self._patience = patience or Patience()
        self._clock = clock
        self._refused: dict[str, None] = {}
        self._tokens_parameter: str = endpoint.tokens_parameter

    @property
    def notes(self) -> Sequence[str]:
        """What the endpoint turned out not to accept."""
        return [f"{self._endpoint.model} refuses {name}; it is left out" for name in self._refused]

    async def complete(
        self, prompt: Prompt, *, max_tokens: int, temperature: float | None, seed: int | None
    ) -> Completion:
        """The answer to one request.

        Raises:
            ModelFault: There is none.
        """
        optional: dict[str, Any] = {self._tokens_parameter: max_tokens}
        if temperature is not None:
            optional["temperature"] = temperature
        if seed is not None:
            optional["seed"] = seed % 2**31  # some endpoints take no more
        if self._effort:
            optional["reasoning_effort"] = self._effort
        kept = (self._tokens_parameter, *(name for name in optional if name not in self._refused))
        optional = {name: optional[name] for name in kept}
        messages = _marked(prompt) if self._endpoint.marks_cache else messages_of(prompt)
        body = {"model": self._endpoint.model, "messages": messages, **optional}
        started_s = self._clock.monotonic_s()
        status, headers, content = await self._post(body)
        wall_s = self._clock.monotonic_s() - started_s
        if status != 200:
            raise self._refusal(status, headers, content, frozenset(optional))
        return _completion(content, self._endpoint.model, wall_s, secret=self._key)

    async def _post(self, body: Mapping[str, Any]) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers and content of the answer.

        Raises:
            ModelFault: None came, or not whole.
        """
        import httpx2

        limit_s = min(self._patience.total_s, remaining_s(self._clock))
        wait = httpx2.Timeout(self._patience.idle_s, connect=self._patience.connect_s)
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        model = self._endpoint.model
        try:
            async with asyncio.timeout(limit_s):
                url = f"{self._endpoint.base_url}/chat/completions"
                async with self._client().stream("POST", url, json=body, headers=headers, timeout=wait) as response:
                    content = bytearray()
                    async for piece in response.aiter_bytes():
                        content += piece
                        if len(content) > _MOST_BYTES:
                            raise ModelFault(FaultKind.GARBLED, f"{model}: the answer is over {_MOST_BYTES:,} bytes")
                    return response.status_code, response.headers, bytes(content)
        except TimeoutError:
            raise ModelFault(FaultKind.TIMEOUT, f"{model}: no whole answer within {limit_s:g} s") from None
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            why = cleaned(str(error), self._key) or type(error).__name__
            where = f"{model} at {self._endpoint.base_url}"
            raise ModelFault(FaultKind.NETWORK, f"{where}: no connection: {why}", detail="unsent") from None
        except httpx2.TimeoutException:
            raise ModelFault(FaultKind.TIMEOUT, f"{model}: no byte for {self._patience.idle_s:g} s") from None
        except (httpx2.TransportError, httpx2.DecodingError) as error:
            why = cleaned(str(error), self._key) or type(error).__name__
            raise ModelFault(FaultKind.NETWORK, f"{model}: the connection broke: {why}") from None

    def _refusal(self, status: int, headers: Mapping[str, str], content: bytes, sent: frozenset[str]) -> ModelFault:
        after_s = retry_after_s(headers.get("retry-after"), now_s=self._clock.now_s())
        words = _words(content)
        model = self._endpoint.model
        fault = fault_of_status(status, words, model=model, sent=sent, after_s=after_s, secret=self._key)
        if fault.kind is not FaultKind.PARAMETER:
            return fault
        self._refused[fault.detail] = None
        _LOG.warning("%s refuses %s; it is left out from now on", model, fault.detail)
        if fault.detail == self._tokens_parameter:  # an answer without a limit could cost anything
            other = next(name for name in _TOKENS_PARAMETERS if name != fault.detail)
            if other in self._refused:
                return ModelFault(FaultKind.REQUEST, fault.message)
            self._tokens_parameter = other
        return fault


def messages_of(prompt: Prompt) -> list[dict[str, str]]:
    """A prompt as the messages of a chat; neighbouring sections of one role are one message."""
    messages: list[dict[str, str]] = []
    for section in prompt.sections:
        if not section.text:
            continue
        if messages and messages[-1]["role"] == section.role:
            messages[-1]["content"] += f"\n\n{section.text}"
        else:
            messages.append({"role": section.role, "content": section.text})
    return messages


def messages_around_mark(prompt: Prompt) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """The messages of the part of a prompt that stays, and those of the rest; their neighbours may be of one role."""
    stable, rest = prompt.sections[: prompt.stable], prompt.sections[prompt.stable :]
    return messages_of(replace(prompt, sections=stable)), messages_of(replace(prompt, sections=rest))


def _marked(prompt: Prompt) -> list[dict[str, Any]]:
    """The messages, with a mark for the cache behind the part that stays."""
    stable, rest = messages_around_mark(prompt)
    if not stable:
        return [*rest]
    last = stable.pop()
    parts: list[dict[str, Any]] = [{"type": "text", "text": last["content"], "cache_control": {"type": "ephemeral"}}]
    if rest and rest[0]["role"] == last["role"]:
        parts.append({"type": "text", "text": rest.pop(0)["content"]})
    return [*stable, {"role": last["role"], "content": parts}, *rest]


def _words(content: bytes) -> str:
    """The message in an error body, in whatever shape it comes."""
    text = content[:4000].decode("utf-8", errors="replace")
    try:
        found = json.loads(text)
    except ValueError:
        return text
    for name in ("error", "message", "detail"):
        while isinstance(found, dict) and name in found:
            found = found[name]
    return found if isinstance(found, str) else text


def _completion(content: bytes, model: str, wall_s: float, *, secret: str) -> Completion:
    """The answer in a body; one without text has a stop reason that says why.

    Raises:
        ModelFault: The body is not of the protocol.
    """
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        raise ModelFault(FaultKind.GARBLED, f"{model}: the answer is not JSON or was cut off") from None
    if not isinstance(body, dict) or not isinstance(body.get("choices"), list):
        said = body.get("error") if isinstance(body, dict) else None
        why = cleaned(json.dumps(said), secret) if said else "it has no list of choices"
        raise ModelFault(FaultKind.GARBLED, f"{model}: the answer is not of the protocol: {why}")
    spending = _usage(body.get("usage"), wall_s)
    text, stop = _text_of(body["choices"])
    if len(text) > MOST_CHARACTERS:
        text, stop = text[:MOST_CHARACTERS], "too_long"
    name = body.get("model")
    return Completion(text=text, stop_reason=stop, model=name if isinstance(name, str) else model, spending=spending)


def _text_of(choices: Sequence[Any]) -> tuple[str, str]:
    """Text and stop reason of the first choice."""
    if not choices:
        return "", "no_choices"
    choice = choices[0] if isinstance(choices[0], dict) else {}
    message = choice.get("message")
    message = message if isinstance(message, dict) else {}
    stop = choice.get("finish_reason")
    stop = stop if isinstance(stop, str) and stop else "unknown"
    content = message.get("content")
    if isinstance(content, list):
        content = "".join(part.get("text", "") for part in content if isinstance(part, dict))
    if isinstance(content, str) and content.strip():
        return content.encode("utf-8", errors="replace").decode("utf-8"), stop
    if message.get("refusal"):
        return "", "refusal"
    return "", stop if stop in ("length", "content_filter") else "empty"


def _usage(found: Any, wall_s: float) -> Spending:
    """Tokens as the endpoint counts them; `cost_usd` is None until somebody knows the price.

    Numbers that are missing or cannot be are -1, which the meter takes for unknown.
    """
    usage = found if isinstance(found, dict) else {}
    details = usage.get("prompt_tokens_details")
    details = details if isinstance(details, dict) else {}
    cached, written = (max(0, _count(details.get(name))) for name in ("cached_tokens", "cache_write_tokens"))
    into, out = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
    credible = cached + written <= into
    return Spending(
        cost_usd=None,
        input_tokens=into,
        output_tokens=out,
        cached_tokens=cached if credible else 0,
        cache_write_tokens=written if credible else 0,
        wall_s=wall_s,
        calls=1,
    )


def _count(value: Any) -> int:
    return value if type(value) is int and value >= 0 else -1
