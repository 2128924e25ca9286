"""Small tables for tests, and programs to order them."""

from collections.abc import Sequence
from functools import lru_cache

from hypothesis import strategies as st

from thekla.core.evaluation import Limits
from thekla.core.program import Program
from thekla.problems.llm_sql.interface import interface
from thekla.problems.llm_sql.referee import message_of, read_prompts
from thekla.problems.llm_sql.tables import BlockMetric, Column, Metric, Prompts, Table
from thekla.testing.guests import InProcessGuest

TOKENS = BlockMetric(block=1, capacity=None)
"""Fields as a whole, in a cache without limit."""


def table_of(*columns: Sequence[str]) -> Table:
    """A table with these texts, column by column."""
    return Table(tuple(Column.of(f"c{number}", texts) for number, texts in enumerate(columns)))


@st.composite
def tables(draw: st.DrawFn, *, most_rows: int = 8, most_columns: int = 4) -> Table:
    """Tables with repetitions, empty texts, and texts that are equal across columns."""
    rows, columns = draw(st.integers(1, most_rows)), draw(st.integers(1, most_columns))
    text = st.sampled_from(["", "a", "ab", "abcdefgh", "abcdefghijklm", "x" * 40])
    return table_of(*[draw(st.lists(text, min_size=rows, max_size=rows)) for _ in range(columns)])


@st.composite
def answers(draw: st.DrawFn, table: Table) -> Prompts:
    """Any answer to a table."""
    orders = [draw(st.permutations(range(len(table.columns)))) for _ in range(table.rows)]
    return Prompts(rows=draw(st.permutations(range(table.rows))), orders=orders)


@lru_cache(maxsize=16)
def guest_of(program: Program) -> InProcessGuest:
    """A guest for programs that keep nothing between calls."""
    return InProcessGuest(program, interface(), Limits())


def reordered(program: Program, table: Table, metric: Metric = TOKENS) -> Prompts:
    """The checked answer of a program."""
    return read_prompts(guest_of(program).call("reorder", message_of(table, metric)), table)
