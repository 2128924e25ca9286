"""The default climbs while it pays; when it does not, it tries tactics and a line far away."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thekla.core.evaluation import Failed, FailureKind, InstanceResult, Outcome, Scored
from thekla.core.problem import Problem
from thekla.core.program import Candidate, CandidateId, Program
from thekla.core.protocols import Strategy
from thekla.core.rng import stream
from thekla.core.run import IMPORT, SEED, Ticket, Told
from thekla.search import Greedy, Thekla
from thekla.search.elites import Elite
from thekla.search.front import InstanceFront
from thekla.search.line import Line
from thekla.search.tactics import TACTICS, TacticBandit
from thekla.testing.strategies import StrategyConformance, candidate_of, failed, scored, search_problem

DUPLICATE = Failed(kind=FailureKind.DUPLICATE, stage="answer", message="equal to candidate t1")
OTHER = "for job in jobs:\n    place(job)\n"


class TestThekla(StrategyConformance):
    def make(self, problem: Problem, *, seed: int) -> Strategy:
        return Thekla(problem, seed=seed)


class TestTheklaWithoutItsMechanisms(StrategyConformance):
    def make(self, problem: Problem, *, seed: int) -> Strategy:
        return climber(problem, seed=seed)


def climber(problem: Problem, *, seed: int) -> Thekla:
    return Thekla(
        problem,
        seed=seed,
        second_line=False,
        tactics=False,
        complement=False,
        suppress=False,
        diverse_seeds=False,
        frugal=False,
    )


def plant(strategy: Strategy, *texts: str, cost: float = 100.0, operator: str = SEED) -> None:
    for number, text in enumerate(texts):
        ticket = Ticket(id=f"{operator[0]}{number}", operator=operator)
        strategy.tell(Told(ticket=ticket, candidate=candidate_of(ticket, text), outcome=scored(cost + number)))


def answer(strategy: Strategy, outcome: Outcome, text: str = "") -> Ticket:
    (ticket,) = strategy.ask(1)
    candidate = candidate_of(ticket, text or f"x = {ticket.id[1:]}\n")
    strategy.tell(Told(ticket=ticket, candidate=candidate, outcome=outcome))
    return ticket


def stalled(**settings: Any) -> Thekla:
    """A strategy that was told of nothing but worse programs for longer than its patience."""
    strategy = Thekla(search_problem(), seed=4, evaluations=100, **settings)
    plant(strategy, "x = 1\n")
    for _ in range(18):
        answer(strategy, scored(120.0))
    return strategy


@given(costs=st.lists(st.floats(1, 200), min_size=1, max_size=30))
@settings(max_examples=40)
def test_without_its_mechanisms_it_is_greedy_search(costs: list[float]) -> None:
    mine, greedy = climber(search_problem(), seed=1), Greedy(search_problem(), seed=1)
    for strategy in (mine, greedy):
        plant(strategy, "x = 1\n")
    for cost in costs:
        asked = [answer(strategy, scored(cost)).parents[0].id for strategy in (mine, greedy)]
        assert asked[0] == asked[1]


def test_while_it_improves_no_ticket_carries_a_tactic_or_leaves_the_main_line() -> None:
    strategy = Thekla(search_problem(), seed=0, evaluations=100)
    plant(strategy, "x = 1\n")
    for step in range(60):
        ticket = answer(strategy, scored(90.0 * 0.97**step))
        assert ticket.route == {"line": 1}
        assert ticket.inspirations == ()


def test_standing_still_brings_tactics_as_hints() -> None:
    tickets = stalled().ask(40)
    tactics = [ticket.route["tactic"] for ticket in tickets if "tactic" in ticket.route]
    assert 12 <= len(tactics) <= 28  # half of them
    assert set(tactics) == set(TACTICS)
    hinted = next(ticket for ticket in tickets if "tactic" in ticket.route)
    assert hinted.hints == (TACTICS[str(hinted.route["tactic"])],)
    assert not any("tactic" in ticket.route for ticket in stalled(tactics=False).ask(40))


def test_standing_still_opens_a_line_at_a_program_of_another_structure() -> None:
    strategy = stalled()
    other = answer(strategy, scored(500.0), OTHER)
    parents = [ticket.parents[0].id for ticket in strategy.ask(60)]
    assert set(parents) == {"s0", other.id}
    assert 30 <= sum(parent == other.id for parent in parents) <= 54  # two thirds


def test_programs_of_one_structure_open_no_second_line() -> None:
    assert {ticket.parents[0].id for ticket in stalled().ask(60)} == {"s0"}
    strategy = stalled(second_line=False)
    answer(strategy, scored(500.0), OTHER)
    assert {ticket.parents[0].id for ticket in strategy.ask(60)} == {"s0"}


def test_a_second_line_climbs_by_its_own_measure_and_takes_over_when_it_is_better() -> None:
    strategy = stalled()
    head = answer(strategy, scored(500.0), OTHER).id
    cost = 500.0
    for _ in range(60):
        (ticket,) = strategy.ask(1)
        if ticket.parents[0].id == head:
            cost, head = cost * 0.9, ticket.id
            text, outcome = OTHER + f"    n = {head}\n", scored(cost)
        else:
            text, outcome = f"x = {ticket.id[1:]}\n", scored(130.0)
        strategy.tell(Told(ticket=ticket, candidate=candidate_of(ticket, text), outcome=outcome))
    assert cost < 100
    assert {ticket.parents[0].id for ticket in strategy.ask(10)} == {head}
    assert strategy.best(1)[0][0].id == head


def test_a_second_line_that_stands_still_is_closed_and_not_opened_again() -> None:
    strategy = stalled()
    answer(strategy, scored(500.0), OTHER)
    for _ in range(60):
        answer(strategy, scored(600.0))
    assert {ticket.parents[0].id for ticket in strategy.ask(20)} == {"s0"}


def test_what_cost_no_evaluation_uses_up_no_patience() -> None:
    strategy = Thekla(search_problem(), seed=4, evaluations=100)
    plant(strategy, "x = 1\n")
    checked = Failed(kind=FailureKind.SYNTAX, stage="check", message="it does not parse")
    for _ in range(30):
        answer(strategy, DUPLICATE)
        answer(strategy, checked)
    assert not any("tactic" in ticket.route for ticket in strategy.ask(40))
    for _ in range(18):
        answer(strategy, scored(120.0))
    assert any("tactic" in ticket.route for ticket in strategy.ask(40))


def test_a_second_line_starts_at_the_best_program_of_another_structure() -> None:
    strategy = stalled()
    answer(strategy, scored(9000.0), "while everything:\n    goes(wrong)\n")
    good = answer(strategy, scored(150.0), OTHER)
    assert {ticket.parents[0].id for ticket in strategy.ask(60)} == {"s0", good.id}


def test_the_more_second_lines_led_nowhere_the_fewer_tickets_the_next_one_gets() -> None:
    strategy, shares = stalled(tactics=False), []
    for number in range(4):
        answer(strategy, scored(500.0 + 10 * number), f"structure_{'abcd'[number]} = other({'wxyz'[number]})\n")
        shares.append(sum(ticket.parents[0].id != "s0" for ticket in strategy.ask(300)) / 300)
        while any(ticket.parents[0].id != "s0" for ticket in strategy.ask(30)):
            answer(strategy, failed())
    # (1 + i) / (2 + i + f) after f failed lines, when the main line has been idle for i times its patience.
    assert shares == pytest.approx([0.68, 0.55, 0.5, 0.48], abs=0.09)


def test_a_second_line_whose_outcomes_change_nothing_is_closed_even_if_they_cost_no_evaluation() -> None:
    strategy = stalled(tactics=False)
    other = answer(strategy, scored(500.0), OTHER)
    for _ in range(40):
        answer(strategy, DUPLICATE)
    assert other.id in {ticket.parents[0].id for ticket in strategy.ask(30)}
    for _ in range(200):
        answer(strategy, DUPLICATE)
    assert {ticket.parents[0].id for ticket in strategy.ask(30)} == {"s0"}


def test_a_variant_that_scores_alike_everywhere_opens_no_second_line() -> None:
    strategy = stalled(frugal=False)
    before = answer(strategy, scored(100.0), OTHER)
    head = answer(strategy, scored(100.0), OTHER + "junk(jobs)\nmore(junk)\n")  # the main line drifts there
    parents = {ticket.parents[0].id for ticket in strategy.ask(60)}
    assert head.id in parents
    assert before.id not in parents


def test_a_child_that_scores_alike_takes_over_only_if_it_is_no_longer() -> None:
    def heads(*, frugal: bool) -> list[str]:
        strategy = Thekla(search_problem(), seed=0, second_line=False, suppress=False, frugal=frugal)
        plant(strategy, "x = 1\ny = use(x)\n")
        found = []
        for text in ("x = 1\ny = use(x)\nz = 3\n", "x = 12345  # a number\ny = use(x)\n", "y = use(1)\n"):
            answer(strategy, scored(100.0), text)
            found.append(strategy.ask(1)[0].parents[0].program.text.splitlines()[-1])
        return found

    assert heads(frugal=True) == ["y = use(x)", "y = use(x)", "y = use(1)"]
    assert heads(frugal=False) == ["z = 3", "y = use(x)", "y = use(1)"]


def test_every_seed_gets_a_line_of_its_own() -> None:
    strategy = Thekla(search_problem(), seed=0)
    plant(strategy, "x = 1\n", "for y in z: w(y)\n", "while a: b()\n")
    parents = set()
    for _ in range(80):
        parents.add(answer(strategy, scored(300.0)).parents[0].id)
    assert parents == {"s0", "s1", "s2"}
    lone = Thekla(search_problem(), seed=0, diverse_seeds=False, second_line=False)
    plant(lone, "x = 1\n", "for y in z: w(y)\n")
    assert {ticket.parents[0].id for ticket in lone.ask(30)} == {"s0"}


def test_an_import_joins_the_line_of_its_parent() -> None:
    strategy = Thekla(search_problem(), seed=0)
    plant(strategy, "x = 1\n")
    ticket = Ticket(id="c1", operator=IMPORT, parents=(candidate_of(Ticket(id="s0", operator=SEED), "x = 1\n"),))
    strategy.tell(Told(ticket=ticket, candidate=candidate_of(ticket, "x = 2\n"), outcome=scored(50.0)))
    assert {one.parents[0].id for one in strategy.ask(5)} == {"c1"}
    plant(strategy, "x = 3\n", cost=70.0, operator=IMPORT)
    assert {one.parents[0].id for one in strategy.ask(5)} == {"c1"}


def test_a_parent_whose_children_are_duplicates_is_left_for_an_earlier_one() -> None:
    def parents(*, suppress: bool) -> set[str]:
        strategy = Thekla(search_problem(), seed=2, tactics=False, second_line=False, suppress=suppress)
        plant(strategy, "x = 1\n")
        for cost in (90.0, 80.0):
            answer(strategy, scored(cost))
        return {answer(strategy, DUPLICATE).parents[0].id for _ in range(30)}

    assert parents(suppress=True) == {"s0", "t1", "t2"}
    assert parents(suppress=False) == {"t2"}


def test_lines_that_an_improvement_took_out_are_named() -> None:
    strategy = Thekla(search_problem(), seed=0)
    plant(strategy, "keep = 1\nspread_evenly(jobs)\n")
    answer(strategy, scored(50.0), "keep = 1\npack_tightly(jobs)\n")
    (ticket,) = strategy.ask(1)
    assert "spread_evenly(jobs)" in ticket.hints[0]
    answer(strategy, scored(40.0), "spread_evenly(jobs)\nkeep = 1\n")
    assert not any("spread_evenly" in hint for hint in strategy.ask(1)[0].hints)


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="evaluations"):
        Thekla(search_problem(), seed=0, evaluations=0)


def elite(name: str, gain: float, **gains: float) -> Elite:
    instances = {instance: InstanceResult(scores={"cost": -gain}) for instance, gain in gains.items()}
    candidate = Candidate(id=CandidateId(name), program=Program.from_text(f"# {name}\n"))
    return Elite(candidate=candidate, outcome=Scored(scores={"cost": -gain}, instances=instances), gain=gain)


def test_a_front_holds_who_is_best_where() -> None:
    front = InstanceFront(search_problem().objective)
    one, two, both = elite("one", 1.0, a=5.0, b=1.0), elite("two", 1.0, a=1.0, b=5.0), elite("both", 0.5, a=5.0, b=0.0)
    assert [front.add(entry) for entry in (one, two, both)] == [True, True, False]
    assert [[holder.candidate.id for holder in holders] for holders in front.holders()] == [["one", "both"], ["two"]]
    assert set(front.weights()) == {"one", "two"}  # `one` covers `both`
    found = front.complement(one, stream(1))
    assert found is not None
    assert found.candidate.id == "two"


def test_who_is_best_everywhere_has_no_complement() -> None:
    front = InstanceFront(search_problem().objective)
    front.add(elite("one", 1.0, a=5.0, b=1.0))
    assert front.complement(elite("one", 1.0), stream(1)) is None


@given(gains=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=20), seed=st.integers())
@settings(max_examples=40)
def test_a_front_draws_only_programs_that_are_best_somewhere(gains: list[tuple[int, int]], seed: int) -> None:
    front = InstanceFront(search_problem().objective)
    for number, (a, b) in enumerate(gains):
        front.add(elite(str(number), float(a + b), a=float(a), b=float(b)))
    drawn = gains[int(front.draw(stream(seed % 2**31)).candidate.id)]
    assert drawn[0] == max(a for a, _ in gains) or drawn[1] == max(b for _, b in gains)
    covered = {name for holders in front.holders() for name in (holder.candidate.id for holder in holders)}
    assert set(front.weights()) <= covered
    assert all(any(one.candidate.id in front.weights() for one in holders) for holders in front.holders())


def test_a_line_drifts_and_knows_when_it_stands_still() -> None:
    line = Line(elite("a", -100.0), patience=3)
    assert line.offer(elite("b", -100.0), new=True)
    assert line.best.candidate.id == "a"
    assert not line.offer(elite("c", -101.0), new=True)
    assert not line.stalled
    assert line.offer(elite("d", -99.5), new=True)
    assert line.stalled  # half a percent in three outcomes
    line.offer(elite("e", -80.0), new=True)
    assert not line.stalled


def test_a_bandit_tries_each_tactic_once_and_then_prefers_what_paid() -> None:
    bandit = TacticBandit()
    first = []
    for _ in TACTICS:
        name = bandit.choose()
        bandit.asked(name)
        first.append(name)
    assert sorted(first) == sorted(TACTICS)
    bandit.paid("combine")
    assert bandit.choose() == "combine"
