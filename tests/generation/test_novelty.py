"""An answer that nearly equals a program of its island is asked for again, within bounds, and all of it is paid for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thekla.core.problem import Problem
from thekla.core.program import Candidate, CandidateId, Program
from thekla.core.protocols import Generator
from thekla.core.run import NOTE, Prompt, Proposal, Section, Spending, Ticket
from thekla.generation.novelty import Novel, similarity
from thekla.prompting.island import rejections_in
from thekla.testing.generators import GeneratorConformance
from thekla.testing.toy import ConstantMutator, ToyPackage

PARENT = "def answer():\n    return [1.0, 2.0, 3.0]\n"
OTHER = "def answer():\n    total = sum(range(9))\n    return [total, total, 1.0]\n"
NEW = "import math\n\ndef answer():\n    return [math.pi] * 5\n"
TICKET = Ticket(id="t1", parents=(Candidate(id=CandidateId("s0"), program=Program.from_text(PARENT)),))

texts = st.sampled_from([PARENT, OTHER, NEW, "", "x", "a b", "a b c", "# only a comment", "f(1)" * 40, "f(1)" * 41])


@dataclass
class Scripted:
    """Answers by its script, then its last line for ever (`core.protocols.Generator`); None holds no program."""

    script: Sequence[str | None]
    ends_at: int = -1
    seeds: list[int] = field(default_factory=list)
    prompts: list[Prompt] = field(default_factory=list)

    async def propose(self, problem: Problem, ticket: Ticket, prompt: Prompt, *, seed: int) -> Proposal:
        self.seeds.append(seed)
        self.prompts.append(prompt)
        number = len(self.seeds) - 1
        text = self.script[min(number, len(self.script) - 1)]
        return Proposal(
            raw=f"answer {number}",
            program=None if text is None else Program.from_text(text),
            operator="refine scripted full",
            generator="scripted@1",
            reason="no program" if text is None else "",
            exhausted="calls" if number == self.ends_at else "",
            spending=Spending(cost_usd=0.5, output_tokens=10, calls=1),
        )


def propose(
    inner: Generator, island: Sequence[str] = (PARENT, OTHER), *, ticket: Ticket = TICKET, resamples: int = 3
) -> Proposal:
    shown = Section(name="parent", text="The parent.", tokens=3)
    prompt = Prompt(sections=(shown, Section(name="island", text="", data=tuple(island))))
    novel = Novel(inner, resamples=resamples)
    return asyncio.run(novel.propose(ToyPackage().problem, ticket, prompt, seed=7))


@given(one=texts, other=texts)
def test_similarity_is_symmetric_and_a_share(one: str, other: str) -> None:
    assert similarity(one, other) == similarity(other, one)
    assert 0.0 <= similarity(one, other) <= 1.0
    assert similarity(one, one) == 1.0


def test_comments_and_layout_make_no_program_new() -> None:
    assert similarity(PARENT, "# tried before\ndef answer( ):\n\n        return [1.0,2.0,  3.0]   # three\n") == 1.0


def test_a_changed_token_takes_about_three_triples() -> None:
    text = "\n".join(f"x{number} = y{number} + z{number}" for number in range(100))  # 500 tokens, all triples distinct
    assert similarity(text, text.replace("y50", "w")) == pytest.approx(1 - 3 / 500, abs=1e-9)


def test_programs_without_anything_in_common_have_none() -> None:
    assert similarity("a b c d", "e f g h") == similarity("", PARENT) == 0.0


def test_the_first_answer_that_is_new_is_taken_as_it_is() -> None:
    inner = Scripted([NEW])
    proposal = propose(inner)
    assert proposal.program == Program.from_text(NEW)
    assert (proposal.raw, proposal.operator, inner.seeds) == ("answer 0", "refine scripted full", [7])
    assert [one.name for one in inner.prompts[0].sections] == ["parent"]  # what is compared with is not sent


def test_a_repetition_is_asked_for_again_with_another_seed_and_told_why() -> None:
    inner = Scripted([PARENT, OTHER, NEW])
    proposal = propose(inner)
    assert proposal.program == Program.from_text(NEW)
    assert proposal.operator == "refine scripted full+rejected-2"
    assert proposal.spending == Spending(cost_usd=1.5, output_tokens=30, calls=3)
    assert len(set(inner.seeds)) == 3
    assert ["rejected" in prompt.text for prompt in inner.prompts] == [False, True, True]
    kept = json.loads(proposal.raw)["answers"]
    assert [one["raw"] for one in kept] == ["answer 0", "answer 1", "answer 2"]
    assert [one["closest"] > 0.99 for one in kept] == [True, True, False]


def test_a_generator_that_repeats_itself_loses_its_ticket_after_three_attempts() -> None:
    inner = Scripted([PARENT])
    proposal = propose(inner)
    assert proposal.program is None
    assert proposal.reason == (
        "too like a program of its island (similarity 1.0000, above 0.99); 3 of 3 answers rejected"
    )
    assert (len(inner.seeds), proposal.spending.cost_usd, rejections_in(proposal.operator)) == (3, 1.5, 3)


def test_an_answer_without_a_program_is_sampled_again_within_each_attempt() -> None:
    inner = Scripted([None, None, PARENT, None, NEW])
    proposal = propose(inner)
    assert proposal.program == Program.from_text(NEW)
    assert (len(inner.seeds), rejections_in(proposal.operator)) == (5, 1)


def test_attempts_times_resamples_without_a_program_are_the_end() -> None:
    inner = Scripted([None])
    proposal = propose(inner)
    assert (proposal.reason, len(inner.seeds), proposal.operator) == ("no program", 9, "refine scripted full")


def test_nothing_is_asked_again_once_the_budget_is_exhausted() -> None:
    inner = Scripted([PARENT, None], ends_at=1)
    proposal = propose(inner)
    assert (proposal.exhausted, len(inner.seeds), proposal.spending.calls) == ("calls", 2, 2)


def test_nothing_is_rejected_on_an_island_without_programs() -> None:
    inner = Scripted([PARENT])
    assert propose(inner, island=()).program == Program.from_text(PARENT)
    assert len(inner.seeds) == 1


def test_a_note_is_not_compared() -> None:
    inner = Scripted([None])
    propose(inner, ticket=Ticket(id="n1", operator=NOTE))
    assert len(inner.seeds) == 1


@given(
    script=st.lists(st.sampled_from([None, PARENT, OTHER, NEW]), min_size=1, max_size=10), resamples=st.integers(1, 3)
)
def test_no_accepted_program_is_like_the_island_and_every_answer_is_paid_for(
    script: list[str | None], resamples: int
) -> None:
    inner = Scripted(script)
    proposal = propose(inner, resamples=resamples)
    assert 1 <= len(inner.seeds) <= 3 * resamples
    assert proposal.spending.calls == len(inner.seeds)
    assert (proposal.program is None) == bool(proposal.reason)
    if proposal.program is not None:
        assert max(similarity(proposal.program.text, other) for other in (PARENT, OTHER)) <= 0.99


@pytest.mark.parametrize("wrong", [{"threshold": 0.0}, {"threshold": 1.1}, {"attempts": 0}, {"resamples": 0}])
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="threshold must be in"):
        Novel(Scripted([NEW]), **wrong)  # type: ignore[arg-type]  # one number for all


class TestNovelMutator(GeneratorConformance):
    """What every generator promises, around one that often fails."""

    def make_generator(self) -> Generator:
        return Novel(_Changing(ConstantMutator(malformed=0.5)))

    def problem(self) -> Problem:
        return ToyPackage().problem

    def prompt(self, ticket: Ticket) -> Prompt:
        seed = self.problem().seeds[0].text
        return Prompt(sections=(Section(name="island", text="", data=(seed,)),))


@dataclass
class _Changing:
    """A generator for tickets with parents; one without any changes the problem's seed."""

    inner: Generator

    async def propose(self, problem: Problem, ticket: Ticket, prompt: Prompt, *, seed: int) -> Proposal:
        parents = ticket.parents or (Candidate(id=CandidateId("s0"), program=problem.seeds[0]),)
        changed = Ticket(id=ticket.id, parents=parents)
        return await self.inner.propose(problem, changed, prompt, seed=seed)
