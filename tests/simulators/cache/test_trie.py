"""The published metric, against its definition."""

from itertools import takewhile

from hypothesis import given
from hypothesis import strategies as st

from thekla.simulators.cache import common_prefix, trie_hit_rate, trie_hits

texts = st.lists(st.text("abé", max_size=7), max_size=12)


def shared(one: str, other: str) -> int:
    """Length of the longest common prefix, character by character."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def hits_by_definition(rows: list[str]) -> int:
    """For each text the longest prefix that it shares with one before it."""
    return sum(max((shared(rows[before], row) for before in range(place)), default=0) for place, row in enumerate(rows))


@given(texts)
def test_hits_are_the_longest_prefixes_shared_with_texts_before(rows: list[str]) -> None:
    assert trie_hits(rows) == hits_by_definition(rows)


@given(texts, st.randoms(use_true_random=False))
def test_order_of_texts_has_no_effect(rows: list[str], rng: object) -> None:
    shuffled = list(rows)
    rng.shuffle(shuffled)  # type: ignore[attr-defined]  # a Random, which Hypothesis leaves untyped
    assert trie_hits(shuffled) == trie_hits(rows)


@given(texts)
def test_hits_are_all_characters_less_the_nodes_of_the_trie(rows: list[str]) -> None:
    nodes = {row[:end] for row in rows for end in range(1, len(row) + 1)}
    assert trie_hits(rows) == sum(map(len, rows)) - len(nodes)


@given(st.text("ab", max_size=100), st.text("ab", max_size=40), st.text("ab", max_size=40))
def test_common_prefix_is_found_at_any_length(start: str, one: str, other: str) -> None:
    expected = shared(start + one, start + other)
    assert common_prefix(start + one, start + other) == expected


def test_rate_is_a_share_of_all_characters() -> None:
    assert trie_hit_rate(["abcd", "abxy"]) == 2 / 8
    assert trie_hit_rate(["same"] * 4) == 3 / 4
    assert trie_hit_rate([]) == trie_hit_rate(["", ""]) == 0.0
