"""Recorded answers are given to the programs they were made of, and each once while others are left."""

from __future__ import annotations

import asyncio

from thekla.core.problem import Problem
from thekla.core.program import Candidate, CandidateId, Program
from thekla.core.protocols import Generator
from thekla.core.run import Prompt, Proposal, Section, Ticket
from thekla.generation.replay import RecordedAnswer, Replay
from thekla.testing.generators import GeneratorConformance
from thekla.testing.toy import ToyPackage

PARENT, OTHER = Program.from_text("x = 0\n"), Program.from_text("y = 0\n")
CHILDREN = [Program.from_text(f"x = {number}\n") for number in (1, 2, 3)]
RECORDING = [
    *(RecordedAnswer(parent=PARENT.id, program=child, operator="refine") for child in CHILDREN),
    RecordedAnswer(parent=PARENT.id, program=None, operator="refine", reason="prose"),
    RecordedAnswer(parent=OTHER.id, program=OTHER.with_text("y = 1\n"), operator="leap"),
]


class TestReplayConformance(GeneratorConformance):
    def make_generator(self) -> Generator:
        return Replay(recording=RECORDING)

    def problem(self) -> Problem:
        return ToyPackage().problem


def answer(generator: Replay, parent: Program, *, tried: list[Program] | None = None, seed: int = 0) -> Proposal:
    ticket = Ticket(id="t1", parents=(Candidate(id=CandidateId("c"), program=parent),))
    prefixes = [program.id[:12] for program in tried or []]
    prompt = Prompt(sections=(Section(name="tried", text="", data=prefixes),))
    return asyncio.run(generator.propose(ToyPackage().problem, ticket, prompt, seed=seed))


def test_a_program_is_answered_by_what_was_made_of_it() -> None:
    found = {answer(Replay(recording=RECORDING), PARENT, seed=seed).program for seed in range(60)}
    assert found == {*CHILDREN, None}


def test_what_was_tried_is_not_given_again_while_something_is_left() -> None:
    for seed in range(20):
        proposal = answer(Replay(recording=RECORDING), PARENT, tried=CHILDREN[:2], seed=seed)
        assert proposal.program in (CHILDREN[2], None)


def test_without_an_answer_left_another_programs_is_given_under_another_operator_or_none() -> None:
    for seed in range(20):
        given = answer(Replay(recording=RECORDING), PARENT, tried=CHILDREN, seed=seed)
        assert given.operator == "elsewhere leap" or given.program is None
        strict = answer(Replay(recording=RECORDING, elsewhere="refuse"), PARENT, tried=CHILDREN, seed=seed)
        assert strict.program is None
        assert "no answer left" in strict.reason


def test_an_answer_that_is_replayed_costs_nothing() -> None:
    spending = answer(Replay(recording=RECORDING), PARENT).spending
    assert (spending.cost_usd, spending.calls) == (0.0, 0)
