"""Differences say what changed, and names mean one program."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thekla.analysis import diff_candidates, diff_lines, program_named, read_run
from thekla.core.errors import ConfigError
from thekla.core.program import Program
from thekla.testing.journals import example_journal

LINES = st.lists(st.sampled_from(["a", "b", "c", "", "    d"]), max_size=12)


@given(LINES, LINES)
def test_diff_holds_every_line_of_both_texts(old: list[str], new: list[str]) -> None:
    before, after = (Program.from_text("".join(f"{line}\n" for line in text)) for text in (old, new))
    lines = diff_lines(before, after, context=99)
    if before == after:
        assert lines == ()
    else:
        assert [line.text for line in lines if line.mark in ("same", "removed")] == old
        assert [line.text for line in lines if line.mark in ("same", "added")] == new


def test_diff_of_several_files_names_them() -> None:
    before = Program.from_files({"program.py": "a\n", "helper.py": "x\n"})
    after = Program.from_files({"program.py": "b\n", "helper.py": "x\n"})
    assert [line.text for line in diff_lines(before, after) if line.mark == "file"] == ["program.py"]


def test_names_of_programs_are_understood() -> None:
    journal = example_journal(evaluations=20)
    view = read_run(journal.events, journal.blob)
    assert view.winner is not None
    winner = view.best_program
    assert program_named(view, "winner", journal.blob) == winner
    assert program_named(view, str(view.winner.id), journal.blob) == winner
    assert program_named(view, str(view.winner.program)[:10], journal.blob) == winner
    assert program_named(view, "priority", journal.blob).text.startswith("def schedule")
    assert "+    queue.sort" in diff_candidates(view, journal.blob)
    for name in ("nobody", "idle", ""):
        with pytest.raises(ConfigError, match="no program"):
            program_named(view, name, journal.blob)
