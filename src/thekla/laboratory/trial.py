"""One strategy on one problem with one seed: asked, answered, scored and told, without processes or files."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from thekla.core.evaluation import Failed, FailureKind, Outcome, Scored
from thekla.core.problem import Problem
from thekla.core.program import CandidateId, ProgramId
from thekla.core.protocols import Generator, Strategy
from thekla.core.rng import derive_seed
from thekla.core.run import SEED, Prompt, Proposal, Ticket, Told
from thekla.laboratory.problems import LabProblem
from thekla.laboratory.proposals import SyntheticModel

__all__ = ["Contender", "Trial", "run_trial"]


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A strategy under a name.

    Args:
        make: Builds it, from the problem, a seed and the budget.
        around: Wraps the generator; the identity for most.
    """

    name: str
    make: Callable[[Problem, int, int], Strategy]
    around: Callable[[Generator], Generator] = lambda generator: generator


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What came of it: the best score after each proposal, the seed program's first."""

    contender: str
    problem: str
    seed: int
    best: tuple[float, ...]

    @property
    def final(self) -> float:
        """The best score."""
        return self.best[-1]

    @property
    def area(self) -> float:
        """The mean of the best score over the budget: high for what is found early."""
        return sum(self.best[1:]) / (len(self.best) - 1)


def run_trial(contender: Contender, lab: LabProblem, *, seed: int, proposals: int, in_flight: int = 1) -> Trial:
    """One search of that many proposals, trials of constants and malformed answers included.

    The k-th ticket of a seed is answered with the same draws whoever asks it. Outcomes are told in the order of the
    tickets, as the engine does.

    Raises:
        ValueError: There is no proposal, or none in flight.
    """
    if proposals < 1 or in_flight < 1:
        raise ValueError(f"a trial needs proposals and tickets in flight; found {proposals} and {in_flight}")
    strategy = contender.make(lab.problem, seed, proposals)
    generator = contender.around(SyntheticModel(lab))
    objective = lab.problem.objective
    seen: dict[ProgramId, CandidateId] = {}
    best = [_plant(strategy, lab)]
    flying: deque[Ticket] = deque()
    with asyncio.Runner() as runner:
        for step in range(proposals):
            flying.extend(strategy.ask(min(in_flight, proposals - step) - len(flying)))
            ticket = flying.popleft()
            draws = derive_seed(seed, "laboratory", step)
            answer = runner.run(generator.propose(lab.problem, ticket, Prompt(sections=()), seed=draws))
            told = _told(lab, ticket, answer, seen)
            strategy.tell(told)
            score = told.outcome.scores[objective.name] if isinstance(told.outcome, Scored) else best[-1]
            best.append(max(best[-1], score, key=objective.gain))
    return Trial(contender=contender.name, problem=lab.name, seed=seed, best=tuple(best))


def _plant(strategy: Strategy, lab: LabProblem) -> float:
    scores = []
    for number, program in enumerate(lab.problem.seeds):
        ticket = Ticket(id=f"s{number}", operator=SEED)
        outcome = lab.evaluate(program)
        assert isinstance(outcome, Scored)
        strategy.tell(Told(ticket=ticket, candidate=ticket.answered_by(program, SEED), outcome=outcome))
        scores.append(outcome.scores[lab.problem.objective.name])
    return max(scores, key=lab.problem.objective.gain)


def _told(lab: LabProblem, ticket: Ticket, answer: Proposal, seen: dict[ProgramId, CandidateId]) -> Told:
    if answer.program is None:
        failed = Failed(kind=FailureKind.NO_PROGRAM, stage="answer", message=answer.reason)
        return Told(ticket=ticket, candidate=None, outcome=failed)
    candidate = ticket.answered_by(answer.program, answer.operator)
    twin = seen.setdefault(answer.program.id, candidate.id)
    outcome: Outcome = (
        lab.evaluate(answer.program)
        if twin == candidate.id
        else Failed(kind=FailureKind.DUPLICATE, stage="answer", message=f"equal to candidate {twin}")
    )
    return Told(ticket=ticket, candidate=candidate, outcome=outcome)
