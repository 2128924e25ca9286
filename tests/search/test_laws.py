"""Laws of every strategy, over random outcomes, failures and orders of telling."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import thekla.search
from thekla.core.evaluation import Outcome, Scored
from thekla.core.protocols import Strategy
from thekla.core.run import SEED, Ticket, Told
from thekla.search.ranked import RankedStrategy
from thekla.testing.strategies import candidate_of, failed, scored, search_problem

STRATEGIES = sorted(
    (one for one in vars(thekla.search).values() if isinstance(one, type) and issubclass(one, RankedStrategy)),
    key=lambda one: one.name,
)
BATCH = 7


def start(make: type[RankedStrategy]) -> Strategy:
    strategy = make(search_problem(), seed=5)
    ticket = Ticket(id="s0", operator=SEED)
    strategy.tell(Told(ticket=ticket, candidate=candidate_of(ticket, "seed = 0\n"), outcome=scored(100.0)))
    return strategy


def outcome_of(cost: int | None) -> Outcome:
    return failed() if cost is None else scored(float(cost), m=cost / 200, n=cost % 7 / 7)


def costs_of(strategy: Strategy) -> dict[str, float]:
    return {one.id: outcome.scores["cost"] for one, outcome in strategy.best(99) if isinstance(outcome, Scored)}


def as_text(tickets: list[Ticket]) -> list[str]:
    return [
        f"{one.id} {[p.id for p in one.parents]} {[p.id for p in one.inspirations]} {one.operator} {dict(one.route)}"
        for one in tickets
    ]


def test_all_of_them_are_here() -> None:
    assert len(STRATEGIES) == 21


@pytest.mark.parametrize("make", STRATEGIES, ids=lambda make: make.name)
@given(
    batches=st.lists(st.lists(st.none() | st.integers(1, 199), min_size=BATCH, max_size=BATCH), min_size=1, max_size=3),
    order=st.integers(0, 10_000),
)
@settings(max_examples=4, deadline=None)
def test_no_outcome_is_lost_and_none_is_forgotten_whatever_the_order_of_telling(
    make: type[RankedStrategy], batches: list[list[int | None]], order: int
) -> None:
    """The best never gets worse, what failed is never shown, and who is told the same asks the same."""
    strategy, rng = start(make), Random(order)
    history: list[Told] = []
    asked: list[Ticket] = []
    known, best = {"s0": 100.0}, 100.0
    for costs in batches:
        tickets = list(strategy.ask(BATCH))
        asked += tickets
        for one in tickets:
            assert {shown.id for shown in (*one.parents, *one.inspirations)} <= set(known)
        answers = list(zip(tickets, costs, strict=True))
        rng.shuffle(answers)
        for ticket, cost in answers:
            candidate = candidate_of(ticket, f"x = {ticket.id[1:]}\n")
            told = Told(ticket=ticket, candidate=candidate, outcome=outcome_of(cost))
            strategy.tell(told)
            history.append(told)
            if cost is not None:
                known[ticket.id] = float(cost)
            now = min(costs_of(strategy).values())
            assert now == min(known.values()) <= best
            best = now
    assert costs_of(strategy) == known  # every scored candidate, and nothing else
    assert len({one.id for one in asked}) == len(asked)

    again = start(make)  # as a resumed run goes through its journal
    repeated: list[Ticket] = []
    for number in range(len(batches)):
        repeated += again.ask(BATCH)
        for told in history[number * BATCH : (number + 1) * BATCH]:
            again.tell(told)
    assert as_text(repeated) == as_text(asked)
    assert as_text(list(again.ask(3))) == as_text(list(strategy.ask(3)))
