"""What a run tells those who watch it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from thekla.core.budget import Budget, Ledger
from thekla.core.evaluation import Failed, FailureKind, Scored
from thekla.core.lead import Lead
from thekla.core.problem import Constraint, Objective
from thekla.core.run import Told

__all__ = ["Observer", "Progress", "Tally"]


@dataclass(frozen=True, kw_only=True)
class Progress:
    """The state of a run after an outcome was told, or while it closes.

    Args:
        phase: `search`, `validation`, `holdout` or `closed`.
        best: The best score so far of the first objective; None before anything was scored.
        baseline: The score of the first seed.
        replayed: True while a resumed run goes through what it has recorded.
        quarantined: Those of the failures that scored better than a proven bound.
        still: For how many evaluations the search has stood still, if people are asked for ideas; else 0.
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
    still: int = 0


Observer: TypeAlias = Callable[[Progress], None]


@dataclass
class Tally:
    """What progress says of the outcomes so far, kept up to date told by told.

    Args:
        objective: The one whose best score is shown.
        constraints: Feasible programs lead before all others.
    """

    objective: Objective
    constraints: Sequence[Constraint] = ()
    failures: int = 0
    duplicates: int = 0
    quarantined: int = 0
    baseline: float | None = None
    best: float | None = None
    _lead: Lead = field(init=False)

    def __post_init__(self) -> None:
        self._lead = Lead(self.objective, self.constraints)

    def take(self, told: Told) -> None:
        """Take in an outcome."""
        if isinstance(told.outcome, Failed):
            self.duplicates += told.outcome.kind is FailureKind.DUPLICATE
            self.failures += told.outcome.kind not in (FailureKind.DUPLICATE, FailureKind.NOTE)
            self.quarantined += told.outcome.kind is FailureKind.QUARANTINED
            return
        score = told.outcome.scores[self.objective.name]
        if self.baseline is None:
            self.baseline = score
        if self._lead.take(told.outcome):
            self.best = score

    def is_led_by(self, outcome: Scored) -> bool:
        """Whether it is better than the best so far; what is first leads nobody."""
        return not self._lead.is_open and self._lead.is_lost_to(outcome)

    def progress(
        self,
        *,
        run_id: str,
        phase: str,
        ledger: Ledger,
        budget: Budget,
        elapsed_s: float,
        replayed: bool,
        judged: int = 0,
        to_judge: int = 0,
    ) -> Progress:
        """What those who watch are told; arguments as those of `Progress`."""
        return Progress(
            run_id=run_id,
            phase=phase,
            evaluations=ledger.evaluations,
            budget=budget.evaluations,
            proposals=ledger.proposals,
            failures=self.failures,
            duplicates=self.duplicates,
            best=self.best,
            baseline=self.baseline,
            objective=self.objective.name,
            unit=self.objective.unit,
            elapsed_s=elapsed_s,
            cost_usd=ledger.cost_usd,
            replayed=replayed,
            judged=judged,
            to_judge=to_judge,
            quarantined=self.quarantined,
        )
