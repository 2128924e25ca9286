"""The gate: all checks, in order, and one answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from thekla.core.problem import Instance
from thekla.core.program import Program
from thekla.core.protocols import WorkloadSpace
from thekla.promotion.ablation import ablation
from thekla.promotion.adversary import adversary
from thekla.promotion.checks import Check, Judge, Rivals
from thekla.promotion.freshness import freshness
from thekla.promotion.scaling import FACTORS, scaling
from thekla.promotion.simplification import simplify
from thekla.promotion.variants import rediscovery, variants

__all__ = ["Effort", "Grounds", "Promotion", "promote"]


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How hard the gate tries.

    Args:
        scaled: Instances that are resized.
        tolerance: The share of its score that simplification may cost, in [0, 1).
        tries: Programs that simplification may evaluate.
        mechanisms: Mechanisms that ablation takes out, one at a time.
        mutations: Workloads that the adversary makes by changing the worst so far.

    Raises:
        ValueError: A number is negative, or the tolerance outside its range.
    """

    factors: tuple[float, ...] = FACTORS
    scaled: int = 2
    tolerance: float = 0.01
    tries: int = 60
    mechanisms: int = 24
    mutations: int = 20

    def __post_init__(self) -> None:
        if not 0 <= self.tolerance < 1:
            raise ValueError(f"the tolerance of simplification is {self.tolerance!r}; give a share in [0, 1)")
        if min(self.scaled, self.tries, self.mechanisms, self.mutations) < 0 or not self.factors:
            raise ValueError("the gate's effort holds a negative number, or no factor of size")


@dataclass(frozen=True, kw_only=True)
class Grounds:
    """The instances on which the gate works.

    Args:
        known: Those that steered the search: on them it is simplified, ablated, resized and perturbed.
        fresh: Those that nobody has met, or what comes nearest to it.
        fresh_name: What those are, in a word.
        drawn: Further ones, with which the adversary begins.
        space: How instances can be changed; None if the problem does not say.
    """

    known: Sequence[Instance]
    fresh: Sequence[Instance]
    drawn: Sequence[Instance]
    space: WorkloadSpace | None = None
    fresh_name: str = "fresh"


@dataclass(frozen=True, kw_only=True)
class Promotion:
    """What the gate says.

    Args:
        simplified: The program without what it does not need.
    """

    checks: tuple[Check, ...]
    program: Program
    simplified: Program
    baseline: str

    @property
    def passed(self) -> bool:
        """Whether no check was failed; those that could not be made stop nobody."""
        return all(check.passed is not False for check in self.checks)


async def promote(
    rivals: Rivals,
    judge: Judge,
    grounds: Grounds,
    *,
    effort: Effort,
    seed: int,
    report: Callable[[str], None] = lambda check: None,
) -> Promotion:
    """All checks.

    Args:
        report: Hears the name of each check before it begins.
    """
    report("simplification")
    simplification, simpler = await simplify(
        rivals, judge, grounds.known, tolerance=effort.tolerance, most_tries=effort.tries
    )
    report("fresh instances")
    fresh = await freshness(rivals, judge, grounds.fresh, simpler, called=grounds.fresh_name, seed=seed)
    report("scaling")
    resized = grounds.known[: effort.scaled]
    scaled = await scaling(rivals, judge, resized, grounds.space, factors=effort.factors)
    report("adversary")
    attacked = await adversary(rivals, judge, grounds.drawn, grounds.space, mutations=effort.mutations, seed=seed)
    report("variants")
    changed = await variants(rivals, judge, grounds.known, grounds.space, seed=seed)
    report("ablation")
    ablated = await ablation(rivals, judge, simpler, grounds.known, most=effort.mechanisms)
    return Promotion(
        checks=(fresh, scaled, attacked, rediscovery(rivals), changed, simplification, ablated),
        program=rivals.program,
        simplified=simpler,
        baseline=rivals.baseline_name,
    )
