"""What is counted, and the bound on it."""

from hypothesis import given, settings
from hypothesis import strategies as st

from thekla.problems.llm_sql.tables import BlockMetric, Prompts, Table, TrieMetric, row_lengths
from thekla.simulators.cache import trie_hits

from .tables import TOKENS, answers, table_of, tables


@settings(max_examples=60)
@given(st.data(), tables(), st.integers(1, 7), st.none() | st.integers(0, 60))
def test_no_answer_exceeds_the_bound(data: st.DataObject, table: Table, block: int, capacity: int | None) -> None:
    metric = BlockMetric(block=block, capacity=capacity)
    prompts = data.draw(answers(table))
    assert metric.hits(table, prompts) <= metric.bound(table) <= sum(row_lengths(table, metric.length))


def test_bound_is_reached_by_equal_rows_of_whole_blocks() -> None:
    table = table_of(["x" * 28] * 5, ["y" * 28] * 5)  # 8 tokens each
    metric = BlockMetric(block=4, capacity=None)
    assert metric.bound(table) == metric.hits(table, Prompts.original(table)) == 4 * 16


def test_bound_counts_what_stands_in_one_row_only_and_what_no_block_holds() -> None:
    table = table_of(["x" * 28] * 3, ["a", "b", "c"])  # 8 shared tokens and 2 of its own per row
    assert BlockMetric(block=1, capacity=None).bound(table) == 16
    assert BlockMetric(block=5, capacity=None).bound(table) == 15  # 3 rows lose 3 of their 8


@settings(max_examples=30)
@given(tables())
def test_original_order_is_in_every_metric_what_it_says(table: Table) -> None:
    rows = ["".join(column.values[column.codes[row]] for column in table.columns) for row in range(table.rows)]
    assert TrieMetric().hits(table, Prompts.original(table)) == trie_hits(rows)
    assert sum(row_lengths(table, TrieMetric().length)) == sum(map(len, rows))


@settings(max_examples=30)
@given(st.data(), tables())
def test_hits_by_prompt_are_all_hits_and_none_in_the_first(data: st.DataObject, table: Table) -> None:
    prompts = data.draw(answers(table))
    by_prompt = TOKENS.hits_by_prompt(table, prompts)
    assert sum(by_prompt) == TOKENS.hits(table, prompts)
    assert by_prompt[0] == 0


def test_texts_that_are_equal_in_two_columns_share_nothing() -> None:
    table = table_of(["same", "other"], ["other", "same"])
    swapped = Prompts(rows=[0, 1], orders=[[0, 1], [1, 0]])
    assert TOKENS.hits(table, swapped) == 0
    assert TrieMetric().hits(table, swapped) == 9  # in the published metric they do


def test_a_field_is_a_token_per_four_characters_and_a_separator() -> None:
    assert [TOKENS.length(text) for text in ("", "a", "abcd", "abcde")] == [1, 2, 2, 3]


@settings(max_examples=30)
@given(tables(), st.integers(1, 8))
def test_head_has_the_first_rows_and_only_their_values(table: Table, rows: int) -> None:
    head = table.head(rows)
    assert head.texts == tuple(texts[:rows] for texts in table.texts)
    assert [column.values for column in head.columns] == [tuple(sorted(set(texts))) for texts in head.texts]
