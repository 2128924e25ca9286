"""What a run may spend, and what it has spent."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from thekla.core.run import Spending

__all__ = ["Budget", "Ledger"]


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Hard caps; None is no cap.

    Args:
        evaluations: Candidates that reach the train split (duplicates and those that a check or a tiny case stops are
            free).
        proposals: Generator calls; by default 20 per evaluation, so that a search that only repeats itself ends.
        wall_s: Wall time of the search, summed over resumptions.
        cpu_s: CPU time of the search's evaluations, as the host read it from the kernel, failed ones included.
        cost_usd: Money for generator calls, those of unknown cost at the most that they can have cost.
        tokens: Tokens into and out of models.
        calls: Requests to models, repetitions included.

    Raises:
        ValueError: There is no cap that ends the run, or one is not positive.
    """

    evaluations: int | None = 200
    proposals: int | None = None
    wall_s: float | None = None
    cost_usd: float | None = None
    tokens: int | None = None
    calls: int | None = None
    cpu_s: float | None = None

    def __post_init__(self) -> None:
        for name in ("evaluations", "proposals", "wall_s", "cost_usd", "tokens", "calls", "cpu_s"):
            value = getattr(self, name)
            if value is not None and not (value > 0 and math.isfinite(value)):
                raise ValueError(f"budget {name} is {value!r}; it must be a positive number")
        if self.evaluations is None and self.proposals is None and self.wall_s is None:
            raise ValueError("a budget needs a cap on evaluations, proposals or wall time; none would ever end the run")

    @property
    def proposal_cap(self) -> int | None:
        """Most generator calls of the run."""
        if self.proposals is not None or self.evaluations is None:
            return self.proposals
        return 20 * self.evaluations


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """What has been spent so far; `unknown_usd` is the most that calls cost whose answer never came whole."""

    proposals: int = 0
    evaluations: int = 0
    wall_s: float = 0.0
    cpu_s: float = 0.0
    cost_usd: float = 0.0
    unpriced_calls: int = 0
    unknown_usd: float = 0.0
    tokens: int = 0
    calls: int = 0

    def after(self, spending: Spending, *, counted: bool, cpu_s: float) -> Ledger:
        """The ledger with one more outcome: what its proposal cost, and whether it uses the budget of evaluations."""
        return replace(
            self,
            evaluations=self.evaluations + counted,
            cpu_s=self.cpu_s + cpu_s,
            cost_usd=self.cost_usd + (spending.cost_usd or 0.0),
            unpriced_calls=self.unpriced_calls + (spending.cost_usd is None),
            unknown_usd=self.unknown_usd + spending.unknown_usd,
            tokens=self.tokens + spending.input_tokens + spending.output_tokens,
            calls=self.calls + spending.calls,
        )

    def exhausted(self, budget: Budget) -> str:
        """The name of the cap that is reached, or an empty text."""
        caps = (
            ("evaluations", self.evaluations, budget.evaluations),
            ("proposals", self.proposals, budget.proposal_cap),
            ("wall_s", self.wall_s, budget.wall_s),
            ("cost_usd", self.cost_usd + self.unknown_usd, budget.cost_usd),
            ("tokens", self.tokens, budget.tokens),
            ("calls", self.calls, budget.calls),
            ("cpu_s", self.cpu_s, budget.cpu_s),
        )
        return next((name for name, spent, cap in caps if cap is not None and spent >= cap), "")
