"""Programs are compared on the instances they share, and chance is taken account of once for all pairs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thekla.analysis.comparison import paired_p, signed_ranks
from thekla.analysis.contest import contest, contest_tables
from thekla.analysis.statistics import compare_paired, holm
from thekla.core.problem import Objective
from thekla.core.rng import stream

COST = Objective(name="cost", unit="s", direction="minimize")
P_VALUES = st.dictionaries(st.text(max_size=3), st.floats(0, 1), max_size=8)
DIFFERENCES = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=10)


def costs(factor: float, count: int = 12) -> dict[str, float]:
    return {f"x{place}": factor * (10.0 + place**2) for place in range(count)}


def test_places_and_duels_tell_who_is_better_and_who_is_not() -> None:
    close = {name: cost * (1.01 if int(name[1:]) % 2 else 0.99) for name, cost in costs(1.0).items()}
    held = contest({"slow": costs(2.0), "fast": costs(1.0), "even": close}, COST, split="fresh")
    assert held is not None
    assert held.places[-1].name == "slow"
    assert held.places[-1].rank == 3.0
    assert [(duel.first, duel.second, duel.better) for duel in held.duels] == [
        ("slow", "fast", "fast"),
        ("slow", "even", "even"),
        ("fast", "even", ""),
    ]
    assert all(duel.p <= duel.p_adjusted for duel in held.duels)
    places, duels = contest_tables(held, COST)
    assert places.title == "On 12 fresh instances"
    assert duels.rows[0][:3] == ("slow", "fast", "0/0/12")
    assert duels.rows[2][-1] == "nobody"


def test_only_shared_instances_count_and_without_one_there_is_no_contest() -> None:
    held = contest({"a": costs(1.0, 4), "b": costs(2.0, 9)}, COST, split="train")
    assert held is not None
    assert held.instances == ("x0", "x1", "x2", "x3")
    assert held.duels[0].paired.n == 4
    assert held.duels[0].better == "", "four instances show nothing at this level"
    assert contest({"a": costs(1.0), "b": {"y": 1.0}}, COST, split="train") is None
    assert contest({"a": costs(1.0)}, COST, split="train") is None


@given(p_values=P_VALUES)
def test_holm_only_raises_and_keeps_the_order(p_values: dict[str, float]) -> None:
    adjusted = holm(p_values)
    assert list(adjusted) == list(p_values)
    assert all(
        p_values[name] <= p <= min(1.0, len(p_values) * p_values[name])
        or p == max(adjusted[other] for other in adjusted if p_values[other] <= p_values[name])
        for name, p in adjusted.items()
    )
    ordered = sorted(p_values, key=lambda name: p_values[name])
    assert [adjusted[name] for name in ordered] == sorted(adjusted.values())


def test_holm_agrees_with_a_worked_example() -> None:
    found = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert found == {"a": pytest.approx(0.03), "b": pytest.approx(0.06), "c": pytest.approx(0.06), "d": 0.02}


@given(differences=DIFFERENCES)
def test_signed_ranks_keep_signs_and_sum_to_all_ranks(differences: list[float]) -> None:
    found = signed_ranks(differences)
    assert [(one > 0) - (one < 0) for one in found] == [(one > 0) - (one < 0) for one in differences]
    largest = max(differences, key=abs)
    assert abs(found[differences.index(largest)]) == max(map(abs, found))
    if 0.0 not in differences:
        assert sum(map(abs, found)) == pytest.approx(len(differences) * (len(differences) + 1) / 2)


def test_one_huge_difference_drowns_a_mean_but_not_a_median() -> None:
    differences = [1.0] * 11 + [-1000.0]
    median = Objective(name="cost", unit="s", direction="minimize", aggregate="median")
    assert paired_p(differences, COST, rng=stream(0, "test")) > 0.5
    assert paired_p(differences, median, rng=stream(0, "test")) < 0.05


def test_effect_and_superiority_say_how_large_and_how_common_a_gain_is() -> None:
    ours, theirs = {"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0}, {"a": 2.0, "b": 4.0, "c": 3.0, "d": 3.5}
    found = compare_paired(ours, theirs, COST, rng=stream(0, "test"))
    assert found is not None
    assert (found.wins, found.ties, found.losses, found.superiority) == (2, 1, 1, 0.625)
    assert found.effect == pytest.approx(0.625 / 1.1086778913, rel=1e-9)
    same = compare_paired(ours, {name: cost + 1 for name, cost in ours.items()}, COST, rng=stream(0, "test"))
    assert same is not None
    assert same.effect is None, "differences that do not vary have no spread to be measured in"
