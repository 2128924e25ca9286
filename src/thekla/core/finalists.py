"""Who is judged at the end of a run."""

from __future__ import annotations

from collections.abc import Sequence

from thekla.core.constraints import violation
from thekla.core.evaluation import Outcome, Scored
from thekla.core.lead import Lead
from thekla.core.preference import by_preference
from thekla.core.problem import Baseline, Objective, Problem
from thekla.core.program import Candidate

__all__ = ["finalists_of", "milestones_of", "preferred", "ranked"]

FINALISTS = 3
MILESTONES = 2  # with the seed and the finalists enough to see a gap open; each costs an evaluation on validation


def finalists_of(problem: Problem, scored: Sequence[tuple[Candidate, Scored]]) -> list[Candidate]:
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
    ranks = preferred(problem, problem.objectives, [outcome for _, outcome in found])
    (best, *_) = preferred(problem, problem.objectives[:1], [outcome for _, outcome in found])
    places = [place for place in ranks if place != best][: FINALISTS - 1]
    return [found[place][0] for place in ranks if place in (*places, best)]


def milestones_of(
    problem: Problem, scored: Sequence[tuple[Candidate, Scored]], *, besides: Sequence[Candidate]
) -> list[Candidate]:
    """Some that led on train for a while, evenly among those who did: their fate on validation shows when the search
    began to fit train only. Feasible programs lead before all others."""
    lead = Lead(problem.objective, problem.constraints)
    led = [candidate for candidate, outcome in scored if lead.take(outcome)]
    left = [candidate for candidate in led if candidate not in besides]
    if len(left) <= MILESTONES:
        return left
    return [left[(2 * place + 1) * len(left) // (2 * MILESTONES)] for place in range(MILESTONES)]


def preferred(problem: Problem, objectives: Sequence[Objective], outcomes: Sequence[Scored]) -> list[int]:
    """Places of the outcomes, the preferred first: feasible ones before all others."""
    violations = [violation(problem.constraints, outcome) for outcome in outcomes]
    return by_preference(objectives, [outcome.scores for outcome in outcomes], violations)


def ranked(problem: Problem, rows: Sequence[Baseline], outcomes: Sequence[Outcome]) -> list[Baseline]:
    """The rows with a score, the preferred on validation first and the earlier of equals; all if none has a score."""
    scored = [(row, outcome) for row, outcome in zip(rows, outcomes, strict=True) if isinstance(outcome, Scored)]
    ranks = preferred(problem, problem.objectives, [outcome for _, outcome in scored])
    return [scored[place][0] for place in ranks] or list(rows)
