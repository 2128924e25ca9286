"""The search for workloads on which a program does worse than the baseline: at random, then around the worst found."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from thekla.analysis.tables import Table
from thekla.core.codec import encode
from thekla.core.problem import Instance
from thekla.core.protocols import WorkloadSpace
from thekla.core.rng import derive_seed
from thekla.core.visible import visible
from thekla.promotion.checks import Check, Judge, Rivals, finite, met_on, percent, relative_gain, text_of

__all__ = ["Duel", "adversary"]

TOLERATED = 0.1  # a loss of a tenth of the baseline's score on the worst workload found
_SHOWN = 8


@dataclass(frozen=True, kw_only=True)
class Duel:
    """Program and baseline on one workload.

    Args:
        found: `random`, or `mutation` of a workload that was bad for the program.
        gain: Relative to the baseline, negative if worse; minus infinity if only the program fails.
    """

    instance: str
    found: str
    score: str
    baseline_score: str
    gain: float


async def adversary(
    rivals: Rivals,
    judge: Judge,
    drawn: Sequence[Instance],
    space: WorkloadSpace | None,
    *,
    mutations: int,
    seed: int,
    tolerated: float = TOLERATED,
) -> Check:
    """The worst workloads for the program, against the baseline.

    Args:
        drawn: Random workloads, with which it begins.
        mutations: Workloads that are made by changing the worst so far, one by one, and kept if they are worse.
        tolerated: The largest relative loss on any of them with which the check is still passed.
    """
    first = await asyncio.gather(*(_meet(rivals, judge, instance, "random") for instance in drawn))
    met = [(instance, duel) for instance, duel in zip(drawn, first, strict=True) if duel is not None]
    if not met:
        return Check(name="adversary", passed=None, summary="No workload could be drawn on which the baseline scores.")
    for step in range(mutations if space is not None else 0):
        worst = min(reversed(met), key=lambda pair: pair[1].gain)[0]  # the latest of equals, or it would never drift
        assert space is not None
        changed = space.varied(worst, seed=derive_seed(seed, "adversary", step))
        if changed is None:
            break
        duel = await _meet(rivals, judge, changed, "mutation")
        if duel is not None:
            met.append((changed, duel))
    duels = sorted((duel for _, duel in met), key=lambda duel: duel.gain)
    lost, worst_gain = sum(duel.gain < 0 for duel in duels), duels[0].gain
    mutated = sum(duel.found == "mutation" for duel in duels)
    summary = (
        f"Worse than {rivals.baseline_name} on {lost} of {len(duels)} workloads ({len(duels) - mutated} random, "
        f"{mutated} mutated towards its weakness); on the worst the gain is {percent(worst_gain)}."
    )
    if mutated == 0:
        summary += " The problem declares no neighbours of workloads, so none was mutated."
    return Check(
        name="adversary",
        passed=worst_gain >= -tolerated,
        summary=summary,
        table=_table(duels),
        data=finite(encode(duels)),
    )


async def _meet(rivals: Rivals, judge: Judge, instance: Instance, found: str) -> Duel | None:
    """The duel on a workload; None where the baseline has no score."""
    pair = await met_on(rivals, judge, [instance])
    gain = relative_gain(pair, rivals.objective)
    if gain is None:
        return None
    ours, theirs = (text_of(outcome, rivals.objective) for outcome in (pair.program, pair.baseline))
    return Duel(instance=instance.id, found=found, score=ours, baseline_score=theirs, gain=gain)


def _table(duels: Sequence[Duel]) -> Table:
    rows = [
        (visible(duel.instance), duel.found, duel.score, duel.baseline_score, percent(duel.gain))
        for duel in duels[:_SHOWN]
    ]
    return Table(
        title="Worst workloads",
        columns=("workload", "found by", "score", "baseline", "gain"),
        rows=tuple(rows),
        note=f"The worst {len(rows)} of {len(duels)}.",
        left=2,
    )
