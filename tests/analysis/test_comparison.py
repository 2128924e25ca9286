"""Ranks, the critical difference and the paired test agree with tables and with counting."""

from __future__ import annotations

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thekla.analysis.comparison import critical_difference, mean_ranks, ranks, sign_flip_p

DEMSAR = {2: 1.960, 3: 2.343, 4: 2.569, 5: 2.728, 6: 2.850, 7: 2.949, 8: 3.031, 9: 3.102, 10: 3.164}
"""Critical values of Nemenyi's test at 0.05, from table 5a of Demšar 2006."""


@pytest.mark.parametrize("methods", DEMSAR)
def test_critical_differences_are_those_of_the_table(methods: int) -> None:
    expected = DEMSAR[methods] * math.sqrt(methods * (methods + 1) / (6 * 30))
    assert critical_difference(methods, 30) == pytest.approx(expected, rel=5e-4)


@given(gains=st.dictionaries(st.text(max_size=3), st.integers(-3, 3).map(float), min_size=1, max_size=8))
def test_ranks_sum_to_those_of_an_order_and_equals_share(gains: dict[str, float]) -> None:
    found = ranks(gains)
    assert sum(found.values()) == pytest.approx(len(gains) * (len(gains) + 1) / 2)
    for one in gains:
        for other in gains:
            assert (gains[one] > gains[other]) == (found[one] < found[other])


def test_mean_ranks_are_best_first() -> None:
    assert mean_ranks([{"a": 1.0, "b": 2.0}, {"a": 3.0, "b": 3.0}]) == {"b": 1.25, "a": 1.75}
    for blocks in ([], [{"a": 1.0}, {"b": 1.0}]):
        with pytest.raises(ValueError, match="same methods"):
            mean_ranks(blocks)


@pytest.mark.parametrize(
    ("differences", "p"),
    [([1.0] * 5, 2 / 32), ([0.0] * 5, 1.0), ([1.0, -1.0], 1.0), ([3.0, 1.0, 1.0], 0.25), ([2.0], 1.0)],
)
def test_the_paired_test_counts_sign_patterns(differences: list[float], p: float) -> None:
    assert sign_flip_p(differences, rng=Random(0)) == p


def test_many_pairs_are_resampled() -> None:
    rng = Random(1)
    assert sign_flip_p([1.0] * 20, rng=rng) < 0.01
    assert sign_flip_p([(-1.0) ** i for i in range(20)], rng=rng) == 1.0


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        sign_flip_p([], rng=Random(0))
    for methods, blocks in ((1, 5), (3, 0)):
        with pytest.raises(ValueError, match="two methods"):
            critical_difference(methods, blocks)
