"""The rungs of the ladder do what they say."""

from collections.abc import Mapping
from itertools import permutations

import pytest
from hypothesis import given, settings

from thekla.core.program import Program
from thekla.problems.llm_sql import build
from thekla.problems.llm_sql.tables import Prompts, Table
from thekla.problems.llm_sql.workloads import scene

from .tables import TOKENS, reordered, table_of, tables

PROGRAMS: Mapping[str, Program] = {rung.name: rung.program for rung in build("default").baselines if rung.program}
"""All rungs; none is an oracle."""


def fixed(table: Table, order: tuple[int, ...]) -> Prompts:
    return Prompts(rows=range(table.rows), orders=[order] * table.rows)


@given(tables(most_rows=10))
@settings(max_examples=20)
def test_subset_dp_finds_the_best_single_order_for_a_cache_without_limit(table: Table) -> None:
    best = max(TOKENS.hits(table, fixed(table, order)) for order in permutations(range(len(table.columns))))
    assert TOKENS.hits(table, reordered(PROGRAMS["subset-dp"], table)) == best


@pytest.mark.parametrize("name", PROGRAMS)
@given(table=tables())
@settings(max_examples=8)
def test_every_rung_permutes_any_table(name: str, table: Table) -> None:
    reordered(PROGRAMS[name], table)


def test_parts_with_different_repetitions_get_different_orders() -> None:
    setting = scene("star/two-populations/s1000")
    single = setting.metric.hits(setting.table, reordered(PROGRAMS["subset-dp"], setting.table, setting.metric))
    parts = setting.metric.hits(setting.table, reordered(PROGRAMS["parts-dp"], setting.table, setting.metric))
    assert parts > 1.8 * single


def test_ggr_puts_a_promising_value_first_in_its_rows_only() -> None:
    long = "film " * 80
    table = table_of([f"t{row}" for row in range(8)], [long if row % 2 else f"{row}" for row in range(8)], ["s"] * 8)
    prompts = reordered(PROGRAMS["ggr"], table)
    firsts = {row: order[0] for row, order in zip(prompts.rows, prompts.orders, strict=True)}
    assert {firsts[row] for row in (1, 3, 5, 7)} == {1}


def test_dependent_fields_follow_the_one_that_determines_them() -> None:
    keys = [f"k{row % 3}" for row in range(12)]
    texts = [f"a long text of {key}" for key in keys]
    table = table_of([f"{row // 6}" for row in range(12)], keys, texts)
    prompts = reordered(PROGRAMS["ggr-dependencies"], table)
    for order in prompts.orders:
        places = [list(order).index(field) for field in (1, 2)]
        assert abs(places[0] - places[1]) == 1
