"""Foreign text shows what is there."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from thekla.core.visible import count_hidden, inset, visible


@given(st.text(st.characters()))
def test_visible_text_holds_no_control_format_or_surrogate_character(text: str) -> None:
    shown = visible(text)
    left = {
        c
        for c in shown
        if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")
        or unicodedata.bidirectional(c) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
    }
    assert left <= {"\n", "\t"}
    shown.encode("utf-8")


@given(st.text(st.characters()))
def test_visible_is_idempotent_and_counts_what_it_changed(text: str) -> None:
    assert visible(visible(text)) == visible(text)
    assert (count_hidden(text) == 0) == (visible(text) == text.replace("\r\n", "\n"))


def test_escape_sequences_and_direction_marks_are_shown_by_number() -> None:
    assert visible("\x1b[31mred\u202e") == "⟦U+001B⟧[31mred⟦U+202E⟧"
    assert visible("plain: äß漢字 → ok\n\tx") == "plain: äß漢字 → ok\n\tx"


@given(st.text(st.characters()))
def test_no_further_line_of_an_inset_text_begins_at_the_left(text: str) -> None:
    first, *others = visible(inset(text)).split("\n")
    assert all(line.startswith("  ") for line in others)
    assert [first, *(line[2:] for line in others)] == visible(text).split("\n")
