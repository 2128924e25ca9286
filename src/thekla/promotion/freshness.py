"""The program and the baseline on instances that nobody has met."""

from __future__ import annotations

from collections.abc import Sequence

from thekla.analysis.contest import contest, contest_tables
from thekla.core.codec import encode
from thekla.core.evaluation import Failed, Outcome, Scored
from thekla.core.problem import Instance
from thekla.core.program import Program
from thekla.core.visible import number
from thekla.promotion.checks import Check, Judge, Rivals, met_on, percent, relative_gain

__all__ = ["freshness"]

_CHECK = "fresh instances"
_PROGRAM = "program"


async def freshness(
    rivals: Rivals, judge: Judge, instances: Sequence[Instance], simpler: Program | None, *, called: str, seed: int
) -> Check:
    """Passed if the program is better than the baseline beyond what chance among the instances explains.

    Args:
        called: What the instances are, in a word.
        simpler: The simplified program, which is shown beside it.
    """
    pair = await met_on(rivals, judge, instances)
    if isinstance(pair.program, Failed):
        summary = f"It fails ({pair.program.kind}): {pair.program.message}"
        return Check(name=_CHECK, passed=False, summary=summary)
    if isinstance(pair.baseline, Failed):
        summary = f"{rivals.baseline_name} fails ({pair.baseline.kind}), so there is nothing to compare with."
        return Check(name=_CHECK, passed=None, summary=summary)
    entrants: dict[str, Outcome] = {_PROGRAM: pair.program, rivals.baseline_name: pair.baseline}
    if simpler is not None and simpler != rivals.program:
        entrants["simplified"] = await judge(simpler, instances)
    name = rivals.objective.name
    scores = {
        who: {instance: result.scores[name] for instance, result in outcome.instances.items()}
        for who, outcome in entrants.items()
        if isinstance(outcome, Scored)
    }
    held = contest(scores, rivals.objective, split=called, seed=seed)
    assert held is not None
    duel = held.duels[0]
    summary = (
        f"On {len(instances)} {called} instances the gain over {rivals.baseline_name} is "
        f"{percent(relative_gain(pair, rivals.objective))}: better on {duel.paired.wins}, equal on {duel.paired.ties}, "
        f"worse on {duel.paired.losses}, p = {number(duel.p_adjusted, digits=2)}."
    )
    places, _ = contest_tables(held, rivals.objective)
    return Check(name=_CHECK, passed=duel.better == _PROGRAM, summary=summary, table=places, data=encode(held))
