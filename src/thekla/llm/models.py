"""Models by their settings: the request, its account, and all that makes it hold."""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from functools import cache
from random import Random
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

from thekla.core.errors import ConfigError, MissingExtraError
from thekla.core.protocols import ChatModel
from thekla.core.redaction import Redactor, secrets_of
from thekla.llm.account import Account, Book, Caps, Metered
from thekla.llm.deadline import REAL_TIME, Time
from thekla.llm.limits import Limited
from thekla.llm.pricing import price_of
from thekla.llm.redacted import Redacted
from thekla.llm.retry import Breaker, Retried, RetryPolicy
from thekla.llm.settings import PROVIDERS, ModelSettings
from thekla.llm.wire import Patience, WireModel

if TYPE_CHECKING:
    import httpx2

__all__ = ["ModelSource", "Models"]


@cache
def _certificates() -> ssl.SSLContext:
    """The usual certificates; reading them takes 0.1 s of CPU, so once per process."""
    import httpx2

    return httpx2.create_ssl_context()


class ModelSource(Protocol):
    """Where a generator gets its models from."""

    def chat(self, settings: ModelSettings) -> ChatModel:
        """The model of these settings.

        Raises:
            ConfigError: It cannot be used as it is set.
        """


class _Noting(Protocol):
    @property
    def notes(self) -> Sequence[str]: ...


class Models:
    """The models of a run: one account, one HTTP client, one stack of decorators per model.

    Used as an asynchronous context manager, it closes its connections at the end.

    Args:
        environment: Where keys are looked for.
        book: The facts of the run, for the account.
        most_at_once: Requests that one model gets at once.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        caps: Caps | None = None,
        book: Book | None = None,
        policy: RetryPolicy | None = None,
        patience: Patience | None = None,
        most_at_once: int = 16,
        clock: Time = REAL_TIME,
    ) -> None:
        self._environment = environment
        self._caps = caps or Caps()
        self.account = Account(self._caps, book)
        self._policy = policy
        self._patience = patience
        self._most_at_once = most_at_once
        self._clock = clock
        self._client: httpx2.AsyncClient | None = None
        self._made: dict[ModelSettings, ChatModel] = {}
        self._noting: list[_Noting] = []

    @property
    def notes(self) -> Sequence[str]:
        """What the models turned out not to accept."""
        return [note for model in self._noting for note in model.notes]

    def chat(self, settings: ModelSettings) -> ChatModel:
        """The model of these settings; the same for equal settings.

        Raises:
            ConfigError: Its key is missing, its extra is not installed, or a cap on money meets an unknown price.
        """
        if settings not in self._made:
            self._made[settings] = self._make(settings)
        return self._made[settings]

    def _make(self, settings: ModelSettings) -> ChatModel:
        name = settings.model
        price = self.account.price(name, price_of(settings))
        if price is None and self._caps.cost_usd is not None:
            raise ConfigError(
                f"the price of model {settings.model!r} is not known, so the cap of {self._caps.cost_usd:g} USD cannot "
                "be kept; give input_usd_per_mtok and output_usd_per_mtok with the model (0 for one of your own)"
            )
        # Innermost, so that what is recorded of requests and answers is clean, too.
        clean = Redacted(self._request(settings), Redactor(secrets_of(self._environment)))
        metered = Metered(clean, name=name, price=price, account=self.account)
        return Retried(
            Limited(metered, most=self._most_at_once, clock=self._clock),
            breaker=Breaker(name, clock=self._clock),
            policy=self._policy,
            rng=Random(0),  # the waits need only differ from each other
            clock=self._clock,
        )

    def _request(self, settings: ModelSettings) -> ChatModel:
        """What sends a single request."""
        key = self._key(settings)
        if self._native(settings):
            from thekla.llm.native import NativeModel

            native = NativeModel(settings, key=key, client=self._http, patience=self._patience, clock=self._clock)
            self._noting.append(native)
            return native
        wire = WireModel(
            settings.endpoint,
            client=self._http,
            key=key,
            effort=settings.effort,
            patience=self._patience,
            clock=self._clock,
        )
        self._noting.append(wire)
        return wire

    def _native(self, settings: ModelSettings) -> bool:
        provider = PROVIDERS.get(settings.endpoint.provider)
        possible = provider is not None and provider.native
        if settings.interface == "openai" or (settings.interface == "auto" and not possible):
            return False
        if not possible:
            known = ", ".join(name for name, one in PROVIDERS.items() if one.native)
            raise ConfigError(f"model {settings.model!r} has no native interface; those of {known} have")
        from importlib.util import find_spec

        if find_spec("pydantic_ai") is not None:
            return True
        if settings.interface == "native":
            raise MissingExtraError(f"the native interface of {settings.model!r}", extra="llm", package="pydantic-ai")
        return False

    def _key(self, settings: ModelSettings) -> str:
        """The key of a model, empty where none is needed.

        Raises:
            ConfigError: It is not in the environment.
        """
        variable = settings.endpoint.key_env
        if not variable:
            return ""
        key = self._environment.get(variable, "").strip()
        if not key:
            raise ConfigError(
                f"model {settings.model!r} needs a key, and the environment variable {variable} is not set; "
                f"set it, or name another variable with key_env"
            )
        return key

    def _http(self) -> httpx2.AsyncClient:
        """The one HTTP client, made for the first request."""
        if self._client is None:
            import httpx2

            patience = self._patience or Patience()
            wait = httpx2.Timeout(patience.idle_s, connect=patience.connect_s)
            room = httpx2.Limits(max_connections=None)
            self._client = httpx2.AsyncClient(limits=room, timeout=wait, verify=_certificates())
        return self._client

    async def __aenter__(self) -> Models:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None
