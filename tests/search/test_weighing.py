"""Any strategy keeps to constraints and to lexicographic order: it compares merits that say both."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from thekla.core.evaluation import InstanceResult, Scored
from thekla.core.problem import Constraint, Measure, Objective, Problem
from thekla.core.protocols import Strategy
from thekla.core.run import SEED, Ticket, Told
from thekla.search import Gepa, Greedy, Islands, Nsga2, Thekla, Weighed, needs_weighing
from thekla.search.weighing import Merits
from thekla.testing.strategies import StrategyConformance, candidate_of, search_problem

COST = Objective(name="cost", unit="s", direction="minimize")
NODES = Objective(name="nodes", unit="1", direction="minimize")
LIMIT = Constraint(name="load", sense="at_most", limit=1.0)


def constrained(problem: Problem, *, order: bool = False) -> Problem:
    measures = (*problem.measures, Measure(name="load", unit="1"))
    if order:
        return replace(problem, objectives=(COST, NODES), order="lexicographic")
    return replace(problem, constraints=(LIMIT,), measures=measures)


class TestWeighedUnderAConstraint(StrategyConformance):
    def make(self, problem: Problem, *, seed: int) -> Strategy:
        loose = Constraint(name="cost", sense="at_most", limit=1e9)
        return Weighed(lambda shown: Greedy(shown, seed=seed), replace(problem, constraints=(loose,)))


class TestWeighedLexicographic(StrategyConformance):
    def make(self, problem: Problem, *, seed: int) -> Strategy:
        return Weighed(lambda shown: Thekla(shown, seed=seed), replace(problem, order="lexicographic"))


def outcome(cost: float, *, load: float = 0.0, nodes: float = 10.0) -> Scored:
    scores = {"cost": cost, "nodes": float(nodes)}
    instance = InstanceResult(scores=scores, measures={"load": load, "m": 0.5, "n": 0.5})
    return Scored(scores=scores, measures={"m": 0.5, "n": 0.5, "load": load}, instances={"a": instance})


def answer(strategy: Strategy, found: Scored, text: str = "") -> Ticket:
    (ticket,) = strategy.ask(1)
    strategy.tell(Told(ticket=ticket, candidate=candidate_of(ticket, text or f"# {ticket.id}\n"), outcome=found))
    return ticket


def planted(strategy: Strategy, found: Scored) -> Strategy:
    ticket = Ticket(id="s0", operator=SEED)
    strategy.tell(Told(ticket=ticket, candidate=candidate_of(ticket, "x = 1\n"), outcome=found))
    return strategy


def test_only_problems_that_need_it_are_weighed() -> None:
    plain = search_problem()
    assert not needs_weighing(plain)
    assert not needs_weighing(replace(plain, order="lexicographic"))
    assert not needs_weighing(replace(plain, objectives=(COST, NODES)))
    assert needs_weighing(constrained(plain))
    assert needs_weighing(constrained(plain, order=True))


@pytest.mark.parametrize("inner", [Greedy, Thekla, Islands, Gepa, Nsga2])
def test_a_feasible_program_is_preferred_by_every_strategy(inner: type[Greedy | Thekla | Islands | Gepa]) -> None:
    strategy = planted(Weighed(lambda shown: inner(shown, seed=1), constrained(search_problem())), outcome(9.0, load=5))
    assert answer(strategy, outcome(2.0, load=3)).id == strategy.best(1)[0][0].id  # less beyond
    feasible = answer(strategy, outcome(5000.0, load=1))
    for _ in range(5):
        answer(strategy, outcome(0.1, load=1.2))
    (found, said), *_ = strategy.best(1)
    assert found.id == feasible.id
    assert said == outcome(5000.0, load=1)  # what was told, not its merit


def test_a_climber_never_leaves_what_is_feasible() -> None:
    strategy = planted(Weighed(lambda shown: Greedy(shown, seed=1), constrained(search_problem())), outcome(100.0))
    rng = Random(2)
    feasible = {"s0"}
    for _ in range(60):
        load = rng.choice((0.5, 2.0))
        ticket = answer(strategy, outcome(rng.uniform(1, 200), load=load))
        assert ticket.parents[0].id in feasible
        if load <= 1:
            feasible.add(ticket.id)


def test_equal_scores_are_decided_by_the_next_objective() -> None:
    problem = constrained(search_problem(), order=True)
    strategy = planted(Weighed(lambda shown: Greedy(shown, seed=1), problem), outcome(9.0, nodes=50))
    simpler = answer(strategy, outcome(9.0, nodes=40)).id
    answer(strategy, outcome(9.0, nodes=45))
    assert strategy.ask(1)[0].parents[0].id == simpler
    better = answer(strategy, outcome(8.9, nodes=500)).id
    assert strategy.best(1)[0][0].id == better


FINITE = st.floats(-1e6, 1e6, allow_subnormal=False)


@given(first=FINITE, one=FINITE, other=FINITE, beyond=st.floats(1e-9, 1e9))
@example(first=0.0, one=-1e6, other=1e6, beyond=1e9)
@settings(max_examples=200)
def test_merit_orders_as_gains_do_and_puts_the_infeasible_below(
    first: float, one: float, other: float, beyond: float
) -> None:
    merits = Merits((COST,), first={"cost": first})
    mine, theirs = (merits.of(COST, {"cost": value}, 0.0) for value in (one, other))
    if one < other:
        assert mine >= theirs
    if abs(first) >= 1 and one <= 10 * abs(first):
        assert mine == -one  # as it is, where searches are
    for value in (one, other):
        assert merits.of(COST, {"cost": value}, beyond) < min(mine, theirs)
    assert merits.of(COST, {"cost": one}, beyond * 1.5 + 1e-3) < merits.of(COST, {"cost": one}, beyond)


@given(
    first=st.tuples(st.floats(0.1, 1e4), st.integers(1, 1000)),
    one=st.tuples(st.floats(-1e5, 1e5), st.integers(1, 5000)),
    other=st.tuples(st.floats(-1e5, 1e5), st.integers(1, 5000)),
    tolerance=st.sampled_from([0.0, 0.01, 0.2]),
)
@settings(max_examples=200)
def test_joint_merit_orders_by_the_first_objective_and_then_by_the_next(
    first: tuple[float, int], one: tuple[float, int], other: tuple[float, int], tolerance: float
) -> None:
    merits = Merits((replace(COST, tolerance=tolerance), NODES), first={"cost": first[0], "nodes": float(first[1])})
    mine, theirs = (merits.joint({"cost": cost, "nodes": float(nodes)}, 0.0) for cost, nodes in (one, other))
    step = max(tolerance, 1e-6) * 1.01
    if one[0] == other[0]:
        assert (mine > theirs) == (one[1] < other[1])
    elif other[0] - one[0] > step * max(abs(one[0]), abs(other[0])) + 2e-8 * first[0]:
        assert mine > theirs
