"""One rule says who leads, for the curve, for what is shown while a run goes on and for its milestones."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from thekla.core.evaluation import InstanceResult, Scored
from thekla.core.finalists import milestones_of
from thekla.core.lead import Lead
from thekla.core.problem import Constraint, Function, Instance, Interface, Measure, Objective, Problem, Split
from thekla.core.program import Candidate, CandidateId, Program
from thekla.core.progress import Tally
from thekla.core.run import Ticket, Told

COST = Objective(name="cost", unit="s", direction="minimize")
MISSES = Constraint(name="misses", sense="at_most", limit=0.2)
PROBLEM = Problem(
    name="jobs",
    version="1",
    suite="default",
    statement="Order jobs.",
    interface=Interface(functions=(Function(name="order", parameters=(), result="list[int]"),)),
    objectives=(COST,),
    seeds=(Program.from_text("x = 1\n"),),
    instances={Split.TRAIN: (Instance(id="one", split=Split.TRAIN, digest="0"),)},
    measures=(Measure(name="misses", unit="share", low=0.0, high=1.0),),
    constraints=(MISSES,),
)


def outcome(cost: float, misses: float) -> Scored:
    return Scored(
        scores={"cost": cost}, instances={"one": InstanceResult(scores={"cost": cost}, measures={"misses": misses})}
    )


def scored(*rows: tuple[float, float]) -> list[tuple[Candidate, Scored]]:
    return [
        (Candidate(id=CandidateId(f"t{place}"), program=Program.from_text(f"x = {place}\n")), outcome(*row))
        for place, row in enumerate(rows)
    ]


def leaders(rows: Sequence[tuple[float, float]]) -> list[str]:
    lead = Lead(COST, (MISSES,))
    return [candidate.id for candidate, each in scored(*rows) if lead.take(each)]


def test_a_feasible_program_takes_the_lead_from_a_better_one_that_is_not() -> None:
    assert leaders([(9.0, 0.9), (1.0, 0.5), (5.0, 0.1), (0.5, 0.3), (4.0, 0.2), (4.0, 0.0)]) == ["t0", "t1", "t2", "t4"]


def test_nobody_leads_before_the_first() -> None:
    lead = Lead(COST)
    assert lead.is_open
    assert lead.take(outcome(3.0, 1.0))
    assert not lead.is_open
    assert not lead.is_lost_to(outcome(3.0, 1.0))


def test_a_program_that_only_broke_its_constraints_less_dearly_is_no_milestone() -> None:
    """By score alone t1 would have led from the start, and none of those that did lead after it."""
    found = scored((9.0, 0.1), (1.0, 0.9), (8.0, 0.1), (7.0, 0.1))
    assert [candidate.id for candidate in milestones_of(PROBLEM, found, besides=[found[0][0]])] == ["t2", "t3"]


@given(st.lists(st.tuples(st.integers(1, 9), st.sampled_from([0.0, 0.2, 0.4, 0.8])), min_size=1, max_size=12))
def test_progress_and_milestones_agree_on_who_led(rows: list[tuple[int, float]]) -> None:
    tally = Tally(objective=COST, constraints=PROBLEM.constraints)
    found = scored(*((float(cost), misses) for cost, misses in rows))
    for candidate, each in found:
        tally.take(Told(ticket=Ticket(id=candidate.id), candidate=candidate, outcome=each))
    led = leaders([(float(cost), misses) for cost, misses in rows])
    assert tally.best == next(each.scores["cost"] for candidate, each in found if candidate.id == led[-1])
    (*before, _) = (candidate for candidate, _ in found if candidate.id in led)
    others = [candidate for candidate, _ in found if candidate not in before[:2]]
    assert milestones_of(PROBLEM, found, besides=others) == before[:2]
