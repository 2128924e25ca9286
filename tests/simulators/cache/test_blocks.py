"""The cache of token blocks, against a slow one that looks at tokens and times."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thekla.simulators.cache import PrefixCache, block_names, hit_tokens

segments = st.tuples(st.sampled_from("abc"), st.just(0)).map(lambda pair: (pair[0], "abc".index(pair[0]) + 1))
prompts = st.lists(st.lists(segments, max_size=6), max_size=10)
Prompt = list[tuple[str, int]]


def tokens(prompt: Prompt) -> tuple[tuple[str, int], ...]:
    """Tokens that are equal only if segment and place in it are."""
    return tuple((name, place) for name, length in prompt for place in range(length))


def slow_hits(given_prompts: list[Prompt], block: int, capacity: int | None) -> list[int]:
    """Keeps whole prefixes with the time of their last use; drops the oldest, of equally old ones the longest."""
    used: dict[tuple[object, ...], int] = {}
    hits = []
    for now, prompt in enumerate(given_prompts):
        text = tokens(prompt)
        prefixes = [text[: end * block] for end in range(1, len(text) // block + 1)]
        found = 0
        while found < len(prefixes) and prefixes[found] in used:
            found += 1
        hits.append(found * block)
        used |= dict.fromkeys(prefixes, now)
        while capacity is not None and len(used) > capacity:
            del used[min(used, key=lambda prefix: (used[prefix], -len(prefix)))]
    return hits


@settings(max_examples=40)
@given(prompts, st.integers(1, 4), st.none() | st.integers(0, 8))
def test_hits_are_those_of_the_slow_cache(given_prompts: list[Prompt], block: int, capacity: int | None) -> None:
    found = hit_tokens(given_prompts, block_tokens=block, capacity_blocks=capacity)
    assert found == slow_hits(given_prompts, block, capacity)


@settings(max_examples=40)
@given(prompts, st.integers(1, 4))
def test_blocks_are_equal_exactly_where_the_prompts_are_up_to_their_end(
    given_prompts: list[Prompt], block: int
) -> None:
    named = list(block_names(given_prompts, block_tokens=block))
    known: dict[int, tuple[object, ...]] = {}
    for prompt, names in zip(given_prompts, named, strict=True):
        text = tokens(prompt)
        assert len(names) == len(text) // block
        for number, name in enumerate(names):
            assert known.setdefault(name, text[: (number + 1) * block]) == text[: (number + 1) * block]
    assert len(set(known.values())) == len(known)


@settings(max_examples=40)
@given(prompts, st.integers(1, 3), st.integers(0, 8))
def test_more_room_never_saves_less(given_prompts: list[Prompt], block: int, capacity: int) -> None:
    less = hit_tokens(given_prompts, block_tokens=block, capacity_blocks=capacity)
    more = hit_tokens(given_prompts, block_tokens=block, capacity_blocks=capacity + 1)
    assert all(one <= other for one, other in zip(less, more, strict=True))


@settings(max_examples=40)
@given(prompts, st.integers(0, 8))
def test_cache_never_holds_more_than_it_may(given_prompts: list[Prompt], capacity: int) -> None:
    cache = PrefixCache(capacity)
    for blocks in block_names(given_prompts, block_tokens=1):
        cache.serve(blocks)
        assert len(cache) <= capacity


def test_prompt_longer_than_the_cache_leaves_its_beginning() -> None:
    cache = PrefixCache(2)
    assert [cache.serve(blocks) for blocks in ([1, 2, 3], [1, 2, 3], [1, 2, 4])] == [0, 2, 2]


def test_least_recently_used_prefix_goes_first() -> None:
    cache = PrefixCache(3)
    assert [cache.serve(blocks) for blocks in ([1, 2], [7], [1, 2], [8], [7], [1, 2])] == [0, 0, 2, 0, 0, 1]


def test_arguments_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="capacity_blocks is -1"):
        PrefixCache(-1)
    with pytest.raises(ValueError, match="block_tokens is 0"):
        list(block_names([[("a", 1)]], block_tokens=0))
    with pytest.raises(ValueError, match="has no token"):
        list(block_names([[("a", 0)]], block_tokens=1))
