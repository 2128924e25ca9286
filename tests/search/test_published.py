"""Published strategies keep the protocol's promises, and behave as their papers and engines do where it can be told."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thekla.core.evaluation import InstanceResult, Scored
from thekla.core.preference import dominates
from thekla.core.problem import Measure, Objective, Problem
from thekla.core.protocols import Strategy
from thekla.core.rng import stream
from thekla.core.run import SEED, Ticket, Told
from thekla.search import (
    AdaEvolve,
    BestOfN,
    EoH,
    EvoX,
    FunSearch,
    Gepa,
    Islands,
    Levi,
    Moead,
    Nsga2,
    OpenEvolve,
    ReEvo,
    Shinka,
    TreeSearch,
)
from thekla.search.levi import cluster
from thekla.search.pareto import crowding, fronts
from thekla.testing.strategies import StrategyConformance, candidate_of, failed, search_problem


class TestOpenEvolve(StrategyConformance):
    def make(self, problem: Problem, *, seed: int) -> Strategy:
        return OpenEvolve(problem, seed=seed, islands=2, migrate_every=5, population=30, archive=10)


class TestOpenEvolveAsPublished(StrategyConformance):
    def make(self, problem: Problem, *, seed: int) -> Strategy:
        return OpenEvolve(problem, seed=seed)


class TestAdaEvolve(StrategyConformance):
    def make(self, problem: Problem, *, seed: int) -> Strategy:
        return AdaEvolve(problem, seed=seed, archive=6, spawn_gap=10, spawn_below=0.5)


class TestShinka(StrategyConformance):
    def make(self, problem: Problem, *, seed: int) -> Strategy:
        return Shinka(problem, seed=seed, migrate_every=4, migration_rate=0.2)


class TestGepa(StrategyConformance):
    def make(self, problem: Problem, *, seed: int) -> Strategy:
        return Gepa(problem, seed=seed, merge=True, patience=3, epsilon=0.1)


class TestEoH(StrategyConformance):
    def make(self, problem: Problem, *, seed: int) -> Strategy:
        return EoH(problem, seed=seed)


class TestReEvo(StrategyConformance):
    def make(self, problem: Problem, *, seed: int) -> Strategy:
        return ReEvo(problem, seed=seed)


class TestFunSearch(StrategyConformance):
    def make(self, problem: Problem, *, seed: int) -> Strategy:
        return FunSearch(problem, seed=seed, islands=3, reset_every=20)


class TestLevi(StrategyConformance):
    def make(self, problem: Problem, *, seed: int) -> Strategy:
        return Levi(problem, seed=seed, seeds=2, variants=3, cells=5)


class TestTreeSearch(StrategyConformance):
    def make(self, problem: Problem, *, seed: int) -> Strategy:
        return TreeSearch(problem, seed=seed)


class TestNsga2(StrategyConformance):
    def make(self, problem: Problem, *, seed: int) -> Strategy:
        return Nsga2(problem, seed=seed, population=6)


class TestMoead(StrategyConformance):
    def make(self, problem: Problem, *, seed: int) -> Strategy:
        return Moead(problem, seed=seed, weightings=4)


class TestEvoX(StrategyConformance):
    def make(self, problem: Problem, *, seed: int) -> Strategy:
        return EvoX(problem, seed=seed, evaluations=60)


def plant(strategy: Strategy, *, cost: float = 100.0, name: str = "s0", **instances: float) -> None:
    ticket = Ticket(id=name, operator=SEED)
    strategy.tell(Told(ticket=ticket, candidate=candidate_of(ticket, f"# {name}\n"), outcome=on(cost, **instances)))


def on(cost: float, **instances: float) -> Scored:
    """An outcome with a cost on each instance."""
    results = {name: InstanceResult(scores={"cost": value}) for name, value in (instances or {"a": cost}).items()}
    return Scored(scores={"cost": cost}, measures={"m": 0.5, "n": 0.5}, instances=results)


def tell(strategy: Strategy, outcome: Scored | None, text: str = "") -> Ticket:
    (ticket,) = strategy.ask(1)
    candidate = candidate_of(ticket, text or f"# {ticket.id}\n")
    strategy.tell(Told(ticket=ticket, candidate=candidate, outcome=outcome or failed()))
    return ticket


def parents_of(strategy: Strategy, n: int) -> Counter[str]:
    return Counter(ticket.parents[0].id for ticket in strategy.ask(n))


def test_openevolve_draws_its_parents_with_the_published_shares() -> None:
    """One island and an archive of two: 20 % any, 70 % archived, 10 % by score (uniform, as these are negative)."""
    strategy = OpenEvolve(search_problem(), seed=1, islands=1, archive=2, features=["m"])
    plant(strategy)
    for cost in (99.0, 10.0, 20.0):  # one cell: each better child takes it, and the last stays a member without one
        tell(strategy, on(cost))
    seen = parents_of(strategy, 2500)
    assert set(seen) == {"t2", "t3"}
    strategy = OpenEvolve(search_problem(direction="maximize"), seed=1, islands=1, archive=1, features=["score"])
    plant(strategy, cost=10.0)
    for cost in (20.0, 70.0):
        tell(strategy, on(cost))
    seen = parents_of(strategy, 2500)
    expected = {"s0": 0.1 + 0.0125, "t2": 0.1 + 0.7 + 0.0875}  # t2 is where t1 was when the range was smaller
    assert {name: seen[name] / 2500 for name in seen} == pytest.approx(expected, abs=0.03)


def test_openevolve_migrates_when_its_fastest_island_is_due_and_not_before() -> None:
    strategy = OpenEvolve(
        search_problem(), seed=1, islands=3, migrate_every=4, explore=1.0, exploit=0.0, features=["m"]
    )
    plant(strategy)
    for step in range(9):
        tell(strategy, on(5.0 if step == 0 else 200.0 + step))
    at_home = {str(ticket.route["island"]) for ticket in strategy.ask(300) if ticket.parents[0].id == "t1"}
    assert at_home == {"1"}
    tell(strategy, on(300.0))
    everywhere = {str(ticket.route["island"]) for ticket in strategy.ask(300) if ticket.parents[0].id == "t1"}
    assert everywhere == {"0", "1", "2"}


def test_openevolve_keeps_its_population_within_its_size() -> None:
    strategy = OpenEvolve(search_problem(), seed=1, islands=1, population=5, archive=3)
    plant(strategy)
    for step in range(40):
        tell(strategy, on(90.0 - step), text="x" * (step % 7) + f"\n# {step}\n")
    assert len(parents_of(strategy, 500)) <= 5
    assert strategy.best(1)[0][0].id == "t40"


def test_settings_that_would_never_act_are_pointed_out() -> None:
    problem = search_problem()
    assert "nothing ever migrates" in OpenEvolve(problem, seed=0).idle_within(200)[0]
    assert OpenEvolve(problem, seed=0).idle_within(1000) == []
    assert Shinka(problem, seed=0).idle_within(50) == ["migration_rate is 0: nothing ever migrates"]
    assert len(FunSearch(problem, seed=0).idle_within(100)) == 2
    assert Levi(problem, seed=0).idle_within(84) != []
    assert Levi(problem, seed=0).idle_within(750) == []
    assert len(AdaEvolve(problem, seed=0).idle_within(10)) == 3
    assert AdaEvolve(problem, seed=0).idle_within(30) == []
    assert "migrate_every is 10" in Shinka(problem, seed=0, migration_rate=0.1).idle_within(9)[0]
    assert Gepa(problem, seed=0).idle_within(10) == []
    assert "nothing is merged" in Gepa(problem, seed=0, merge=True).idle_within(15)[0]
    assert "never grows" in TreeSearch(problem, seed=0).idle_within(4)[0]
    assert "never changes" in BestOfN(problem, seed=0).idle_within(5)[0]
    assert "nothing ever migrates" in Islands(problem, seed=0).idle_within(49)[0]
    assert Islands(problem, seed=0).idle_within(50) == []
    assert EoH(problem, seed=0).idle_within(10) == []


def test_adaevolve_visits_every_island_before_the_bandit_decides() -> None:
    strategy = AdaEvolve(search_problem(), seed=3, islands=3)
    plant(strategy)
    visits = Counter(str(tell(strategy, on(90.0 - step)).route["island"]) for step in range(9))
    assert visits == {"0": 3, "1": 3, "2": 3}


def test_adaevolve_asks_for_tactics_when_hardly_anything_improves_the_best() -> None:
    strategy = AdaEvolve(search_problem(), seed=3)
    plant(strategy)
    assert not any("tactic" in tell(strategy, on(99.0 - step)).route for step in range(10))
    asked = [tell(strategy, on(150.0 + step)).route.get("tactic") for step in range(20)]
    first = asked.index("other_algorithm")
    assert 8 <= first <= 10  # two improvements among the last ten outcomes are too many
    assert asked[first : first + 4] == ["other_algorithm", "other_algorithm", "bottleneck", "bottleneck"]


def test_shinka_weighs_parents_by_score_and_rest() -> None:
    strategy = Shinka(search_problem(), seed=2, islands=1, pressure=1.0)
    plant(strategy, cost=100.0)
    plant(strategy, cost=90.0, name="s1")
    plant(strategy, cost=110.0, name="s2")
    for parent in ("s1", "s1", "s1"):  # three scored children of the best, too weak to move the median
        ticket = next(one for one in strategy.ask(60) if one.parents[0].id == parent)
        strategy.tell(Told(ticket=ticket, candidate=None, outcome=failed()))
    weights = {name: 1 / (1 + math.exp(-z)) for name, z in {"s0": 0.0, "s1": 1.0, "s2": -1.0}.items()}
    seen = parents_of(strategy, 2500)
    total = sum(weights.values())
    assert {name: seen[name] / 2500 for name in weights} == pytest.approx(
        {name: weight / total for name, weight in weights.items()}, abs=0.03
    )


def test_shinka_draws_its_kinds_of_edit_with_the_published_shares() -> None:
    strategy = Shinka(search_problem(), seed=2, pressure=0.1)
    plant(strategy)
    alone = Counter(str(ticket.route["patch"]) for ticket in strategy.ask(2000))
    assert alone["diff"] / 2000 == pytest.approx(2 / 3, abs=0.03)
    assert alone["cross"] == 0  # nothing to cross with
    plant(strategy, cost=90.0, name="s1")
    kinds = Counter(str(ticket.route["patch"]) for ticket in strategy.ask(2000) if ticket.inspirations)
    assert kinds["cross"] / sum(kinds.values()) == pytest.approx(0.1, abs=0.03)


def test_gepa_draws_in_proportion_to_the_instances_on_which_a_program_is_best() -> None:
    strategy = Gepa(search_problem(), seed=2)
    plant(strategy, cost=10.0, a=1.0, b=1.0, c=9.0, d=9.0)
    plant(strategy, cost=12.0, name="s1", a=9.0, b=9.0, c=9.0, d=1.0)
    plant(strategy, cost=11.0, name="s2", a=9.0, b=1.0, c=9.0, d=9.0)  # covered by s0
    plant(strategy, cost=11.0, name="s3", a=9.0, b=9.0, c=1.0, d=9.0)
    seen = parents_of(strategy, 2500)
    assert {name: seen[name] / 2500 for name in seen} == pytest.approx({"s0": 0.5, "s1": 0.25, "s3": 0.25}, abs=0.03)


def test_gepa_accepts_only_what_is_strictly_better_than_its_parent() -> None:
    strategy = Gepa(search_problem(), seed=2)
    plant(strategy, cost=10.0, a=5.0, b=15.0)
    tell(strategy, on(10.0, a=1.0, b=19.0))  # best on `a`, but no better in sum
    assert set(parents_of(strategy, 50)) == {"s0"}
    better = tell(strategy, on(9.0, a=1.0, b=17.0))
    assert set(parents_of(strategy, 50)) == {"s0", better.id}


def test_gepa_merges_two_lines_of_one_ancestor_when_nothing_is_accepted() -> None:
    strategy = Gepa(search_problem(), seed=2, merge=True, patience=4, most_merges=1)
    plant(strategy, cost=10.0, a=10.0, b=10.0)
    (one, other) = strategy.ask(2)
    for ticket, outcome in ((one, on(7.0, a=1.0, b=13.0)), (other, on(8.0, a=13.0, b=3.0))):
        strategy.tell(Told(ticket=ticket, candidate=candidate_of(ticket, f"# {ticket.id}\n"), outcome=outcome))
    asked = [tell(strategy, on(50.0, a=50.0, b=50.0)) for _ in range(8)]
    merges = [[parent.id for parent in ticket.parents] for ticket in asked if "merge" in ticket.route]
    assert merges == [["t1", "t2"]]


@pytest.mark.parametrize(("evaluations", "population"), [(100, 5), (999, 10), (5000, 20), (10_000, 40)])
def test_eoh_sizes_its_population_by_the_budget_and_takes_its_operators_in_turn(
    evaluations: int, population: int
) -> None:
    strategy = EoH(search_problem(), seed=0, evaluations=evaluations)
    plant(strategy)
    asked = [tell(strategy, on(99.0 - step / 10)) for step in range(60)]
    assert [ticket.route["operator"] for ticket in asked[:5]] == ["e1", "e2", "m1", "m2", "e1"]
    assert [len(ticket.parents) for ticket in asked[4:8]] == [2, 2, 1, 1]
    assert len(parents_of(strategy, 2000)) == population


def test_eoh_takes_an_equal_score_for_a_duplicate() -> None:
    strategy = EoH(search_problem(), seed=0)
    plant(strategy)
    tell(strategy, on(100.0))
    assert set(parents_of(strategy, 50)) == {"s0"}


def test_funsearch_resets_the_weaker_half_from_a_surviving_island() -> None:
    strategy = FunSearch(search_problem(), seed=5, islands=4, reset_every=30)
    plant(strategy)
    for step in range(29):
        (ticket,) = strategy.ask(1)
        cost = 10.0 + step / 100 if ticket.route["island"] in (0, 1) else 90.0 + step / 100
        strategy.tell(Told(ticket=ticket, candidate=candidate_of(ticket, f"# {step}\n"), outcome=on(cost)))
    weak = {str(ticket.parents[0].id) for ticket in strategy.ask(200) if ticket.route["island"] in (2, 3)}
    tell(strategy, None)
    strong = {ticket.parents[0].id for ticket in strategy.ask(200) if ticket.route["island"] in (2, 3)}
    costs = {str(c.id): o.scores["cost"] for c, o in strategy.best(99) if isinstance(o, Scored)}
    assert max(costs[name] for name in strong) < 11 < min(costs[name] for name in weak)


def test_funsearch_shows_versions_in_ascending_order() -> None:
    strategy = FunSearch(search_problem(), seed=5, islands=1, temperature=10.0)
    plant(strategy)
    for cost in (50.0, 30.0):
        tell(strategy, on(cost))
    costs = {c.id: o.scores["cost"] for c, o in strategy.best(9) if isinstance(o, Scored)}
    for ticket in strategy.ask(50):
        assert all(costs[other.id] >= costs[ticket.parents[0].id] for other in ticket.inspirations)


def test_reevo_crosses_twice_as_often_as_it_mutates_and_puts_the_better_first() -> None:
    strategy = ReEvo(search_problem(), seed=1)
    plant(strategy)
    for cost in (80.0, 90.0):
        tell(strategy, on(cost))
    tickets = strategy.ask(2000)
    kinds = Counter(str(ticket.route["operator"]) for ticket in tickets)
    assert kinds["mutate"] / 2000 == pytest.approx(1 / 3, abs=0.03)
    costs = {c.id: o.scores["cost"] for c, o in strategy.best(9) if isinstance(o, Scored)}
    for ticket in tickets:
        assert [costs[one.id] for one in ticket.parents] == sorted(costs[one.id] for one in ticket.parents)


def test_reevo_tells_what_the_latest_improvement_changed() -> None:
    strategy = ReEvo(search_problem(), seed=1)
    plant(strategy)
    tell(strategy, on(80.0), text="keep(jobs)\nspread_evenly(jobs)\n")
    tell(strategy, on(70.0), text="keep(jobs)\npack_tightly(jobs)\n")
    tell(strategy, on(90.0), text="worse(jobs)\n")
    told = {hint for ticket in strategy.ask(50) if ticket.route["operator"] == "mutate" for hint in ticket.hints}
    (hint,) = told
    assert "worse(jobs)" not in hint
    assert "`pack_tightly(jobs)` in the place of `" in hint or "`keep(jobs)` in the place of `" in hint


def test_tree_search_expands_a_leaf_by_the_published_operators() -> None:
    strategy = TreeSearch(search_problem(), seed=1, initial=2, widening=0.0)
    plant(strategy)
    asked = [str(tell(strategy, on(100.0 + step)).route["operator"]) for step in range(8)]
    assert asked == ["e1", "e1", "e2", "m1", "m1", "m2", "m2", "s1"]


def test_tree_search_shows_the_whole_path_and_widens_with_its_visits() -> None:
    strategy = TreeSearch(search_problem(), seed=1, initial=0, explore=0.0)
    plant(strategy)
    asked = [tell(strategy, on(100.0 - step / 9)) for step in range(150)]
    paths = [ticket for ticket in asked if ticket.route["operator"] == "s1"]
    shown = [[*ticket.parents, *ticket.inspirations] for ticket in paths]
    assert max(map(len, shown)) >= 3
    for path in shown:
        assert all(below.parents == (above.id,) for below, above in pairwise(path))
    assert "e1" in {str(ticket.route["operator"]) for ticket in asked}


def test_levi_starts_with_diverse_seeds_and_their_variants_and_then_leaps_at_intervals() -> None:
    strategy = Levi(search_problem(), seed=1, seeds=2, variants=3, leap_every=4, leap_variants=2)
    plant(strategy)
    kinds = [str(tell(strategy, on(99.0 - step), text=f"for a in b: c{step}()\n").route["kind"]) for step in range(24)]
    assert kinds[:8] == ["seed", "seed", *["vary"] * 6]
    assert [place for place, kind in enumerate(kinds) if kind == "leap"] == [12, 17, 22]
    assert kinds[13:15] == ["vary", "vary"]


def test_levi_keeps_the_best_of_each_cell() -> None:
    strategy = Levi(search_problem(), seed=1, seeds=1, variants=2, cells=2)
    plant(strategy, cost=100.0)
    texts = ["for a in b: c()\n", "x = 1 + 2 * 3\n"]
    for cost, text in ((90.0, texts[0]), (80.0, texts[1]), (70.0, texts[0])):
        tell(strategy, on(cost), text=text + f"# {cost}\n")
    tell(strategy, on(60.0), text=texts[0])
    parents = {ticket.parents[0].id for ticket in strategy.ask(40) if ticket.route["kind"] == "cell"}
    assert "t4" in parents
    assert not {"t1", "t3"} & parents


POINTS = st.lists(st.tuples(st.integers(0, 5).map(float), st.integers(0, 5).map(float)), min_size=1, max_size=14)


@given(points=POINTS, most=st.integers(1, 6))
@settings(max_examples=40)
def test_clusters_are_at_most_as_many_as_asked_for_and_within_the_points(
    points: list[tuple[float, ...]], most: int
) -> None:
    centres = cluster(points, most, stream(1))
    assert 1 <= len(centres) <= most or len(set(points)) <= most
    for axis in range(2):
        values = [point[axis] for point in points]
        assert all(min(values) - 1e-9 <= centre[axis] <= max(values) + 1e-9 for centre in centres)


@given(points=POINTS)
@settings(max_examples=40)
def test_fronts_divide_the_points_by_dominance(points: list[tuple[float, ...]]) -> None:
    found = fronts(points)
    assert sorted(place for front in found for place in front) == list(range(len(points)))
    for number, front in enumerate(found):
        later = [place for other in found[number:] for place in other]
        assert not any(dominates(points[other], points[place]) for place in front for other in later)
        if number:
            assert all(any(dominates(points[other], points[place]) for other in found[number - 1]) for place in front)


def test_crowding_is_infinite_at_the_ends_and_counts_the_gaps_between() -> None:
    assert crowding([(0.0, 4.0), (1.0, 3.0), (4.0, 0.0)]) == [math.inf, 2.0, math.inf]
    assert crowding([(1.0, 1.0)]) == [math.inf]


def two_objectives() -> Problem:
    problem = search_problem()
    objectives = (problem.objective, Objective(name="value", unit="1", direction="maximize"))
    return Problem(
        name="two",
        version="1",
        suite="default",
        statement="Any.",
        interface=problem.interface,
        objectives=objectives,
        seeds=problem.seeds,
        instances=problem.instances,
        measures=(Measure(name="m", unit="1"),),
    )


@pytest.mark.parametrize("make", [Nsga2, Moead])
@given(scores=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=30))
@settings(max_examples=40)
def test_the_front_holds_what_nothing_beats_and_nothing_else(
    make: type[Nsga2] | type[Moead], scores: list[tuple[int, int]]
) -> None:
    strategy = make(two_objectives(), seed=0)
    for number, (cost, value) in enumerate(scores):
        ticket = Ticket(id="s0", operator=SEED) if number == 0 else strategy.ask(1)[0]
        outcome = Scored(scores={"cost": float(cost), "value": float(value)})
        strategy.tell(Told(ticket=ticket, candidate=candidate_of(ticket, f"# {number}\n"), outcome=outcome))
    gains = {(-float(cost), float(value)) for cost, value in scores}
    expected = {one for one in gains if not any(dominates(other, one) for other in gains)}
    found = [
        (-outcome.scores["cost"], outcome.scores["value"])
        for _, outcome in strategy.front()
        if isinstance(outcome, Scored)
    ]
    assert set(found) == expected
    assert len(found) == len(expected)


@pytest.mark.parametrize("make", [Nsga2, Moead])
def test_parents_come_from_the_whole_front(make: type[Nsga2] | type[Moead]) -> None:
    strategy = make(two_objectives(), seed=0)
    for number, (cost, value) in enumerate([(1.0, 1.0), (5.0, 5.0), (9.0, 9.0), (9.0, 1.0)]):
        ticket = Ticket(id=f"s{number}", operator=SEED)
        outcome = Scored(scores={"cost": cost, "value": value})
        strategy.tell(Told(ticket=ticket, candidate=candidate_of(ticket, f"# {number}\n"), outcome=outcome))
    seen = parents_of(strategy, 300)
    assert {"s0", "s2"} <= set(seen)
    assert seen["s3"] < min(seen["s0"], seen["s2"]) / 4


def test_evox_changes_its_selection_when_the_best_stands_still_and_names_it_in_the_route() -> None:
    strategy = EvoX(search_problem(), seed=1, evaluations=100)
    plant(strategy)
    asked = [tell(strategy, on(150.0 + step)) for step in range(35)]
    selections = [str(ticket.route["selection"]) for ticket in asked]
    assert len(set(selections[:10])) == 1
    assert len(set(selections)) == 4
    assert "'merit': 0.0, 'youth': 0.0" in selections[0]


@pytest.mark.parametrize(
    ("make", "setting"),
    [
        (OpenEvolve, {"islands": 0}),
        (OpenEvolve, {"explore": 0.8}),
        (OpenEvolve, {"features": []}),
        (AdaEvolve, {"decay": 2.0}),
        (AdaEvolve, {"most_islands": 1}),
        (Shinka, {"archive": 1}),
        (Gepa, {"epsilon": -0.1}),
        (EoH, {"population": -1}),
        (ReEvo, {"mutation": 1.5}),
        (FunSearch, {"temperature": 0.0}),
        (Levi, {"cells": 0}),
        (TreeSearch, {"depth": 0}),
        (Nsga2, {"population": 1}),
        (Moead, {"weightings": 1}),
        (EvoX, {"switch_share": 2.0}),
    ],
)
def test_settings_out_of_range_are_refused_by_name(make: type, setting: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(setting))):
        make(search_problem(), seed=0, **setting)
