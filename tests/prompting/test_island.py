"""A generator that compares its answers is told the programs of the ticket's island, and nobody reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thekla.core.evaluation import Failed, FailureKind, Scored
from thekla.core.problem import Problem
from thekla.core.program import Candidate, CandidateId, Program
from thekla.core.protocols import PromptBuilder
from thekla.core.run import INJECT, SEED, Ticket, Told
from thekla.core.values import Data
from thekla.prompting import BriefBuilder
from thekla.prompting.island import (
    IslandPrompts,
    island_in,
    rejections_in,
    with_rejections,
    without_island,
    without_rejections,
)
from thekla.testing.generators import PromptBuilderConformance
from thekla.testing.toy import PlainPrompts, ToyPackage

PROBLEM = ToyPackage().problem


def told(name: str, *, operator: str = "", failed: bool = False, **route: Data) -> Told:
    """An outcome of a program that is called by its name."""
    ticket = Ticket(id=name, operator=operator, route=route)
    candidate = Candidate(id=CandidateId(name), program=Program.from_text(name))
    crash = Failed(kind=FailureKind.CRASH, stage="train", message="ZeroDivisionError")
    return Told(ticket=ticket, candidate=candidate, outcome=crash if failed else Scored(scores={"score": 0.5}))


HISTORY = [
    told("seed", operator=SEED),
    told("zero", island=0),
    told("one", island=1),
    told("broken", island=0, failed=True),
    told("person", operator=INJECT),
    Told(
        ticket=Ticket(id="void", route={"island": 0}),
        candidate=None,
        outcome=Failed(kind=FailureKind.NO_PROGRAM, stage="answer", message="prose"),
    ),
]


class TestIslandPrompts(PromptBuilderConformance):
    def make_builder(self) -> PromptBuilder:
        return IslandPrompts(BriefBuilder())

    def problem(self) -> Problem:
        return PROBLEM


@pytest.mark.parametrize(
    ("route", "programs"),
    [
        ({"island": 0}, ("person", "broken", "zero", "seed")),
        ({"island": 1}, ("person", "one", "seed")),
        ({}, ("person", "broken", "one", "zero", "seed")),
    ],
)
def test_programs_of_another_island_are_left_out(route: dict[str, Data], programs: tuple[str, ...]) -> None:
    prompt = IslandPrompts(PlainPrompts()).build(PROBLEM, Ticket(id="t9", route=route), HISTORY)
    assert island_in(prompt) == programs


def test_the_text_of_the_prompt_and_what_is_sent_stay_as_they_are() -> None:
    ticket = Ticket(id="t9")
    plain = PlainPrompts().build(PROBLEM, ticket, HISTORY)
    prompt = IslandPrompts(PlainPrompts()).build(PROBLEM, ticket, HISTORY)
    assert (prompt.text, prompt.tokens) == (plain.text, plain.tokens)
    assert without_island(prompt) == plain
    assert island_in(plain) == ()


def test_an_island_is_its_latest_five_hundred_programs() -> None:
    history = [told(f"p{number}", island=number % 2) for number in range(1100)]
    prompt = IslandPrompts(PlainPrompts()).build(PROBLEM, Ticket(id="t9", route={"island": 1}), history)
    assert island_in(prompt) == tuple(f"p{number}" for number in range(1099, 100, -2))


@given(
    operator=st.sampled_from(["", "cap", "cap+sort", "refine fast full", "un+rejected-x"]), number=st.integers(0, 99)
)
def test_rejections_are_read_as_they_were_written(operator: str, number: int) -> None:
    written = with_rejections(operator, number)
    assert rejections_in(written) == number
    assert without_rejections(written) == operator
