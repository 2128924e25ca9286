"""Hints of a problem: none at first, one more where the search stands still, and the strategy inside sees none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thekla.core.evaluation import Failed, FailureKind, Outcome
from thekla.core.problem import Hints, Problem
from thekla.core.program import Candidate
from thekla.core.protocols import Strategy
from thekla.core.run import HINTED, SEED, TUNE, Ticket, Told
from thekla.search import Greedy, Hinted, Shinka
from thekla.testing.strategies import StrategyConformance, candidate_of, scored, search_problem

HINTS = Hints(version="3", texts=("sort first", "look ahead"))
PATIENCE = 4
DUPLICATE = Failed(kind=FailureKind.DUPLICATE, stage="answer", message="equal to candidate t1")
UNUSABLE = Failed(kind=FailureKind.SYNTAX, stage="syntax", message="line 1")


def hinted_problem() -> Problem:
    return replace(search_problem(), hints=HINTS)


def hinted(inner: Strategy) -> Hinted:
    return Hinted(inner, hinted_problem(), version=HINTS.version, patience=PATIENCE)


class TestHinted(StrategyConformance):
    def make(self, problem: Problem, *, seed: int) -> Strategy:
        return Hinted(Shinka(problem, seed=seed), replace(problem, hints=HINTS), version=HINTS.version, patience=2)


class Listening:
    """A strategy that asks for what it is given and remembers what it hears."""

    def __init__(self, operator: str = "") -> None:
        self.heard: list[Told] = []
        self._operator = operator
        self._asked = 0

    def ask(self, n: int = 1) -> Sequence[Ticket]:
        self._asked += n
        return [Ticket(id=f"t{self._asked}", operator=self._operator, hints=("its own",), route={"line": 1})] * n

    def tell(self, told: Told) -> None:
        self.heard.append(told)

    def best(self, k: int = 1) -> Sequence[tuple[Candidate, Outcome]]:
        return []


def planted(inner: Strategy) -> Hinted:
    strategy = hinted(inner)
    seed = Ticket(id="s0", operator=SEED)
    strategy.tell(Told(ticket=seed, candidate=candidate_of(seed, "a = 1\n"), outcome=scored(100.0)))
    return strategy


def step(strategy: Strategy, outcome: Outcome) -> Ticket:
    (ticket,) = strategy.ask(1)
    strategy.tell(Told(ticket=ticket, candidate=candidate_of(ticket, f"a = '{ticket.id}'\n"), outcome=outcome))
    return ticket


def test_hints_go_on_one_by_one_where_nothing_improves_and_stay_on() -> None:
    strategy = planted(Listening())
    shown = [step(strategy, scored(100.0)) for _ in range(4 * PATIENCE)]
    carried = [ticket.hints[1:] for ticket in shown]
    assert carried == [()] * PATIENCE + [HINTS.texts[:1]] * PATIENCE + [HINTS.texts] * 2 * PATIENCE
    assert [ticket.route.get(HINTED) for ticket in shown[:: 2 * PATIENCE]] == [None, 2]
    assert all(ticket.hints[0] == "its own" for ticket in shown)
    assert all(ticket.route["line"] == 1 for ticket in shown)


def test_no_hint_goes_on_while_the_search_gets_better() -> None:
    strategy = planted(Listening())
    costs = [100.0 * 0.9**number for number in range(5 * PATIENCE)]  # the cost is minimised
    assert not any(step(strategy, scored(cost)).route.get(HINTED) for cost in costs)


def test_repetitions_use_up_patience_and_answers_without_a_program_do_not() -> None:
    strategy = planted(Listening())
    for _ in range(3 * PATIENCE):
        assert HINTED not in step(strategy, UNUSABLE).route
    for _ in range(PATIENCE):
        assert HINTED not in step(strategy, DUPLICATE).route
    assert step(strategy, DUPLICATE).route[HINTED] == 1


def test_the_strategy_inside_hears_of_its_own_tickets() -> None:
    inner = Listening()
    strategy = planted(inner)
    for _ in range(3 * PATIENCE):
        step(strategy, scored(100.0))
    assert all(told.ticket.hints == ("its own",) for told in inner.heard[1:])
    assert all(told.ticket.route == {"line": 1} for told in inner.heard[1:])


def test_trials_of_constants_carry_no_hint() -> None:
    strategy = planted(Listening(TUNE))
    assert all(step(strategy, scored(100.0)).hints == ("its own",) for _ in range(3 * PATIENCE))


@settings(max_examples=30, deadline=None)
@given(costs=st.lists(st.floats(1.0, 200.0), max_size=30))
def test_what_is_chosen_does_not_depend_on_the_hints(costs: list[float]) -> None:
    with_hints, without = planted(Greedy(search_problem(), seed=1)), Greedy(search_problem(), seed=1)
    seed = Ticket(id="s0", operator=SEED)
    without.tell(Told(ticket=seed, candidate=candidate_of(seed, "a = 1\n"), outcome=scored(100.0)))
    for cost in costs:
        ours, theirs = step(with_hints, scored(cost)), step(without, scored(cost))
        assert (ours.id, ours.parents, ours.inspirations) == (theirs.id, theirs.parents, theirs.inspirations)
    assert [one.id for one, _ in with_hints.best(5)] == [one.id for one, _ in without.best(5)]


def test_a_run_goes_on_with_the_version_of_the_list_that_it_began_with() -> None:
    with pytest.raises(ValueError, match=r"began with version '2'.*has '3'"):
        Hinted(Listening(), hinted_problem(), version="2", patience=1)
    with pytest.raises(ValueError, match="patience"):
        Hinted(Listening(), hinted_problem(), version="3", patience=0)


@pytest.mark.parametrize(("version", "texts"), [("", ("sort",)), ("1", ("sort", " "))])
def test_a_list_has_a_version_and_no_empty_hint(version: str, texts: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="hint"):
        Hints(version=version, texts=texts)
