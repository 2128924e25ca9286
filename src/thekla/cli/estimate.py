"""A forecast as people read it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from thekla.cli import output
from thekla.core.visible import duration, number

if TYPE_CHECKING:
    from thekla.assembly import Forecast

__all__ = ["say_forecast"]


def say_forecast(found: Forecast, *, as_json: bool) -> None:
    """Print a forecast as a table, or as JSON."""
    if as_json:
        output.print_json({"forecast": found.data})
        return

    def count(value: float) -> str:
        return number(round(value), digits=4)

    def money(value: float) -> str:
        return f"${value:,.2f}"

    kinds: list[tuple[str, str, Callable[[float], str]]] = [
        ("evaluations", "evaluations", count),
        ("proposals", "proposals", count),
        ("requests to models", "requests", count),
        ("tokens in", "input_tokens", count),
        ("tokens out", "output_tokens", count),
        ("cost", "cost_usd", money),
        ("time", "wall_s", duration),
    ]
    rows = []
    for label, name, shown in kinds:
        value = getattr(found, name)
        if value is None:
            rows.append((label, "not known", "", ""))
        elif value.high > 0 or name in ("cost_usd", "wall_s"):
            rows.append((label, shown(value.expected), shown(value.low), shown(value.high)))
    output.table(("what", "expected", "low", "high"), rows)
    output.say(f"One evaluation takes {number(found.evaluation_cpu_s, digits=3)} s of CPU; ended by: {found.ends_by}.")
    for note in found.notes:
        output.say(f"- {note}")
