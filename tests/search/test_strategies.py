"""Every strategy of ours keeps the promises of the protocol, and its own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thekla.core.evaluation import Scored
from thekla.core.problem import Measure, Problem
from thekla.core.program import Candidate, CandidateId, Program
from thekla.core.protocols import Strategy
from thekla.core.run import SEED, Ticket, Told
from thekla.search import Annealing, Beam, BestOfN, Greedy, Islands, RandomSearch, Sampling, TopK
from thekla.search.distance import jaccard, outline
from thekla.search.elites import Elite, Ranking
from thekla.search.grid import Grid
from thekla.testing.strategies import StrategyConformance, candidate_of, scored, search_problem


class TestGreedy(StrategyConformance):
    def make(self, problem: Problem, *, seed: int) -> Strategy:
        return Greedy(problem, seed=seed)

    def test_an_equal_score_replaces_the_current_program(self) -> None:
        strategy = self.started()
        (ticket,) = strategy.ask(1)
        strategy.tell(Told(ticket=ticket, candidate=candidate_of(ticket, "drift = 1\n"), outcome=scored(100.0)))
        assert strategy.ask(1)[0].parents[0].id == ticket.id
        assert strategy.best(1)[0][0].id == "s0"  # the record names the first that reached a score


class TestSampling(StrategyConformance):
    def make(self, problem: Problem, *, seed: int) -> Strategy:
        return Sampling(problem, seed=seed)

    def test_only_a_strictly_better_score_replaces_the_best(self) -> None:
        strategy = self.started()
        (ticket,) = strategy.ask(1)
        strategy.tell(Told(ticket=ticket, candidate=candidate_of(ticket, "drift = 1\n"), outcome=scored(100.0)))
        assert strategy.ask(1)[0].parents[0].id == "s0"

    def test_a_ticket_carries_the_latest_attempts(self) -> None:
        strategy = Sampling(search_problem(), seed=0, window=3)
        start = Ticket(id="s0", operator=SEED)
        strategy.tell(Told(ticket=start, candidate=candidate_of(start, "seed = 0\n"), outcome=scored(1.0)))
        for step in range(6):
            (ticket,) = strategy.ask(1)
            candidate = candidate_of(ticket, f"x = {step}\n")
            strategy.tell(Told(ticket=ticket, candidate=candidate, outcome=scored(50.0 + step)))
        assert [other.id for other in strategy.ask(1)[0].inspirations] == ["t4", "t5", "t6"]


class TestRandomSearch(StrategyConformance):
    def make(self, problem: Problem, *, seed: int) -> Strategy:
        return RandomSearch(problem, seed=seed)

    def test_scores_do_not_matter_to_the_choice_of_parents(self) -> None:
        def parents(sign: float) -> list[str]:
            strategy = self.started(seed=4)
            for step in range(20):
                (ticket,) = strategy.ask(1)
                outcome = scored(100.0 + sign * step)
                strategy.tell(Told(ticket=ticket, candidate=candidate_of(ticket, f"x = {step}\n"), outcome=outcome))
            return [ticket.parents[0].id for ticket in strategy.ask(50)]

        assert parents(1.0) == parents(-1.0)


class TestBestOfN(StrategyConformance):
    def make(self, problem: Problem, *, seed: int) -> Strategy:
        return BestOfN(problem, seed=seed)

    def test_the_parent_changes_after_n_outcomes_only(self) -> None:
        strategy = BestOfN(search_problem(), seed=0, n=3)
        plant(strategy)
        seen = []
        for cost in (50.0, 40.0, 60.0, 30.0, 20.0, 10.0):
            seen.append(strategy.ask(1)[0].parents[0].id)
            tell(strategy, cost)
        assert seen == ["s0", "s0", "s0", "t4", "t4", "t4"]


class TestTopK(StrategyConformance):
    def make(self, problem: Problem, *, seed: int) -> Strategy:
        return TopK(problem, seed=seed)

    def test_the_best_is_changed_and_the_next_are_shown(self) -> None:
        strategy = TopK(search_problem(), seed=0, k=3)
        plant(strategy)
        for cost in (50.0, 70.0, 60.0, 80.0):
            tell(strategy, cost)
        (ticket,) = strategy.ask(1)
        assert [one.id for one in (*ticket.parents, *ticket.inspirations)] == ["t1", "t3", "t2"]


class TestBeam(StrategyConformance):
    def make(self, problem: Problem, *, seed: int) -> Strategy:
        return Beam(problem, seed=seed)

    @staticmethod
    def parents(strategy: Strategy) -> set[str]:
        return {ticket.parents[0].id for ticket in strategy.ask(200)}

    def test_without_a_weight_on_diversity_the_beam_is_the_best_few(self) -> None:
        strategy = Beam(search_problem(), seed=0, width=2, diversity=0.0)
        plant(strategy)
        for cost in (50.0, 70.0, 60.0):
            tell(strategy, cost)
        assert self.parents(strategy) == {"t1", "t3"}

    def test_a_program_that_differs_takes_the_place_of_a_better_twin(self) -> None:
        strategy = Beam(search_problem(), seed=0, width=2, diversity=0.5)
        plant(strategy)
        for cost, text in ((50.0, "a = 1"), (51.0, "a = 2"), (60.0, "for b in c: d(b)")):
            tell(strategy, cost, text)
        assert self.parents(strategy) == {"t1", "t3"}


class TestAnnealing(StrategyConformance):
    def make(self, problem: Problem, *, seed: int) -> Strategy:
        return Annealing(problem, seed=seed)

    @pytest.mark.parametrize(("temperature", "accepted"), [(1e-6, 0), (1e6, 30)])
    def test_a_cold_search_refuses_worse_programs_and_a_hot_one_takes_them(
        self, temperature: float, accepted: int
    ) -> None:
        strategy = Annealing(search_problem(), seed=0, start=temperature, end=temperature)
        plant(strategy)
        taken = 0
        for step in range(30):
            ticket = tell(strategy, 101.0 + step)
            taken += strategy.ask(1)[0].parents[0].id == ticket.id
        assert taken == accepted

    def test_it_cools_over_its_budget(self) -> None:
        strategy = Annealing(search_problem(), seed=0, evaluations=400, start=2.0, end=0.01)
        plant(strategy, cost=0.0)
        costs, taken = {"s0": 0.0}, []
        for _ in range(400):  # each child is worse than its parent by one
            parent = strategy.ask(1)[0].parents[0].id
            ticket = tell(strategy, costs[parent] + 1)
            costs[ticket.id] = costs[parent] + 1
            taken.append(strategy.ask(1)[0].parents[0].id == ticket.id)
        assert sum(taken[:100]) > 25  # 38 expected: the temperature falls from 2 to 0.53
        assert sum(taken[300:]) == 0


@pytest.mark.parametrize(
    ("strategy", "setting"),
    [
        (BestOfN, {"n": 0}),
        (TopK, {"k": 0}),
        (Beam, {"width": 0}),
        (Beam, {"diversity": 1.5}),
        (Beam, {"temperature": 0.0}),
        (Annealing, {"evaluations": 0}),
        (Annealing, {"start": 0.0}),
        (Annealing, {"end": float("nan")}),
    ],
)
def test_a_setting_out_of_range_is_refused_by_name(strategy: type, setting: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(setting))):
        strategy(search_problem(), seed=0, **setting)


class TestIslands(StrategyConformance):
    def make(self, problem: Problem, *, seed: int) -> Strategy:
        return Islands(problem, seed=seed)

    def test_migration_carries_the_best_to_the_next_island(self) -> None:
        strategy = Islands(search_problem(), seed=0, islands=2, migrate_every=2, explore=0.0, size=100)
        start = Ticket(id="s0", operator=SEED)
        strategy.tell(Told(ticket=start, candidate=candidate_of(start, "seed = 0\n"), outcome=scored(100.0)))
        tickets = strategy.ask(4)
        winner = next(ticket for ticket in tickets if ticket.route["island"] == 1)
        for ticket in tickets[:3]:
            cost = 1.0 if ticket is winner else 90.0
            strategy.tell(Told(ticket=ticket, candidate=candidate_of(ticket, f"# {ticket.id}\n"), outcome=scored(cost)))
        before = next(ticket for ticket in strategy.ask(2) if ticket.route["island"] == 0)
        assert before.parents[0].id != winner.id
        last = tickets[3]
        strategy.tell(Told(ticket=last, candidate=candidate_of(last, "# last\n"), outcome=scored(95.0)))
        after = next(ticket for ticket in strategy.ask(2) if ticket.route["island"] == 0)
        assert after.parents[0].id == winner.id

    @pytest.mark.parametrize(
        "setting",
        [{"islands": 0}, {"bins": 0}, {"explore": 1.5}, {"size": 0}, {"migrate_every": 0}],
    )
    def test_refuses_a_setting_out_of_range(self, setting: dict[str, float]) -> None:
        with pytest.raises(ValueError, match=next(iter(setting))):
            Islands(search_problem(), seed=0, **setting)  # type: ignore[arg-type]  # on purpose


def plant(strategy: Strategy, *, cost: float = 100.0) -> None:
    """Tell a strategy its seed."""
    ticket = Ticket(id="s0", operator=SEED)
    strategy.tell(Told(ticket=ticket, candidate=candidate_of(ticket, "seed = 0\n"), outcome=scored(cost)))


def tell(strategy: Strategy, cost: float, text: str = "") -> Ticket:
    """Ask a ticket and tell its outcome."""
    (ticket,) = strategy.ask(1)
    candidate = candidate_of(ticket, text or f"# {ticket.id}\n")
    strategy.tell(Told(ticket=ticket, candidate=candidate, outcome=scored(cost)))
    return ticket


TEXTS = st.text("ab1( =\n#", max_size=30)


@given(one=TEXTS, other=TEXTS)
def test_distance_of_texts_is_a_metric_up_to_layout_and_numbers(one: str, other: str) -> None:
    a, b = outline(one), outline(other)
    assert jaccard(a, b) == jaccard(b, a)
    assert 0 <= jaccard(a, b) <= 1
    assert (jaccard(a, b) == 0) == (a == b)
    assert outline(one + "  # note") == outline(one) or "#" in one.rpartition("\n")[2]


def test_numbers_and_comments_make_no_difference() -> None:
    assert outline("x = 1.5 * f(2)  # old") == outline("x=30*f( 0x10 )")


def _elite(name: str, gain: float, outcome: Scored | None = None) -> Elite:
    program = Program.from_text(f"# {name}\n")
    return Elite(candidate=Candidate(id=CandidateId(name), program=program), outcome=outcome or scored(1.0), gain=gain)


@given(gains=st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=40))
def test_a_ranking_is_a_stable_sort(gains: list[float]) -> None:
    ranking = Ranking()
    for i, gain in enumerate(gains):
        ranking.add(_elite(str(i), gain))
    expected = [str(i) for i, _ in sorted(enumerate(gains), key=lambda pair: -pair[1])]
    assert [elite.candidate.id for elite in ranking] == expected


@given(
    entries=st.lists(st.tuples(st.floats(-1, 2), st.floats(-1, 2), st.floats(-9, 9)), min_size=1, max_size=60),
    bins=st.integers(1, 6),
)
def test_a_grid_keeps_the_best_of_each_cell(entries: list[tuple[float, float, float]], bins: int) -> None:
    measures = [Measure(name="m", unit="1"), Measure(name="n", unit="1")]
    grid = Grid(measures, bins=bins)
    best: dict[tuple[int, ...], float] = {}
    for i, (m, n, gain) in enumerate(entries):
        outcome = scored(1.0, m=m, n=n)
        grid.add(_elite(str(i), gain, outcome))
        cell = grid.cell_of(outcome)
        assert all(0 <= index < bins for index in cell)
        best[cell] = max(best.get(cell, gain), gain)
    assert len(grid) == len(best) <= bins**2
    assert sorted(elite.gain for elite in grid.elites) == sorted(best.values())
