"""Providers' own interfaces, through pydantic-ai (extra `llm`): one request, no repetition, no price."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from thekla.core.errors import ConfigError
from thekla.core.run import Completion, Prompt, Spending
from thekla.llm.deadline import REAL_TIME, Time, remaining_s
from thekla.llm.faults import FaultKind, ModelFault, cleaned, fault_of_status
from thekla.llm.settings import ModelSettings
from thekla.llm.wire import MOST_CHARACTERS, Patience, messages_around_mark

if TYPE_CHECKING:
    import httpx2
    from pydantic_ai.messages import ModelMessage, ModelResponse
    from pydantic_ai.models import Model

__all__ = ["NativeModel"]

_LOG = logging.getLogger(__name__)
_NO_ANSWER = {"length": "length", "content_filter": "content_filter"}


class NativeModel:
    """A model of Anthropic or Google behind its own interface.

    Args:
        client: Makes the HTTP client when the first request is sent; it is shared and not closed here.
    """

    def __init__(
        self,
        settings: ModelSettings,
        *,
        client: Callable[[], httpx2.AsyncClient],
        key: str,
        patience: Patience | None = None,
        clock: Time = REAL_TIME,
    ) -> None:
        self._settings = settings
        self._client = client
        self._key = key
        self._patience = patience or Patience()
        self._clock = clock
        self._model: Model[Any] | None = None
        self._refused: dict[str, None] = {}

    @property
    def notes(self) -> Sequence[str]:
        """What the provider turned out not to accept."""
        return [f"{self._settings.name} refuses {name}; it is left out" for name in self._refused]

    async def complete(
        self, prompt: Prompt, *, max_tokens: int, temperature: float | None, seed: int | None
    ) -> Completion:
        """The answer to one request.

        Raises:
            ModelFault: There is none.
        """
        from pydantic_ai import exceptions
        from pydantic_ai.direct import model_request

        name = self._settings.name
        limit_s = min(self._patience.total_s, remaining_s(self._clock))
        options: dict[str, Any] = {"max_tokens": max_tokens, "max_retries": 0, "request_timeout": limit_s}
        if temperature is not None:
            options["temperature"] = temperature
        if seed is not None:
            options["seed"] = seed % 2**31
        if self._settings.effort:
            options["thinking"] = self._settings.effort
        marks = self._settings.cache and prompt.stable > 0
        if marks and prompt.sections[prompt.stable - 1].role == "system":
            options["cache"] = {"messages": False}  # else the messages have the mark
        options = {name: value for name, value in options.items() if name not in self._refused}
        started_s = self._clock.monotonic_s()
        try:
            response = await model_request(self._built(), _messages(prompt, marks=marks), model_settings=options)  # type: ignore[arg-type]  # a TypedDict that only the model can name
        except exceptions.ModelHTTPError as error:
            words = str(error.body) if error.body is not None else str(error)
            sent = frozenset(options) & {"temperature", "seed", "thinking"}
            fault = fault_of_status(
                error.status_code, words, model=name, sent=sent, after_s=error.retry_after, secret=self._key
            )
            if fault.kind is FaultKind.PARAMETER:
                self._refused[fault.detail] = None
                _LOG.warning("%s refuses %s; it is left out from now on", name, fault.detail)
            raise fault from None
        except (exceptions.ModelTimeoutError, exceptions.ModelRequestTimeout):
            raise ModelFault(FaultKind.TIMEOUT, f"{name}: no whole answer within {limit_s:g} s") from None
        except exceptions.ModelAPIError as error:
            raise ModelFault(FaultKind.NETWORK, f"{name}: {cleaned(str(error), self._key)}") from None
        except exceptions.AgentRunError as error:
            raise ModelFault(FaultKind.GARBLED, f"{name}: {cleaned(str(error), self._key)}") from None
        return _completion(response, name, self._clock.monotonic_s() - started_s)

    def _built(self) -> Model[Any]:
        if self._model is None:
            self._model = _BUILDERS[self._settings.endpoint.provider](self._settings.name, self._key, self._client())
        return self._model


def _anthropic(name: str, key: str, client: httpx2.AsyncClient) -> Model[Any]:
    from pydantic_ai.models.anthropic import AnthropicModel
    from pydantic_ai.providers.anthropic import AnthropicProvider

    return AnthropicModel(name, provider=AnthropicProvider(api_key=key, http_client=client))


def _gemini(name: str, key: str, client: httpx2.AsyncClient) -> Model[Any]:
    from pydantic_ai.models.google import GoogleModel
    from pydantic_ai.providers.google import GoogleProvider

    return GoogleModel(name, provider=GoogleProvider(api_key=key, http_client=client))


_BUILDERS: dict[str, Callable[[str, str, Any], Any]] = {"anthropic": _anthropic, "gemini": _gemini}


def _messages(prompt: Prompt, *, marks: bool) -> list[ModelMessage]:
    """A prompt as messages, with a mark for the cache where a part that stays ends with a user's words."""
    from pydantic_ai.messages import CachePoint, ModelRequest, ModelResponse, SystemPromptPart, TextPart, UserPromptPart

    stable, rest = messages_around_mark(prompt)
    found: list[ModelMessage] = []
    for number, message in enumerate([*stable, *rest], start=1):
        role, text = message["role"], message["content"]
        if role == "assistant":
            found.append(ModelResponse(parts=[TextPart(content=text)]))
            continue
        content: list[str | CachePoint] = [text, CachePoint()] if marks and number == len(stable) else [text]
        part = SystemPromptPart(content=text) if role == "system" else UserPromptPart(content=content)
        if found and isinstance(found[-1], ModelRequest):
            found[-1] = ModelRequest(parts=[*found[-1].parts, part])
        else:
            found.append(ModelRequest(parts=[part]))
    if not found:
        raise ConfigError("the prompt is empty; there is nothing to ask the model")
    return found


def _completion(response: ModelResponse, name: str, wall_s: float) -> Completion:
    from pydantic_ai.messages import TextPart

    text = "".join(part.content for part in response.parts if isinstance(part, TextPart))
    text = text.encode("utf-8", errors="replace").decode("utf-8")  # a run file holds no lone surrogate
    stop: str = response.finish_reason or "unknown"
    if not text.strip():
        text, stop = "", _NO_ANSWER.get(stop, "empty")
    elif len(text) > MOST_CHARACTERS:
        text, stop = text[:MOST_CHARACTERS], "too_long"
    usage = response.usage
    into = usage.input_tokens
    credible = usage.cache_read_tokens + usage.cache_write_tokens <= into
    counted = usage.input_tokens > 0 or usage.output_tokens > 0
    return Completion(
        text=text,
        stop_reason=stop,
        model=response.model_name or name,
        spending=Spending(
            cost_usd=None,
            input_tokens=into if counted else -1,
            output_tokens=usage.output_tokens if counted else -1,
            cached_tokens=usage.cache_read_tokens if credible else 0,
            cache_write_tokens=usage.cache_write_tokens if credible else 0,
            wall_s=wall_s,
            calls=1,
        ),
    )
