"""The vectorised greedy rules decide as the plain ones do, one replica and one item at a time."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from thekla.problems.expert_placement import FOLDER

LOADS = st.one_of(st.integers(0, 3), st.integers(0, 100_000))


def functions(path: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(FOLDER.program(path).text, names)
    return names


GREEDY = functions("baselines/_greedy.py")


@settings(max_examples=60)
@given(data=st.data(), gpus=st.sampled_from((1, 2, 4, 8)), extra=st.integers(0, 3))
def test_plans_equal_those_of_plain_loops_ties_and_idle_experts_included(
    data: st.DataObject, gpus: int, extra: int
) -> None:
    row = st.lists(LOADS, min_size=8, max_size=8)
    load = np.array(data.draw(st.lists(row, min_size=1, max_size=3)), dtype=np.int64)
    slots = 8 + 8 * extra
    state = SimpleNamespace(
        layers=len(load),
        experts=8,
        slots=slots,
        gpus=gpus,
        slots_per_gpu=slots // gpus,
        rows=lambda load: load.tolist(),
    )
    plain = functions("baselines/loop_lpt.py")["plan"](state, load)
    assert functions("baselines/lpt.py")["plan"](state, load).tolist() == plain


def least_loaded(weights: list[float], bins: int) -> list[list[int]]:
    """Items of each bin, by the rule itself."""
    places, totals = len(weights) // bins, [0.0] * bins
    held: list[list[int]] = [[] for _ in range(bins)]
    for item in sorted(range(len(weights)), key=lambda item: -weights[item]):
        into = min((each for each in range(bins) if len(held[each]) < places), key=totals.__getitem__)
        held[into].append(item)
        totals[into] += weights[item]
    return held


@settings(max_examples=60)
@given(data=st.data(), bins=st.sampled_from((1, 2, 3, 6)))
def test_packing_follows_its_rule_where_few_items_outweigh_all_others(data: st.DataObject, bins: int) -> None:
    heavy = st.one_of(st.integers(0, 9).map(lambda n: n / 7), st.integers(100, 10_000).map(float))
    weights = data.draw(st.lists(st.lists(heavy, min_size=12, max_size=12), min_size=1, max_size=3))
    assert GREEDY["pack"](np.array(weights), bins).tolist() == [least_loaded(row, bins) for row in weights]


@pytest.mark.parametrize("values", [[[2.0, 0.0, 2.0, 5.0]], [[2, 0, 2, 5]]])
def test_falling_orders_equal_values_by_label(values: Any) -> None:
    order: NDArray[np.int64] = GREEDY["falling"](np.array(values), np.arange(4))
    assert order.tolist() == [[3, 0, 2, 1]]
