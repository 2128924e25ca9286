"""A mechanism is worth what trials with it have over trials without it."""

from __future__ import annotations

import pytest

from thekla.laboratory.ablation import worths
from thekla.laboratory.trial import Trial


def trials(name: str, *finals: float, problem: str = "p") -> list[Trial]:
    return [
        Trial(contender=name, problem=problem, seed=seed, best=(0.0, final))
        for seed, final in enumerate(finals, start=1)
    ]


def test_a_mechanism_adds_the_mean_paired_difference() -> None:
    whole, lacking = trials("whole", *([0.9, 0.8] * 4)), trials("lacking", *([0.5, 0.6] * 4))
    (found,) = worths([*whole, *lacking], whole="whole", without={"leaps": "lacking"})
    assert (found.mechanism, found.problem) == ("leaps", "p")
    assert found.added == pytest.approx(0.3)
    assert found.p_value == pytest.approx(2 / 2**8, abs=5e-3)
    assert found.interval is not None
    assert 0.2 <= found.interval.low <= 0.3 <= found.interval.high <= 0.4


def test_what_changes_nothing_is_worth_nothing() -> None:
    found = worths([*trials("a", 0.5, 0.7), *trials("b", 0.5, 0.7)], whole="a", without={"x": "b"})
    assert [(one.added, one.p_value) for one in found] == [(0.0, 1.0)]


def test_a_seed_that_only_one_of_them_had_is_refused() -> None:
    with pytest.raises(ValueError, match="no trial of"):
        worths([*trials("a", 0.5, 0.7), *trials("b", 0.5)], whole="a", without={"x": "b"})
