"""What a run tells those who watch it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["Observer", "Progress"]


@dataclass(frozen=True, kw_only=True)
class Progress:
    """The state of a run after an outcome was told, or while it closes.

    Args:
        phase: `search`, `validation`, `holdout` or `closed`.
        best: The best score so far of the first objective; None before anything was scored.
        baseline: The score of the first seed.
        replayed: True while a resumed run goes through what it has recorded.
        quarantined: Those of the failures that scored better than a proven bound.
        judged, to_judge: While the run closes, how many candidates and baselines are judged on the split at hand.
    """

    run_id: str
    phase: str
    evaluations: int
    budget: int | None
    proposals: int
    failures: int
    duplicates: int
    best: float | None
    baseline: float | None
    objective: str
    unit: str
    elapsed_s: float
    cost_usd: float
    replayed: bool = False
    judged: int = 0
    to_judge: int = 0
    quarantined: int = 0


Observer: TypeAlias = Callable[[Progress], None]
