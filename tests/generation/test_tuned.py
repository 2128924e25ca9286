"""A ticket that names numbers gets its parent with these numbers, and any other ticket what the generator answers."""

from __future__ import annotations

import asyncio

import pytest

from thekla.core.program import Candidate, CandidateId, Program
from thekla.core.run import TUNE, Prompt, Proposal, Ticket
from thekla.core.values import Data
from thekla.generation.tuned import Tuned
from thekla.testing.toy import ConstantMutator, ToyPackage

PARENT = Candidate(id=CandidateId("s0"), program=Program.from_text("def answer():\n    return [2.0, 8]  # ok\n"))


def propose(ticket: Ticket) -> Proposal:
    problem = ToyPackage().problem
    return asyncio.run(Tuned(ConstantMutator()).propose(problem, ticket, Prompt(sections=()), seed=1))


def test_numbers_of_the_ticket_are_written_into_the_parent() -> None:
    ticket = Ticket(id="c1", parents=(PARENT,), operator=TUNE, route={"constants": [0.5, 11.7]})
    proposal = propose(ticket)
    assert proposal.program is not None
    assert proposal.program.text == "def answer():\n    return [0.5, 12]  # ok\n"
    assert (proposal.operator, proposal.generator, proposal.spending.cost_usd) == (TUNE, "tuned@1", 0.0)


@pytest.mark.parametrize("constants", [None, [1.0], [1.0, "2"], [1.0, True], "ab"])
def test_a_ticket_without_a_number_for_each_literal_is_told_why(constants: Data) -> None:
    proposal = propose(Ticket(id="c1", parents=(PARENT,), operator=TUNE, route={"constants": constants}))
    assert proposal.program is None
    assert "2 literals" in proposal.reason


def test_a_ticket_without_a_parent_is_told_why() -> None:
    assert propose(Ticket(id="c1", operator=TUNE, route={"constants": [1.0]})).program is None


def test_other_tickets_go_to_the_generator_inside() -> None:
    proposal = propose(Ticket(id="t1", parents=(PARENT,)))
    assert proposal.generator == "constants@1"
