from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.generation import handwritten
from tests.generation.answers import NAMES, OPTIONAL, Answer, corpus, exact_matcher, same

from thekla.core.program import Program
from thekla.generation.edits import Edited, Unusable, read_answer
from thekla.generation.edits.anchoring import Anchor, Misfit, locate
from thekla.generation.edits.regions import change_outside

PARENT = Program.from_text(
    '''"""Serves in order."""

import math


def size(pool):
    return pool / 10


def schedule(s, results, pipelines):
    total = 0
    for pipeline in pipelines:
        total += size(pipeline)
    for result in results:
        total += size(result)
    return [], [total]
'''
)


def read(answer: str, *, parent: Program = PARENT, cut_off: bool = False) -> Edited | Unusable:
    return read_answer(answer, parent, NAMES, optional=OPTIONAL, cut_off=cut_off)


def program(answer: str, *, parent: Program = PARENT) -> str:
    found = read(answer, parent=parent)
    assert isinstance(found, Edited), found
    return found.program.text


def refusal(answer: str, *, parent: Program = PARENT, cut_off: bool = False) -> str:
    found = read(answer, parent=parent, cut_off=cut_off)
    assert isinstance(found, Unusable), found
    return found.reason


def edit(old: str, new: str) -> str:
    return f"<<<<<<< SEARCH\n{old}\n=======\n{new}\n>>>>>>> REPLACE"


@pytest.fixture(scope="module")
def answers() -> Sequence[Answer]:
    return corpus()


def test_imperfect_answers_become_the_programs_that_were_meant(answers: Sequence[Answer]) -> None:
    """372 answers of 64 kinds: 312 hold a program, of which a plain exact reader finds a quarter."""
    usable = [answer for answer in answers if answer.meant is not None]
    assert len(usable) >= 200
    found, plain, lost = 0, 0, []
    for answer in usable:
        outcome = read_answer(answer.text, answer.parent, NAMES, optional=OPTIONAL)
        assert answer.meant is not None
        if isinstance(outcome, Edited) and same(outcome.program.text, answer.meant):
            found += 1
        else:
            lost.append((answer.rule, answer.change))
        exact = exact_matcher(answer)
        plain += exact is not None and same(exact, answer.meant)
    assert lost == []
    assert found == len(usable) > 3 * plain


def test_answers_without_a_program_stay_without(answers: Sequence[Answer]) -> None:
    empty = [answer for answer in answers if answer.meant is None]
    assert len(empty) >= 50
    for answer in empty:
        outcome = read_answer(answer.text, answer.parent, NAMES, optional=OPTIONAL)
        assert isinstance(outcome, Unusable), (answer.rule, answer.change)
        assert outcome.reason


def test_text_in_two_places_is_refused_with_the_lines() -> None:
    reason = refusal(edit("    total = 0", "    total = 1"), parent=PARENT.with_text(PARENT.text * 2))
    assert "2 places (lines 11, 27" in reason


def test_nearly_equal_text_in_two_places_is_refused() -> None:
    assert "two places are alike" in refusal(edit("        total += size(e)", "        total += 1"))


def test_one_edit_without_a_place_spoils_all() -> None:
    reason = refusal(edit("    total = 0", "    total = 1") + "\n" + edit("    nowhere = to_be.found()", "    x = 1"))
    assert reason.startswith("edit 2 of 2")


def test_edits_apply_one_after_another() -> None:
    text = program(edit("    total = 0", "    total = 7") + "\n" + edit("    total = 7", "    total = 8"))
    assert "total = 8" in text


def test_replacement_takes_the_place_and_indentation_of_the_program() -> None:
    text = program(edit("total += size(pipeline)", "if pipeline:\n    total += 2 * size(pipeline)"))
    assert "        if pipeline:\n            total += 2 * size(pipeline)\n" in text


def test_program_that_does_not_parse_is_refused_with_the_line() -> None:
    assert "does not parse: line 11" in refusal(edit("    total = 0", "    total = = 0"))


def test_answer_that_changes_nothing_is_refused() -> None:
    assert refusal(f"```python\n{PARENT.text}```") == "the answer changes nothing"


def test_cut_off_answers_are_not_used() -> None:
    assert "cut off" in refusal(f"```python\n{PARENT.text}", cut_off=True)
    assert "cut off" in refusal("<<<<<<< SEARCH\n    total = 0\n=======\n    tot", cut_off=True)


def test_whole_program_without_a_needed_helper_keeps_the_helper() -> None:
    text = program("```python\ndef schedule(s, results, pipelines):\n    return [], [size(1)]\n```")
    assert "def size(pool):" in text
    assert "total" not in text


