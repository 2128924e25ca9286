"""The choice of an operator by what it has earned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

from thekla.core.values import Data
from thekla.generation.mutation.edits import Operator

__all__ = ["choose_operator", "operator_weights"]

_PRIOR_TRIALS = 8.0  # an operator keeps about its base weight until it was tried this often
_PRIOR_RATE = 0.08  # share of edits that improve a program, early in a search
_FLOOR = 0.25  # share of choices that ignore the credit, so that no operator dies out


def _number(value: Data) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 else 0.0


def operator_weights(operators: Sequence[Operator], credit: Data) -> list[float]:
    """Probabilities of choice: base weight times a smoothed success rate, over a floor for exploration.

    Args:
        credit: By operator: `tried`, `improved` and `failed` (counts, possibly decayed) and `gain`, as the prompt's
            section `operators` has it. Anything else counts as no experience.
    """
    known = credit if isinstance(credit, Mapping) else {}
    base = [operator.weight for operator in operators]
    earned = []
    for operator in operators:
        entry = known.get(operator.name)
        counts: Mapping[str, Data] = entry if isinstance(entry, Mapping) else {}
        tried, improved = _number(counts.get("tried")), _number(counts.get("improved"))
        failed = min(_number(counts.get("failed")), tried)
        rate = (improved + _PRIOR_RATE * _PRIOR_TRIALS) / (tried + _PRIOR_TRIALS)
        survival = 1.0 - 0.7 * failed / (tried + _PRIOR_TRIALS)
        earned.append(operator.weight * rate * survival)
    total_base, total_earned = sum(base), sum(earned)
    return [
        _FLOOR * one / total_base + (1.0 - _FLOOR) * other / total_earned
        for one, other in zip(base, earned, strict=True)
    ]


def choose_operator(operators: Sequence[Operator], weights: Sequence[float], rng: Random) -> Operator:
    """One operator, drawn in proportion to the weights."""
    return rng.choices(operators, weights)[0]
