"""Constants by an optimiser: its trials are ordinary tickets, and what it finds is an ordinary candidate."""

from __future__ import annotations

import math
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thekla.core.literals import literals_of, with_literals
from thekla.core.problem import Problem
from thekla.core.program import Program
from thekla.core.protocols import Strategy
from thekla.core.run import SEED, TUNE, Ticket, Told
from thekla.search import Greedy, Islands, Tuning
from thekla.search.study import Study
from thekla.testing.strategies import StrategyConformance, candidate_of, failed, scored, search_problem

LITERALS = literals_of("x = [4.0, 0.5, 20]")


class TestTuning(StrategyConformance):
    def make(self, problem: Problem, *, seed: int) -> Strategy:
        return Tuning(Islands(problem, seed=seed), problem, seed=seed)

    @pytest.mark.parametrize("setting", [{"least": 0.6}, {"sigma": 0.0}, {"most_constants": 0}])
    def test_refuses_a_setting_out_of_range(self, setting: dict[str, float]) -> None:
        with pytest.raises(ValueError, match=next(iter(setting))):
            Tuning(Greedy(search_problem(), seed=0), search_problem(), seed=0, **setting)  # type: ignore[arg-type]


def planted(text: str, **settings: float) -> tuple[Tuning, Greedy]:
    inner = Greedy(search_problem(), seed=0)
    strategy = Tuning(inner, search_problem(), seed=3, **settings)  # type: ignore[arg-type]  # floats and ints
    ticket = Ticket(id="s0", operator=SEED)
    strategy.tell(Told(ticket=ticket, candidate=candidate_of(ticket, text), outcome=scored(100.0)))
    return strategy, inner


def trial_of(strategy: Strategy) -> Ticket:
    return next(ticket for ticket in (strategy.ask(1)[0] for _ in range(50)) if ticket.operator == TUNE)


def answer(ticket: Ticket) -> str:
    parent = ticket.parents[0].program.text
    constants = ticket.route["constants"]
    assert isinstance(constants, list)
    return with_literals(parent, literals_of(parent), constants)


def test_a_trial_names_its_parent_and_one_number_for_each_of_its_literals() -> None:
    strategy, _ = planted("x = [4.0, 0.5]\n", least=0.5)
    ticket = trial_of(strategy)
    constants = ticket.route["constants"]
    assert isinstance(constants, list)
    assert [parent.id for parent in ticket.parents] == ["s0"]
    assert len(constants) == 2
    assert answer(ticket) != ticket.parents[0].program.text


def test_a_program_without_numbers_leaves_all_tickets_to_structure() -> None:
    strategy, _ = planted("x = []\n", least=0.5)
    assert {ticket.operator for ticket in strategy.ask(40)} == {""}


def test_a_program_with_too_many_numbers_is_not_tuned() -> None:
    strategy, _ = planted("x = [2.0, 3.0, 4.0]\n", least=0.5, most_constants=2)
    assert {ticket.operator for ticket in strategy.ask(40)} == {""}


@pytest.mark.parametrize(("cost", "heard"), [(50.0, True), (100.0, False), (200.0, False)])
def test_the_strategy_inside_hears_of_a_tuned_program_only_if_it_is_better(cost: float, heard: bool) -> None:
    strategy, inner = planted("x = [4.0, 0.5]\n", least=0.5)
    ticket = trial_of(strategy)
    candidate = candidate_of(ticket, answer(ticket))
    strategy.tell(Told(ticket=ticket, candidate=candidate, outcome=scored(cost)))
    assert (ticket.id in {one.id for one, _ in inner.best(9)}) == heard
    assert ticket.id in {one.id for one, _ in strategy.best(9)}


