"""Statements are taken out by their lines, and what is left parses and is the same elsewhere."""

from __future__ import annotations

import ast

from hypothesis import given
from hypothesis import strategies as st

from thekla.core.program import Program
from thekla.promotion.statements import source_of, statements, with_source, without

TEXT = '''"""A policy."""

import math


def helper(x):
    """Twice."""
    return 2 * x  # why not


@staticmethod
def schedule(queue, pools):
    # A comment that belongs to nobody.
    total = 0
    for item in queue:
        if item > 3:
            total += helper(item)
        elif item > 2:
            total -= 1
        else:
            continue
    try:
        total = math.sqrt(total)
    except ValueError:
        total = 0
    finally:
        pools.sort()
    a = 1; b = 2
    if total: return a
    match total:
        case 0:
            total = 1
    return [total, b]
'''


def test_docstrings_elifs_and_what_shares_a_line_are_no_statements_of_their_own() -> None:
    texts = [each.text for each in statements(TEXT)]
    assert '"""A policy."""' not in texts
    assert '"""Twice."""' not in texts
    assert "a = 1; b = 2" not in texts
    assert "elif item > 2:" not in texts
    assert {"import math", "@staticmethod", "for item in queue:", "total += helper(item)", "pools.sort()"} <= set(texts)
    depths = {each.text: each.depth for each in statements(TEXT)}
    assert (depths["import math"], depths["try:"], depths["pools.sort()"], depths["total += helper(item)"]) == (
        0,
        1,
        2,
        3,
    )


@given(chosen=st.sets(st.integers(0, len(statements(TEXT)) - 1)))
def test_whatever_is_taken_out_the_rest_parses_and_keeps_its_lines(chosen: set[int]) -> None:
    found = statements(TEXT)
    removed = [found[place] for place in chosen]
    text = without(TEXT, removed)
    ast.parse(text)
    gone = {line for each in removed for line in range(each.first, each.last + 1)}
    kept = [line for place, line in enumerate(TEXT.splitlines(), start=1) if place not in gone]
    assert [line for line in text.splitlines() if line.strip() != "pass"] == kept


def test_nothing_taken_out_changes_nothing_and_an_empty_block_passes() -> None:
    assert without(TEXT, []) == TEXT
    (inner,) = (each for each in statements(TEXT) if each.text == "pools.sort()")
    assert "    finally:\n        pass\n" in without(TEXT, [inner])


def test_the_entry_file_is_what_is_simplified() -> None:
    program = Program(files=(("helper.py", "x = 1\n"), ("program.py", "y = 2\n")))
    assert source_of(program) == "y = 2\n"
    changed = with_source(program, "y = 3\n")
    assert dict(changed.files) == {"helper.py": "x = 1\n", "program.py": "y = 3\n"}
    assert with_source(program, "y = 2\n") == program
