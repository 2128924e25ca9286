"""What every generator and every prompt builder promises."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence

from thekla.core.evaluation import Failed, FailureKind, Scored
from thekla.core.problem import Problem
from thekla.core.program import Candidate, CandidateId
from thekla.core.protocols import Generator, PromptBuilder
from thekla.core.run import SEED, Prompt, Proposal, Ticket, Told
from thekla.core.values import canonical

__all__ = ["GeneratorConformance", "PromptBuilderConformance"]


def _seed_candidate(problem: Problem) -> Candidate:
    return Candidate(id=CandidateId("seed"), program=problem.seeds[0])


def _tickets(problem: Problem) -> tuple[Ticket, ...]:
    """A ticket from nothing, one with a parent, one with inspirations too."""
    seed = _seed_candidate(problem)
    other = Candidate(id=CandidateId("other"), program=problem.seeds[-1], parents=(seed.id,), generation=1)
    return (
        Ticket(id="from-nothing"),
        Ticket(id="one-parent", parents=(seed,)),
        Ticket(id="inspired", parents=(seed, other), inspirations=(other,), hints=("look at the queue",)),
    )


class GeneratorConformance(ABC):
    """What every generator promises; a test class subclasses it and says how to make one."""

    @abstractmethod
    def make_generator(self) -> Generator:
        """A fresh generator."""

    @abstractmethod
    def problem(self) -> Problem:
        """A problem that the generator can work on."""

    def prompt(self, ticket: Ticket) -> Prompt:
        """The prompt for a ticket; empty unless the generator needs one."""
        return Prompt(sections=())

    def propose(self, generator: Generator, ticket: Ticket, *, seed: int) -> Proposal:
        """One proposal."""
        return asyncio.run(generator.propose(self.problem(), ticket, self.prompt(ticket), seed=seed))

    def test_every_ticket_gets_a_program_or_a_reason(self) -> None:
        generator = self.make_generator()
        for ticket in _tickets(self.problem()):
            for seed in range(5):
                proposal = self.propose(generator, ticket, seed=seed)
                assert (proposal.program is None) == bool(proposal.reason)

    def test_raw_answer_is_there_to_be_journaled(self) -> None:
        generator = self.make_generator()
        assert all(self.propose(generator, ticket, seed=1).raw for ticket in _tickets(self.problem()))

    def test_proposal_names_generator_and_version(self) -> None:
        for ticket in _tickets(self.problem()):
            name, _, version = self.propose(self.make_generator(), ticket, seed=2).generator.partition("@")
            assert name
            assert version

    def test_equal_arguments_give_equal_proposals_whatever_came_before(self) -> None:
        fresh, used = self.make_generator(), self.make_generator()
        tickets = _tickets(self.problem())
        for seed in range(4):
            for ticket in reversed(tickets):
                self.propose(used, ticket, seed=seed + 100)
        for ticket in tickets:
            assert self.propose(fresh, ticket, seed=7) == self.propose(used, ticket, seed=7)

    def test_proposal_holds_no_score(self) -> None:
        proposal = self.propose(self.make_generator(), _tickets(self.problem())[1], seed=3)
        assert not hasattr(proposal, "scores")


class PromptBuilderConformance(ABC):
    """What every prompt builder promises; a test class subclasses it and says how to make one."""

    @abstractmethod
    def make_builder(self) -> PromptBuilder:
        """A fresh builder."""

    @abstractmethod
    def problem(self) -> Problem:
        """Any problem."""

    def history(self) -> Sequence[Told]:
        """A seed, children that failed and children that were scored."""
        problem = self.problem()
        seed = _seed_candidate(problem)
        told = [Told(ticket=Ticket(id=seed.id, operator=SEED), candidate=seed, outcome=self._scored(10.0))]
        for index in range(12):
            ticket = Ticket(id=f"t{index}", parents=(seed,))
            child = Candidate(
                id=CandidateId(ticket.id),
                program=seed.program.with_text(f"{seed.program.text}\n# {index}\n"),
                parents=(seed.id,),
                operator="cap+sort" if index % 2 else "cap",
                generation=1,
            )
            broken = Failed(kind=FailureKind.CRASH, stage="train", message="IndexError: list index out of range")
            told.append(
                Told(ticket=ticket, candidate=child, outcome=broken if index % 3 == 0 else self._scored(10.0 - index))
            )
        missing = Failed(kind=FailureKind.NO_PROGRAM, stage="answer", message="no program in the answer")
        told.append(Told(ticket=Ticket(id="empty", parents=(seed,)), candidate=None, outcome=missing))
        return told

    def _scored(self, value: float) -> Scored:
        return Scored(scores={objective.name: value for objective in self.problem().objectives})

    def test_every_ticket_gets_a_prompt(self) -> None:
        for ticket in _tickets(self.problem()):
            assert self.make_builder().build(self.problem(), ticket, self.history()).text

    def test_equal_arguments_give_equal_prompts_whatever_came_before(self) -> None:
        problem, history = self.problem(), self.history()
        fresh, used = self.make_builder(), self.make_builder()
        for ticket in _tickets(problem):
            for length in (0, 5, len(history), 3):
                used.build(problem, ticket, history[:length])
            assert fresh.build(problem, ticket, history) == used.build(problem, ticket, history)

    def test_sections_have_distinct_names_and_counted_tokens(self) -> None:
        for ticket in _tickets(self.problem()):
            sections = self.make_builder().build(self.problem(), ticket, self.history()).sections
            names = [section.name for section in sections]
            assert all(names)
            assert len(set(names)) == len(names)
            assert all((section.tokens > 0) == bool(section.text) for section in sections)

    def test_data_of_sections_are_plain(self) -> None:
        for ticket in _tickets(self.problem()):
            for section in self.make_builder().build(self.problem(), ticket, self.history()).sections:
                canonical(section.data)

    def test_prompt_shows_the_parent(self) -> None:
        ticket = _tickets(self.problem())[1]
        prompt = self.make_builder().build(self.problem(), ticket, self.history())
        assert ticket.parents[0].program.text.strip() in prompt.text
