"""What tokens cost: the settings' own price, else the maintained list of `genai-prices`, which ships with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from thekla.core.run import Spending
from thekla.llm.settings import PROVIDERS, ModelSettings

__all__ = ["Price", "price_of"]

_MILLION = 1e6


@dataclass(frozen=True, kw_only=True)
class Price:
    """Dollars per million tokens, as a run keeps them.

    Args:
        cached_usd_per_mtok: Of input tokens that the provider has in its cache; None if they cost like others.
        long_from_tokens: Input length from which `long_*` holds for the whole request; 0 if there is no such step.
            What is read from and written to a cache then costs more in proportion, as it does in the price list.
        cache_write_usd_per_mtok: Of input tokens that the provider writes to its cache; None if they cost like others.
    """

    input_usd_per_mtok: float
    output_usd_per_mtok: float
    cached_usd_per_mtok: float | None = None
    long_from_tokens: int = 0
    long_input_usd_per_mtok: float = 0.0
    long_output_usd_per_mtok: float = 0.0
    source: str = ""
    cache_write_usd_per_mtok: float | None = None

    def cost_usd(self, spending: Spending) -> float:
        """What the tokens cost."""
        return self._cost(
            spending.input_tokens, spending.output_tokens, spending.cached_tokens, spending.cache_write_tokens
        )

    def worst_usd(self, *, input_tokens: int, output_tokens: int) -> float:
        """The most that a request can cost: nothing is in the cache, or all is written to it if that is dearer."""
        dearer = (self.cache_write_usd_per_mtok or 0.0) > self.input_usd_per_mtok
        return self._cost(input_tokens, output_tokens, 0, input_tokens if dearer else 0)

    def _cost(self, input_tokens: int, output_tokens: int, read: int, written: int) -> float:
        long = 0 < self.long_from_tokens < input_tokens
        per_input = self.long_input_usd_per_mtok if long else self.input_usd_per_mtok
        per_output = self.long_output_usd_per_mtok if long else self.output_usd_per_mtok
        paid = (input_tokens - read - written) * per_input + output_tokens * per_output
        paid += read * self._in_proportion(self.cached_usd_per_mtok, per_input)
        paid += written * self._in_proportion(self.cache_write_usd_per_mtok, per_input)
        return paid / _MILLION

    def _in_proportion(self, special: float | None, per_input: float) -> float:
        """A special price of input tokens, where others cost `per_input`."""
        if special is None or self.input_usd_per_mtok == 0:
            return per_input if special is None else special
        return special * (per_input / self.input_usd_per_mtok)


def price_of(settings: ModelSettings) -> Price | None:
    """The price of a model today, None where none is known."""
    if settings.input_usd_per_mtok is not None and settings.output_usd_per_mtok is not None:
        return Price(
            input_usd_per_mtok=settings.input_usd_per_mtok,
            output_usd_per_mtok=settings.output_usd_per_mtok,
            source="settings",
        )
    endpoint = settings.endpoint
    listed = PROVIDERS[endpoint.provider].prices if endpoint.provider else ""
    return _listed_price(listed, endpoint.model) if listed else None


def _listed_price(provider: str, model: str) -> Price | None:
    from importlib.metadata import version

    from genai_prices.data_snapshot import get_snapshot

    try:
        _, info = get_snapshot().find_provider_model(model, None, provider, None)
    except LookupError:
        return None
    listed = info.get_prices(datetime.now(UTC))
    into, out = _steps(listed.input_mtok), _steps(listed.output_mtok)
    if into is None or out is None:
        return None
    cached, written = _steps(listed.cache_read_mtok), _steps(listed.cache_write_mtok)
    return Price(
        input_usd_per_mtok=into[0],
        output_usd_per_mtok=out[0],
        cached_usd_per_mtok=cached[0] if cached else None,
        cache_write_usd_per_mtok=written[0] if written else None,
        long_from_tokens=into[1],
        long_input_usd_per_mtok=into[2],
        long_output_usd_per_mtok=out[2],
        source=f"genai-prices {version('genai-prices')}",
    )


def _steps(listed: Any) -> tuple[float, int, float] | None:
    """Base price, first step and the highest price after it, of a flat or a stepped price."""
    if listed is None:
        return None
    base = getattr(listed, "base", None)
    if base is None:
        return float(listed), 0, float(listed)
    steps = sorted(((step.start, step.price) for step in listed.tiers), key=lambda step: int(step[0]))
    if not steps:
        return float(base), 0, float(base)
    return float(base), int(steps[0][0]), float(max(price for _, price in steps))
