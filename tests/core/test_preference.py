"""Simpler programs are preferred among nearly equal ones, and only there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thekla.core.preference import by_preference
from thekla.core.problem import Objective

LATENCY = Objective(name="latency", unit="s", direction="minimize")
NODES = Objective(name="complexity", unit="nodes", direction="minimize", source="program")
scores = st.lists(st.tuples(st.floats(0.1, 1000), st.integers(1, 500)), max_size=20)


def ranked(pairs: list[tuple[float, int]], tolerance: float) -> list[int]:
    first = Objective(name="latency", unit="s", direction="minimize", tolerance=tolerance)
    return by_preference((first, NODES), [{"latency": each, "complexity": float(nodes)} for each, nodes in pairs])


def test_simplest_of_the_nearly_best_comes_first_and_the_rest_by_score() -> None:
    pairs = [(200.0, 1), (100.0, 90), (100.9, 40), (100.5, 60), (101.1, 5)]
    assert ranked(pairs, 0.01) == [2, 3, 1, 4, 0]
    assert ranked(pairs, 0.0) == [1, 3, 2, 4, 0]


def test_of_equals_the_earlier_comes_first() -> None:
    assert ranked([(5.0, 3), (5.0, 3), (5.0, 2)], 0.0) == [2, 0, 1]
    assert by_preference((LATENCY,), [{"latency": 2.0}, {"latency": 1.0}, {"latency": 1.0}]) == [1, 2, 0]


@given(scores, st.floats(0, 0.5))
def test_nothing_outside_the_tolerance_is_preferred_to_the_best(
    pairs: list[tuple[float, int]], tolerance: float
) -> None:
    order = ranked(pairs, tolerance)
    assert sorted(order) == list(range(len(pairs)))
    if pairs:
        best = min(latency for latency, _ in pairs)
        near = [place for place, (latency, _) in enumerate(pairs) if -latency >= -best - tolerance * best]
        assert set(order[: len(near)]) == set(near)
        assert pairs[order[0]][1] == min(pairs[place][1] for place in near)


@pytest.mark.parametrize("tolerance", [-0.1, 1.0])
def test_tolerance_outside_its_range_is_refused(tolerance: float) -> None:
    with pytest.raises(ValueError, match=r"share in \[0, 1\)"):
        Objective(name="latency", unit="s", direction="minimize", tolerance=tolerance)
