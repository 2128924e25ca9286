"""Likeness sees through names, numbers and layout, and tells different algorithms apart."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from thekla.analysis.similarity import likeness
from thekla.core.program import Program

GREEDY = '''
"""Greedy."""
def place(items, bins):
    for item in sorted(items, key=lambda one: -one.size):
        target = min(bins, key=lambda one: one.load)
        target.load += item.size * 1.5  # a constant
        yield item, target
'''
ROUND_ROBIN = """
def place(items, bins):
    turn = 0
    while items:
        yield items.pop(), bins[turn % len(bins)]
        turn = turn + 1
"""


def like(first: str, second: str) -> tuple[float, float]:
    found = likeness(Program.from_text(first), Program.from_text(second), name="other")
    assert found.name == "other"
    return found.structure, found.tokens


def test_layout_comments_and_docstrings_change_nothing() -> None:
    bare = (
        GREEDY.replace('"""Greedy."""\n', "").replace("  # a constant", "").replace("item, target", "(item,\n target)")
    )
    assert like(GREEDY, bare) == (1.0, 1.0)


def test_new_names_and_numbers_leave_the_structure() -> None:
    structure, tokens = like(GREEDY, GREEDY.replace("target", "t").replace("1.5", "2.75").replace("one", "x"))
    assert structure == 1.0
    assert 0.2 < tokens < 1.0


def test_another_algorithm_is_unlike_and_a_small_edit_is_like() -> None:
    assert like(GREEDY, ROUND_ROBIN)[0] < 0.4
    assert like(GREEDY, GREEDY.replace("-one.size", "one.size"))[0] > 0.85


def test_attributes_are_the_problems_own_words() -> None:
    assert like(GREEDY, GREEDY.replace(".size", ".weight"))[0] < 1.0


@given(first=st.sampled_from([GREEDY, ROUND_ROBIN, "", "def ("]), second=st.text(max_size=40))
def test_likeness_is_symmetric_and_a_share(first: str, second: str) -> None:
    assert like(first, second) == like(second, first)
    assert all(0 <= share <= 1 for share in like(first, second))
    assert like(first, first) == (1.0, 1.0)
