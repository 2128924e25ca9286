"""Loads are conserved and spread evenly over replicas; balance and moves are what they say; rules are kept."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thekla.simulators.moe import Layout, balancedness, fault_of, gpu_loads, moved_share

SMALL = Layout(layers=2, experts=4, slots=8, gpus=4, nodes=2, groups=2)


def drawn_map(rng: np.random.Generator, layout: Layout) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """A slot map that the rules allow."""
    rows = []
    for _ in range(layout.layers):
        extra = rng.integers(0, layout.experts, layout.slots - layout.experts)
        rows.append(rng.permutation(np.concatenate([np.arange(layout.experts), extra])))
    return np.array(rows, dtype=np.int64)


@given(seed=st.integers(0, 10_000))
def test_load_is_conserved_and_equals_that_of_plain_loops(seed: int) -> None:
    rng = np.random.default_rng(seed)
    slot_map = drawn_map(rng, SMALL)
    load = rng.integers(0, 1000, (2, 4))
    assert fault_of(SMALL, slot_map) is None
    found = gpu_loads(SMALL, slot_map, load)
    assert found.sum() == pytest.approx(load.sum())
    for layer in range(2):
        slots = slot_map[layer].tolist()
        for gpu in range(4):
            on = slots[2 * gpu : 2 * gpu + 2]
            assert found[layer, gpu] == pytest.approx(sum(load[layer, e] / slots.count(e) for e in on))


@given(seed=st.integers(0, 10_000))
def test_renaming_experts_changes_no_balance_and_it_is_a_share(seed: int) -> None:
    rng = np.random.default_rng(seed)
    slot_map, load = drawn_map(rng, SMALL), rng.integers(0, 1000, (2, 4))
    renaming = rng.permutation(4)
    renamed = np.empty_like(load)
    renamed[:, renaming] = load
    balance = balancedness(gpu_loads(SMALL, slot_map, load))
    assert balancedness(gpu_loads(SMALL, renaming[slot_map], renamed)) == pytest.approx(balance)
    assert 1 / SMALL.gpus - 1e-12 <= balance <= 1 + 1e-12


def test_balance_sums_over_layers_first() -> None:
    loads = np.array([[1.0, 3.0], [10.0, 10.0]])
    assert balancedness(loads) == pytest.approx((2 + 10) / (3 + 10))
    assert balancedness(np.zeros((2, 2))) == 1.0


def test_moves_are_slots_whose_expert_changed() -> None:
    before = np.array([[0, 1, 2, 3]])
    assert moved_share(before, np.array([[0, 1, 3, 2]])) == 0.5
    assert moved_share(before, before) == 0.0


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([[0, 1, 2, 3, 0, 1, 2]] * 2, r"shape \(2, 7\); expected \(layers, slots\) = \(2, 8\)"),
        ([[0, 1, 2, 3, 0, 1, 2, 4]] * 2, "expert 4 is named; experts are 0 to 3"),
        ([[0, 1, 2, 3, 0, 1, 2, -1]] * 2, "expert -1 is named"),
        ([[0, 1, 2, 3] * 2, [0, 1, 2, 2] * 2], "expert 3 of layer 1 has no slot"),
    ],
)
def test_a_slot_map_that_breaks_a_rule_is_named(rows: list[list[int]], words: str) -> None:
    reason = fault_of(SMALL, np.array(rows))
    assert reason is not None
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(reason)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"slots": 3}, "cannot hold"),
        ({"gpus": 3}, "shared evenly"),
        ({"nodes": 3}, "shared evenly"),
        ({"layers": 0}, "below 1"),
    ],
)
def test_a_layout_that_does_not_divide_is_refused(change: dict[str, int], words: str) -> None:
    sizes = {"layers": 2, "experts": 4, "slots": 8, "gpus": 4, "nodes": 2, "groups": 2}
    with pytest.raises(ValueError, match=words):
        Layout(**(sizes | change))