def test_structure_keeps_its_share_however_well_tuning_goes() -> None:
    strategy, _ = planted("x = [4.0, 0.5]\n", least=0.2)
    cost, tuned = 100.0, 0
    for _ in range(200):
        (ticket,) = strategy.ask(1)
        if ticket.operator == TUNE:
            tuned, cost = tuned + 1, cost * 0.95
            outcome = scored(cost)
            strategy.tell(Told(ticket=ticket, candidate=candidate_of(ticket, answer(ticket)), outcome=outcome))
        else:
            strategy.tell(Told(ticket=ticket, candidate=None, outcome=failed()))
    assert 130 <= tuned <= 180  # 160 expected at a share of 0.8


def test_a_study_is_left_when_it_finds_nothing() -> None:
    strategy, _ = planted("x = [4.0, 0.5]\n", least=0.5)
    trials = 0
    for _ in range(300):
        (ticket,) = strategy.ask(1)
        trials += ticket.operator == TUNE
        text = answer(ticket) if ticket.operator == TUNE else "y = []\n"
        strategy.tell(Told(ticket=ticket, candidate=candidate_of(ticket, text), outcome=scored(120.0)))
    assert 20 <= trials <= 24  # eight for each number and one more


@given(seed=st.integers(0, 2**32 - 1), order=st.integers(0, 99), failing=st.booleans())
@settings(max_examples=20, deadline=None)
def test_a_study_takes_gains_in_any_order_and_asks_no_vector_twice(seed: int, order: int, failing: bool) -> None:
    rng = Random(order)
    study = Study(LITERALS, gain=-30.0, seed=seed, sigma=0.7)
    flying: list[tuple[float, ...]] = []
    asked: set[tuple[float, ...]] = set()
    best = -30.0
    for _ in range(80):
        values = study.ask()
        if values is not None:
            assert values not in asked
            assert all(literal.low <= value <= literal.high for literal, value in zip(LITERALS, values, strict=True))
            assert values[2].is_integer()
            asked.add(values)
            flying.append(values)
        if flying and (values is None or rng.random() < 0.7):
            told = flying.pop(rng.randrange(len(flying)))
            gain = None if failing and rng.random() < 0.5 else -sum(math.log(value) ** 2 for value in told)
            study.tell(told, gain)
            assert study.best >= best
            best = study.best


def test_a_study_of_failures_alone_ends() -> None:
    study = Study(LITERALS, gain=0.0, seed=1, sigma=0.7)
    trials = 0
    while (values := study.ask()) is not None:
        study.tell(values, None)
        trials += 1
    assert study.ended
    assert trials == 8 * 4


@pytest.mark.parametrize("raced", [False, True])
def test_a_study_finds_the_minimum_of_a_bowl_even_if_what_lost_its_race_has_no_score(raced: bool) -> None:
    study = Study(LITERALS[:2], gain=-12.6, seed=5, sigma=0.7)
    gains = [-12.6]
    for _ in range(150):
        values = study.ask()
        if values is None:
            break
        gain = -sum(math.log(value / best) ** 2 for value, best in zip(values, (0.7, 11.0), strict=True))
        lost = raced and len(gains) >= 10 and gain < sorted(gains)[-10]  # not among the ten best, as in `core.racing`
        study.tell(values, None if lost else gain)
        gains += [] if lost else [gain]
    assert study.best > -1e-3  # from -12.6


def test_a_vector_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="1 values for 3 literals"):
        Study(LITERALS, gain=0.0, seed=1, sigma=0.7).tell((1.0,), 1.0)


def test_a_better_program_from_elsewhere_opens_a_study_that_had_ended() -> None:
    strategy, _ = planted("x = [4.0]\n", least=0.5)
    while True:  # until tuning gives up
        tickets = strategy.ask(20)
        trials = [ticket for ticket in tickets if ticket.operator == TUNE]
        if not trials:
            break
        for ticket in trials:
            strategy.tell(Told(ticket=ticket, candidate=candidate_of(ticket, answer(ticket)), outcome=scored(300.0)))
    ticket = strategy.ask(1)[0]
    better = candidate_of(ticket, "x = [9.0]\n")
    assert better.program == Program.from_text("x = [9.0]\n")
    strategy.tell(Told(ticket=ticket, candidate=better, outcome=scored(50.0)))
    assert trial_of(strategy).parents[0].id == better.id
