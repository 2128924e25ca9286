"""How a model is named and set: a provider and a model, or an address and a model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from typing import Literal
from urllib.parse import urlsplit

from thekla.core.codec import decode
from thekla.core.errors import ConfigError
from thekla.core.values import Data

__all__ = ["PROVIDERS", "ROLES", "Endpoint", "ModelRule", "ModelSettings", "Provider", "settings_of"]

ROLES: Mapping[str, float] = {"refine": 0.8, "leap": 0.2, "repair": 0.0}
"""The roles of an ensemble, and the share of tickets that each gets; `repair` is asked by name only.

80/20: Cheng et al. 2025 (method.md, P6), fast refinement with now and then a leap by a reasoning model.
"""


@dataclass(frozen=True, kw_only=True)
class Provider:
    """Where a provider's OpenAI-compatible interface is, and its habits.

    Args:
        key_env: Environment variable with the key; empty if none is needed.
        prices: The provider's name in the price list; empty if nothing is charged for by the token.
        native: Whether the extra `llm` has an interface of the provider's own.
        marked: Pattern of the models for which a prompt must say how much of it to keep in the cache, in the OpenAI
            protocol; all others decide by themselves, or keep nothing.
    """

    base_url: str
    key_env: str = ""
    prices: str = ""
    tokens_parameter: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    native: bool = False
    marked: str = ""


PROVIDERS: Mapping[str, Provider] = {
    "openai": Provider(
        base_url="https://api.openai.com/v1",
        key_env="OPENAI_API_KEY",
        prices="openai",
        tokens_parameter="max_completion_tokens",
    ),
    "anthropic": Provider(
        base_url="https://api.anthropic.com/v1", key_env="ANTHROPIC_API_KEY", prices="anthropic", native=True
    ),
    "gemini": Provider(
        base_url="https://generativelanguage.googleapis.com/v1beta/openai",
        key_env="GEMINI_API_KEY",
        prices="google",
        native=True,
    ),
    "openrouter": Provider(
        base_url="https://openrouter.ai/api/v1",
        key_env="OPENROUTER_API_KEY",
        prices="openrouter",
        marked="anthropic/*",
    ),
    "ollama": Provider(base_url="http://localhost:11434/v1"),
    "vllm": Provider(base_url="http://localhost:8000/v1"),
    "llamacpp": Provider(base_url="http://localhost:8080/v1"),
}


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """An address that speaks the OpenAI protocol, and what is sent to it.

    Args:
        marks_cache: Whether the part of a prompt that stays is marked for the provider's cache.
    """

    base_url: str
    model: str
    provider: str
    key_env: str
    tokens_parameter: Literal["max_tokens", "max_completion_tokens"]
    marks_cache: bool = False


@dataclass(frozen=True, kw_only=True)
class ModelSettings:
    """A model of an ensemble.

    Args:
        model: `provider:model` with a provider of `PROVIDERS`, or `https://host/v1#model` for any other endpoint.
        role: `refine`, `leap` or `repair`; decides the share of tickets unless `weight` does.
        weight: Share of tickets, relative to those of the others; negative for the role's own.
        temperature: None leaves it to the provider.
        max_tokens: Longest answer, reasoning included.
        effort: Reasoning effort in the provider's words; empty leaves it to the provider.
        format: How the answer is written: `edit` (SEARCH/REPLACE), `diff`, `full`, or `auto` by length.
        interface: `openai` for the OpenAI protocol, `native` for the provider's own (extra `llm`), `auto` for native
            where it is installed.
        key_env: Environment variable with the key, if it is not the provider's usual one.
        cache: Whether the part of a prompt that stays is marked for the caches of providers that want a mark. What they
            write costs a quarter more and is kept for five minutes from its last use; reading it costs a tenth.
        input_usd_per_mtok, output_usd_per_mtok: Price of a million tokens; both or none, then the price list decides.

    Raises:
        ConfigError: The model is not named in one of the two forms, or a setting is out of range.
    """

    model: str
    role: str = "refine"
    weight: float = -1.0
    temperature: float | None = None
    max_tokens: int = 16_000
    effort: str = ""
    format: str = "auto"
    interface: str = "auto"
    key_env: str = ""
    cache: bool = True
    input_usd_per_mtok: float | None = None
    output_usd_per_mtok: float | None = None

    def __post_init__(self) -> None:
        _one_of("role", self.role, ROLES)
        _one_of("format", self.format, ("auto", "edit", "diff", "full"))
        _one_of("interface", self.interface, ("auto", "openai", "native"))
        if self.max_tokens < 1 or not math.isfinite(self.weight):
            raise ConfigError(f"model {self.model!r}: max_tokens and weight must be numbers, max_tokens at least 1")
        prices = (self.input_usd_per_mtok, self.output_usd_per_mtok)
        if (prices[0] is None) != (prices[1] is None) or any(price is not None and price < 0 for price in prices):
            raise ConfigError(
                f"model {self.model!r}: give input_usd_per_mtok and output_usd_per_mtok both, as numbers of at least 0"
            )
        _ = self.endpoint

    @property
    def share(self) -> float:
        """Its share of tickets, relative to the others'."""
        return self.weight if self.weight >= 0 else ROLES[self.role]

    @property
    def name(self) -> str:
        """The model without its address, as it is shown."""
        return self.endpoint.model

    @property
    def endpoint(self) -> Endpoint:
        """Where the model is.

        Raises:
            ConfigError: The name has neither form.
        """
        url, mark, model = self.model.partition("#")
        parts = urlsplit(url)
        if mark and model and parts.scheme in ("http", "https") and parts.netloc:
            return Endpoint(
                base_url=url.rstrip("/"), model=model, provider="", key_env=self.key_env, tokens_parameter="max_tokens"
            )
        provider, colon, model = self.model.partition(":")
        if not (colon and model and provider in PROVIDERS):
            raise ConfigError(
                f"model {self.model!r} is unknown; name it provider:model with one of {', '.join(PROVIDERS)}, "
                "or https://host/v1#model for another endpoint that speaks the OpenAI protocol"
            )
        known = PROVIDERS[provider]
        return Endpoint(
            base_url=known.base_url,
            model=model,
            provider=provider,
            key_env=self.key_env or known.key_env,
            tokens_parameter=known.tokens_parameter,
            marks_cache=self.cache and bool(known.marked) and fnmatch(model, known.marked),
        )


