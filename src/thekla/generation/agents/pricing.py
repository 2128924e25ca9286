"""What the work of an agent costs that names no price: its tokens at the prices of the list."""

from __future__ import annotations

from dataclasses import replace

from thekla.core.errors import ConfigError
from thekla.core.run import Spending
from thekla.generation.agents.tools import AgentTool
from thekla.llm import ModelSettings, Price, price_of

__all__ = ["cost_of", "names_its_cost"]


def names_its_cost(tool: AgentTool, model: str) -> bool:
    """Whether the cost of its work will be known: it says so itself, or says which models it used, or is told which."""
    return not tool.needs_model or _price(tool, model) is not None


def cost_of(tool: AgentTool, model: str, used: Spending) -> float | None:
    """The cost of tokens of a model of the tool's provider; None if it is not known.

    They are those of many requests, so the price of a long one is that of none of them.
    """
    price = _price(tool, model)
    return replace(price, long_from_tokens=0).cost_usd(used) if price is not None else None


def _price(tool: AgentTool, model: str) -> Price | None:
    try:
        return price_of(ModelSettings(model=f"{tool.provider}:{model}"))
    except ConfigError:
        return None
