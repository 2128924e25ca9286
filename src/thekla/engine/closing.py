"""The end of a run: freeze the finalists, choose by validation, and open the hold-out once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from thekla.core.evaluation import Failed, Outcome, Scored
from thekla.core.finalists import finalists_of, milestones_of, ranked
from thekla.core.journal import Closed, Frozen, HoldoutOpened, Judged, Quarantined
from thekla.core.problem import Baseline, Instance, Problem, Split
from thekla.core.program import Candidate, Program
from thekla.core.protocols import Evaluator
from thekla.engine.journaling import Journal

__all__ = ["close_run"]


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

    On validation some are judged, too, who led before; they cannot win any more.

    The hold-out's seeds derive from the journal's hash at that point: the choice of the winner is already in it.

    Args:
        scored: All scored candidates in the order in which they were told; the first is the seed.
        report: Hears the phase, and how many of how many rows of a split are judged.
    """
    seed, finalists = scored[0][0], finalists_of(problem, scored)
    journal.write(Frozen(finalists=tuple(candidate.id for candidate in finalists)))
    journal.flush()
    validating, opening = partial(report, "validation"), partial(report, "holdout")
    ladder = [Baseline(name=seed.id, role="seed", program=seed.program), *baselines]
    rows = [Baseline(name=candidate.id, role="finalist", program=candidate.program) for candidate in finalists]
    if problem.instances.get(Split.VALIDATION):
        instances = problem.instances[Split.VALIDATION]
        passed = [
            Baseline(name=candidate.id, role="milestone", program=candidate.program)
            for candidate in milestones_of(problem, scored, besides=[seed, *finalists])
        ]
        outcomes = await _judge(evaluator, journal, [*rows, *passed], Split.VALIDATION, instances, validating)
        rows = ranked(problem, rows, outcomes[: len(rows)])
    winner = await _confirmed(evaluator, journal, rows, {each.program: outcome for each, outcome in scored})
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
    bound = await evaluator.bound(instances)
    for row, outcome in zip(rows, outcomes, strict=True):
        program = row.program.id if row.program else None
        if isinstance(outcome, Failed) and outcome.breaches:
            journal.write(Quarantined(name=row.name, stage=str(split), breaches=outcome.breaches))
        journal.write(Judged(name=row.name, role=row.role, split=split, program=program, outcome=outcome, bound=bound))
    journal.flush()
    return list(outcomes)


async def _confirmed(
    evaluator: Evaluator, journal: Journal, rows: Sequence[Baseline], scored: Mapping[Program, Scored]
) -> Baseline:
    """The first row that an evaluation under other accidents confirms; wholly, since no more follows.

    Rows that are refused are judged as failed on train; if all are, the first is still the one to show.
    """
    for row in rows:
        assert row.program is not None
        outcome = await evaluator.confirm(row.program, scored[row.program], wholly=True)
        if isinstance(outcome, Scored):
            return row
        journal.write(
            Judged(name=row.name, role="finalist", split=Split.TRAIN, program=row.program.id, outcome=outcome)
        )
    return rows[0]
