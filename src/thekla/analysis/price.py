"""What an improvement cost."""

from __future__ import annotations

from dataclasses import dataclass

from thekla.analysis.reading import RunView

__all__ = ["ImprovementPrice", "price_of_improvement"]


@dataclass(frozen=True, kw_only=True)
class ImprovementPrice:
    """What one percent of improvement over the seed's score on train cost, over the whole search.

    Args:
        cost_usd: Of generator calls; None if nothing was paid, or not every call has a known price.
        cpu_s: Of the search's evaluations.
    """

    percent: float
    cost_usd: float | None
    evaluations: float
    cpu_s: float


def price_of_improvement(view: RunView) -> ImprovementPrice | None:
    """The price; None without an improvement, or where the seed's score allows no percentage."""
    if view.seed is None or view.leader is None:
        return None
    before, after = view.score(view.seed.outcome), view.score(view.leader.outcome)
    if before is None or after is None or before == 0:
        return None
    percent = 100 * (view.objective.gain(after) - view.objective.gain(before)) / abs(before)
    if percent <= 0:
        return None
    ledger = view.ledger
    known = ledger.cost_usd > 0 and not ledger.unpriced_calls
    return ImprovementPrice(
        percent=percent,
        cost_usd=ledger.cost_usd / percent if known else None,
        evaluations=ledger.evaluations / percent,
        cpu_s=ledger.search_cpu_s / percent,
    )