def test_new_imports_of_a_single_function_are_kept() -> None:
    text = program("```python\nimport heapq\n\n\ndef size(pool):\n    return heapq.nlargest(1, pool)\n```")
    assert text.index("import heapq") < text.index("import math") < text.index("heapq.nlargest")


def test_several_files_are_edited_by_their_names() -> None:
    parent = Program.from_files({"program.py": "def schedule(s, r, p):\n    return 1\n", "lib/sizes.py": "SIZE = 1\n"})
    found = read(f"lib/sizes.py\n{edit('SIZE = 1', 'SIZE = 2')}\n\nprogram.py\n{edit('    return 1', '    return 3')}",
                 parent=parent)  # fmt: skip
    assert isinstance(found, Edited)
    assert dict(found.program.files) == {
        "program.py": "def schedule(s, r, p):\n    return 3\n",
        "lib/sizes.py": "SIZE = 2\n",
    }
    assert "the program has lib/sizes.py, program.py" in refusal(f"other.py\n{edit('SIZE = 1', 'x')}", parent=parent)


def test_whole_files_are_replaced_by_their_names() -> None:
    parent = Program.from_files({"program.py": "def schedule(s, r, p):\n    return 1\n", "sizes.py": "SIZE = 1\n"})
    found = read("### sizes.py\n```python\nSIZE = 5\n```", parent=parent)
    assert isinstance(found, Edited)
    assert dict(found.program.files)["sizes.py"] == "SIZE = 5\n"
    assert dict(found.program.files)["program.py"] == dict(parent.files)["program.py"]


MARKED = """import math
# EVOLVE-BLOCK-START
def schedule(s, results, pipelines):
    return 1
# EVOLVE-BLOCK-END
LIMIT = 3
"""


def test_code_outside_evolve_regions_cannot_change() -> None:
    marked = PARENT.with_text(MARKED)
    assert "return 2" in program(edit("    return 1", "    return 2"), parent=marked)
    assert "outside" in refusal(edit("LIMIT = 3", "LIMIT = 4"), parent=marked)
    assert "keep the marks" in refusal(f"```python\n{MARKED.replace('# EVOLVE-BLOCK-END', '')}```", parent=marked)
    assert change_outside(MARKED, MARKED.replace("import math", "import math  # why")) == ""
    assert change_outside(MARKED, MARKED.replace("LIMIT = 3", "if True:\n    LIMIT = 3"))


def test_program_from_nothing_needs_the_functions_of_the_interface() -> None:
    nothing = Program.from_text("")
    assert program("```python\ndef schedule(s, r, p):\n    return [], []\n```", parent=nothing).startswith("def")
    assert "schedule" in refusal("```python\ndef plan():\n    return 1\n```", parent=nothing)


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=400), st.booleans())
def test_no_answer_makes_the_reader_raise(text: str, cut_off: bool) -> None:
    assert isinstance(read(text, cut_off=cut_off), Edited | Unusable)


@settings(max_examples=40, deadline=None)
@given(
    numbers=st.lists(st.integers(0, 999), min_size=1, max_size=12, unique=True),
    indent=st.integers(0, 8),
    data=st.data(),
)
def test_text_that_is_there_once_is_found_exactly_there(numbers: list[int], indent: int, data: st.DataObject) -> None:
    lines = [" " * (indent * (number % 2)) + f"x_{number} = {number}" for number in numbers]
    start = data.draw(st.integers(0, len(lines) - 1))
    end = data.draw(st.integers(start + 1, len(lines)))
    assert locate(lines[start:end], lines) == Anchor(start=start, end=end, how="exact")


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(["a = 1", "b = 2", "  a = 1", "", "c = 3"]), min_size=1, max_size=10))
def test_an_anchor_covers_as_many_lines_as_it_should(lines: list[str]) -> None:
    found = locate(["a = 1", "b = 2"], lines)
    if isinstance(found, Anchor):
        kept = [line.strip() for line in lines[found.start : found.end] if line.strip()]
        assert kept[0] == "a = 1" or found.how == "fuzzy"
    else:
        assert isinstance(found, Misfit)
        assert found.reason


@pytest.mark.parametrize("name", handwritten.ANSWERS)
def test_answers_written_by_hand_are_read_as_they_are_meant(name: str) -> None:
    answer, meant = handwritten.ANSWERS[name]
    found = read(answer, parent=Program.from_text(handwritten.PARENT))
    if meant is None:
        assert isinstance(found, Unusable)
    else:
        assert isinstance(found, Edited), found
        assert same(found.program.text, meant)
