"""Problems by formula have the optimum that they claim, and a synthetic model only makes programs that they read."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thekla.core.evaluation import Failed, Scored
from thekla.core.program import Candidate, CandidateId, Program
from thekla.core.run import Prompt, Proposal, Ticket
from thekla.laboratory.genome import LARGEST, SMALLEST, Genome
from thekla.laboratory.problems import LABORATORY, LabProblem
from thekla.laboratory.proposals import SyntheticModel

LABS = {name: make() for name, make in LABORATORY.items()}
OPTIMA = {
    "fmin5": Genome(form="a", constants=(0.37, 4.2, 11.0, 0.08, 1.9)),
    "plateau": Genome(form="a", constants=(0.4, 4.0, 12.0, 0.09, 1.8)),
    "barren": Genome(form="a", constants=(0.37, 4.2, 11.0, 0.08, 1.9)),
    "deceptive": Genome(form="c", constants=(8.0, 0.1, 6.0)),
    "cluttered": Genome(form="a", constants=(0.37, 4.2, 11.0, 0.08, 1.9, 7.0)),
}


def score(lab: LabProblem, genome: Genome) -> float:
    outcome = lab.evaluate(genome.program)
    assert isinstance(outcome, Scored)
    return outcome.scores["score"]


@pytest.mark.parametrize("name", OPTIMA)
def test_the_optimum_is_where_the_formula_has_it(name: str) -> None:
    assert score(LABS[name], OPTIMA[name]) == pytest.approx(1.0)


def test_the_seed_of_fmin5_scores_what_is_published() -> None:
    outcome = LABS["fmin5"].evaluate(LABS["fmin5"].problem.seeds[0])
    assert isinstance(outcome, Scored)
    assert outcome.scores["score"] == pytest.approx(0.0383, abs=5e-5)


def test_the_better_form_of_the_deceptive_problem_is_worse_where_the_first_is_best() -> None:
    lab, best = LABS["deceptive"], (1.5, 0.6, 2.0)
    assert score(lab, Genome(form="c", constants=best)) < score(lab, Genome(form="a", constants=best)) == 0.5


def test_the_other_forms_of_the_barren_problem_are_dead_ends() -> None:
    lab = LABS["barren"]
    start = score(lab, Genome(form="a", constants=(1.0,) * 5))
    assert all(score(lab, Genome(form=form, constants=OPTIMA["barren"].constants)) < start for form in "xyz")


def test_small_steps_on_the_plateau_change_nothing() -> None:
    lab = LABS["plateau"]
    assert score(lab, Genome(form="a", constants=(1.0,) * 5)) == score(lab, Genome(form="a", constants=(1.02,) * 5))


def test_a_schedule_by_due_dates_scores_one_half() -> None:
    by_due_date = Genome(form="linear", constants=(1e-9, 1e-9, 1.0))
    assert score(LABS["scheduling"], by_due_date) == pytest.approx(0.5, abs=1e-6)
    assert len(LABS["scheduling"].problem.instances["train"]) == 8  # type: ignore[index]  # a `Split` is its text


@given(data=st.data(), name=st.sampled_from(list(LABS)))
def test_every_score_lies_between_nought_and_the_optimum(data: st.DataObject, name: str) -> None:
    lab = LABS[name]
    constants = tuple(data.draw(st.floats(SMALLEST, LARGEST)) for _ in range(lab.dimensions))
    genome = Genome(form=data.draw(st.sampled_from(lab.forms)), constants=constants)
    assert Genome.of(genome.program, forms=lab.forms, dimensions=lab.dimensions) == genome
    assert 0 <= score(lab, genome) <= lab.optimum


@pytest.mark.parametrize(
    "text", ["", "return", "def answer(:", "    return 'z', [1.0]", "    return 'a', [0.0]\n", "return 3"]
)
def test_a_program_of_another_kind_fails(text: str) -> None:
    assert all(isinstance(lab.evaluate(Program.from_text(text)), Failed) for lab in LABS.values())


def propose(lab: LabProblem, ticket: Ticket, seed: int) -> Proposal:
    return asyncio.run(SyntheticModel(lab).propose(lab.problem, ticket, Prompt(sections=()), seed=seed))


@given(seed=st.integers(0, 2**32), name=st.sampled_from(list(LABS)))
@settings(max_examples=60)
def test_a_proposal_is_a_program_of_the_problem_or_has_none(seed: int, name: str) -> None:
    lab = LABS[name]
    parent = Candidate(id=CandidateId("s0"), program=lab.problem.seeds[0])
    ticket = Ticket(id="t1", parents=(parent, parent), route={"tactic": "other_algorithm"})
    proposal = propose(lab, ticket, seed)
    assert proposal == propose(lab, ticket, seed)
    assert proposal.program is None or isinstance(lab.evaluate(proposal.program), Scored)
    assert name != "fmin5" or proposal.operator == "constant"


def test_a_tactic_makes_leaps_more_likely() -> None:
    lab = LABS["deceptive"]
    parent = Candidate(id=CandidateId("s0"), program=lab.problem.seeds[0])

    def leaps(ticket: Ticket) -> int:
        return sum(propose(lab, ticket, seed).operator == "leap" for seed in range(400))

    plain = leaps(Ticket(id="t", parents=(parent,)))
    asked = leaps(Ticket(id="t", parents=(parent,), route={"tactic": "x"}))
    assert 8 <= plain <= 35  # 20 expected
    assert 40 <= asked <= 82  # 60 expected


def test_clutter_changes_no_score_and_has_its_limit() -> None:
    lab = LABS["cluttered"]
    program, sizes = lab.problem.seeds[0], set[int]()
    for seed in range(400):
        parent = Candidate(id=CandidateId("s0"), program=program)
        proposal = propose(lab, Ticket(id="t", parents=(parent, parent)), seed)
        assert proposal.program is not None
        before, after = lab.read(program), lab.read(proposal.program)
        assert before is not None
        assert after is not None
        if proposal.operator == "clutter":
            assert score(lab, after) == score(lab, before)
            program = proposal.program
        assert abs(len(after.constants) - len(before.constants)) == (proposal.operator == "clutter")
        sizes.add(len(after.constants))
    assert max(sizes) == 45