@dataclass(frozen=True, kw_only=True)
class ModelRule:
    """Settings for models whose name fits a pattern (`gpt-5*`), where they are not set already."""

    models: str
    temperature: float | None = None
    effort: str = ""


def settings_of(entries: Sequence[Mapping[str, Data]], rules: Sequence[Mapping[str, Data]] = ()) -> list[ModelSettings]:
    """Models as a file of options lists them; the first rule that fits a name fills what its entry leaves open.

    Raises:
        ConfigError: An entry has an unknown or wrong setting.
    """
    try:
        known = [decode(ModelRule, rule) for rule in rules]
        models = [decode(ModelSettings, entry) for entry in entries]
    except (ValueError, TypeError) as error:
        raise ConfigError(f"the ensemble cannot be read: {error}") from error
    return [_ruled(model, known) for model in models]


def _ruled(model: ModelSettings, rules: Sequence[ModelRule]) -> ModelSettings:
    name = model.name.rpartition("/")[2]
    rule = next((one for one in rules if fnmatch(name, one.models)), None)
    if rule is None:
        return model
    temperature = rule.temperature if model.temperature is None else model.temperature
    return replace(model, temperature=temperature, effort=model.effort or rule.effort)


def _one_of(field: str, value: str, known: object) -> None:
    names = list(known) if isinstance(known, Mapping | tuple) else []
    if value not in names:
        raise ConfigError(f"a model's {field} is {value!r}; use one of {', '.join(names)}")
