"""Numbers and names as the checks say them."""

from __future__ import annotations

from thekla.audit.bench import Bench
from thekla.core.visible import number

__all__ = ["score_text"]


def score_text(bench: Bench, gain: float) -> str:
    """A gain as the score that it is, with its unit."""
    objective = bench.objective
    value = gain if objective.direction == "maximize" else -gain
    unit = f" {objective.unit}" if objective.unit not in ("", "1") else ""
    return f"{number(value)}{unit}"
