"""The end of a run: freeze the finalists, choose by validation, and open the hold-out once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from thekla.core.constraints import violation
from thekla.core.evaluation import Outcome, Scored
from thekla.core.journal import Closed, Frozen, HoldoutOpened, Judged
from thekla.core.preference import by_preference
from thekla.core.problem import Baseline, Instance, Objective, Problem, Split
from thekla.core.program import Candidate
from thekla.core.protocols import Evaluator
from thekla.engine.journaling import Journal

__all__ = ["close_run"]

FINALISTS = 3


async def close_run(
    problem: Problem,
    evaluator: Evaluator,
    journal: Journal,
    *,
    scored: Sequence[tuple[Candidate, Scored]],
    baselines: Sequence[Baseline],
    report: Callable[[str, int, int], None],
) -> Closed:
    """Judge the finalists on validation, and the best of them beside the ladder on every split, the hold-out last.

    The hold-out's seeds derive from the journal's hash at that point: the choice of the winner is already in it.

    Args:
        scored: All scored candidates in the order in which they were told; the first is the seed.
        report: Hears the phase, and how many of how many rows of a split are judged.
    """
    seed, finalists = scored[0][0], _finalists(problem, scored)
    journal.write(Frozen(finalists=tuple(candidate.id for candidate in finalists)))
    journal.flush()
    validating, opening = partial(report, "validation"), partial(report, "holdout")
    ladder = [Baseline(name=seed.id, role="seed", program=seed.program), *baselines]
    rows = [Baseline(name=candidate.id, role="finalist", program=candidate.program) for candidate in finalists]
    winner = rows[0]
    if problem.instances.get(Split.VALIDATION):
        instances = problem.instances[Split.VALIDATION]
        outcomes = await _judge(evaluator, journal, rows, Split.VALIDATION, instances, validating)
        winner = _best(problem, rows, outcomes)
    winner = replace(winner, role="winner")
    for split in (Split.TRAIN, Split.VALIDATION, Split.PUBLIC):
        if problem.instances.get(split):
            await _judge(evaluator, journal, [*ladder, winner], split, problem.instances[split], validating)
    instances = tuple(evaluator.open_holdout(journal.chain))
    if instances:
        journal.write(HoldoutOpened(key=journal.chain, instances=instances, fixed=problem.fixed_holdout))
        journal.flush()
        await _judge(evaluator, journal, [*ladder, winner], Split.HOLDOUT, instances, opening)
    closed = Closed(winner=next(candidate.id for candidate in finalists if candidate.id == winner.name))
    journal.write(closed)
    journal.flush()
    return closed


def _finalists(problem: Problem, scored: Sequence[tuple[Candidate, Scored]]) -> list[Candidate]:
    """The preferred on train, each another behaviour: of candidates with equal scores on every instance the shortest.

    The one with the best score is among them, even if simpler ones are preferred.
    """
    objective = problem.objective
    kinds: dict[tuple[float, ...], tuple[Candidate, Scored]] = {}
    for candidate, outcome in scored:
        scores = tuple(result.scores[objective.name] for result in outcome.instances.values())
        beyond = violation(problem.constraints, outcome)
        key = (objective.gain(outcome.scores[objective.name]), beyond, *scores)
        known = kinds.get(key)
        if known is None or len(candidate.program.text) < len(known[0].program.text):
            kinds[key] = candidate, outcome
    found = list(kinds.values())
    preferred = _preferred(problem, problem.objectives, [outcome for _, outcome in found])
    (best, *_) = _preferred(problem, problem.objectives[:1], [outcome for _, outcome in found])
    places = [place for place in preferred if place != best][: FINALISTS - 1]
    return [found[place][0] for place in preferred if place in (*places, best)]


async def _judge(
    evaluator: Evaluator,
    journal: Journal,
    rows: Sequence[Baseline],
    split: Split,
    instances: Sequence[Instance],
    report: Callable[[int, int], None],
) -> list[Outcome]:
    """All rows at once, journaled in their order."""
    judged = 0

    async def judge(row: Baseline) -> Outcome:
        nonlocal judged
        outcome = await evaluator.judge_baseline(row, instances, stage=str(split))
        judged += 1
        report(judged, len(rows))
        return outcome

    report(judged, len(rows))
    outcomes = await asyncio.gather(*map(judge, rows))
    bound = evaluator.bound(instances)
    for row, outcome in zip(rows, outcomes, strict=True):
        program = row.program.id if row.program else None
        journal.write(Judged(name=row.name, role=row.role, split=split, program=program, outcome=outcome, bound=bound))
    journal.flush()
    return list(outcomes)


def _best(problem: Problem, rows: Sequence[Baseline], outcomes: Sequence[Outcome]) -> Baseline:
    """The row that is preferred on validation; the earlier of equals, the first if none has a score."""
    scored = [(row, outcome) for row, outcome in zip(rows, outcomes, strict=True) if isinstance(outcome, Scored)]
    if not scored:
        return rows[0]
    return scored[_preferred(problem, problem.objectives, [outcome for _, outcome in scored])[0]][0]


def _preferred(problem: Problem, objectives: Sequence[Objective], outcomes: Sequence[Scored]) -> list[int]:
    """Places of the outcomes, the preferred first: feasible ones before all others."""
    violations = [violation(problem.constraints, outcome) for outcome in outcomes]
    return by_preference(objectives, [outcome.scores for outcome in outcomes], violations)
