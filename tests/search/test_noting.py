"""Notes are asked for once in so many outcomes, and the strategy inside never hears of them."""

from __future__ import annotations

import pytest

from thekla.core.evaluation import Failed, FailureKind
from thekla.core.problem import Problem
from thekla.core.protocols import Strategy
from thekla.core.run import NOTE, SEED, Ticket, Told
from thekla.search import Greedy, Noted, TopK
from thekla.testing.strategies import StrategyConformance, candidate_of, scored, search_problem

WORDS = Failed(kind=FailureKind.NOTE, stage="answer", message="sorting pays")


class TestNoted(StrategyConformance):
    def make(self, problem: Problem, *, seed: int) -> Strategy:
        return Noted(TopK(problem, seed=seed), problem, every=7)


def planted(every: int) -> tuple[Noted, Greedy]:
    strategies = (
        Noted(Greedy(search_problem(), seed=1), search_problem(), every=every),
        Greedy(search_problem(), seed=1),
    )
    seed = Ticket(id="s0", operator=SEED)
    for strategy in strategies:
        strategy.tell(Told(ticket=seed, candidate=candidate_of(seed, "a = 1\n"), outcome=scored(100.0)))
    return strategies


def step(strategy: Strategy, cost: float) -> Ticket:
    (ticket,) = strategy.ask(1)
    if ticket.operator == NOTE:
        strategy.tell(Told(ticket=ticket, candidate=None, outcome=WORDS))
    else:
        candidate = candidate_of(ticket, f"a = '{ticket.id}'\n")
        strategy.tell(Told(ticket=ticket, candidate=candidate, outcome=scored(cost)))
    return ticket


def test_a_note_is_asked_for_once_in_so_many_outcomes_on_the_best_program() -> None:
    strategy, _ = planted(every=3)
    tickets = [step(strategy, 90.0 - number) for number in range(12)]
    assert [ticket.id for ticket in tickets if ticket.operator == NOTE] == ["n1", "n2", "n3"]
    assert [number for number, ticket in enumerate(tickets) if ticket.operator == NOTE] == [3, 7, 11]
    assert [parent.id for parent in tickets[7].parents] == [tickets[6].id]


def test_the_strategy_inside_asks_and_ranks_as_if_there_were_no_notes() -> None:
    noted, plain = planted(every=2)
    costs = iter(90.0 - number % 5 for number in range(100))
    for _ in range(20):
        cost = next(costs)
        ticket = step(noted, cost)
        if ticket.operator == NOTE:
            ticket = step(noted, cost)
        assert step(plain, cost) == ticket
    assert [one.id for one, _ in noted.best(5)] == [one.id for one, _ in plain.best(5)]


def test_several_tickets_at_once_hold_one_note_at_most() -> None:
    strategy, _ = planted(every=1)
    step(strategy, 50.0)
    assert [ticket.operator == NOTE for ticket in strategy.ask(4)] == [True, False, False, False]


def test_an_interval_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="every"):
        Noted(Greedy(search_problem(), seed=1), search_problem(), every=0)
