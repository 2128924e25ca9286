"""Numbers about a program that a person can check with a finger on the page."""

from __future__ import annotations

from thekla.analysis.readability import Readability, readability
from thekla.core.program import Program

TEXT = '''\
"""Puts long ones last.

Because they block.
"""
LIMIT = 40  # seconds


def schedule(queue):
    """The queue in order."""
    done = []
    for item in queue:
        if item.length > LIMIT:
            # later
            done.append(item)
        elif item.length > 7.5:
            while done:
                done.pop()
    return done[-1:] + done[:2]
'''


def test_lines_depth_words_and_numbers_are_counted_as_a_reader_would() -> None:
    assert readability(Program.from_text(TEXT)) == Readability(
        lines=10, functions=1, longest_function=11, deepest=3, explained=7 / 10, bare_numbers=1
    )


def test_several_files_are_one_program() -> None:
    one = readability(Program.from_text(TEXT))
    two = readability(Program.from_files({"program.py": TEXT, "part.py": TEXT, "data.txt": "("}))
    assert one is not None
    assert two is not None
    assert (two.lines, two.functions, two.bare_numbers) == (2 * one.lines, 2 * one.functions, 2 * one.bare_numbers)
    assert (two.longest_function, two.deepest, two.explained) == (one.longest_function, one.deepest, one.explained)


def test_what_does_not_parse_has_no_measures() -> None:
    assert readability(Program.from_text("def (:\n")) is None
    assert readability(Program.from_text("x = 'a\n")) is None
