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
from thekla.search import Greedy, Islands, RandomSearch, Sampling
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
