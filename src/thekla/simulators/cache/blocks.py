"""A prefix cache as inference servers keep it: full blocks of tokens, evicted least recently used.

A prompt is a sequence of segments, each with an identity and a length in tokens. Two segments have equal tokens if
they are the same, and differ from the first token on if they are not. A block can be used again only if the prompt is
equal up to the block's end, and only full blocks are kept, as in vLLM's automatic prefix caching (Kwon et al. 2023).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import count, islice

__all__ = ["PrefixCache", "block_names", "hit_tokens"]

Segment = tuple[Hashable, int]


class PrefixCache:
    """Blocks of earlier prompts, at most so many.

    The blocks of a prompt are marked as used from the last to the first. So a block is never older than one that
    continues it, eviction takes the ends of prefixes first, and what is kept of a prompt is always a prefix of it.

    Args:
        capacity_blocks: Most blocks kept; None for no limit.

    Raises:
        ValueError: The capacity is negative.
    """

    def __init__(self, capacity_blocks: int | None = None) -> None:
        if capacity_blocks is not None and capacity_blocks < 0:
            raise ValueError(f"capacity_blocks is {capacity_blocks}; it must be at least 0, or None for no limit")
        self._capacity = capacity_blocks
        self._used: OrderedDict[int, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._used)

    def serve(self, blocks: Sequence[int]) -> int:
        """How many of a prompt's blocks were there; afterwards all are, or as many of the first as fit."""
        used = self._used
        found = 0
        for block in blocks:
            if block not in used:
                break
            found += 1
        for block in reversed(blocks[: self._capacity]):
            used[block] = None
            used.move_to_end(block)
        if self._capacity is not None:
            while len(used) > self._capacity:
                used.popitem(last=False)
        return found


def block_names(prompts: Iterable[Sequence[Segment]], *, block_tokens: int) -> Iterator[list[int]]:
    """For each prompt the names of its full blocks: two are equal exactly if the prompts are, up to their ends.

    Raises:
        ValueError: A block or a segment has no token.
    """
    if block_tokens < 1:
        raise ValueError(f"block_tokens is {block_tokens}; it must be at least 1")
    # What a prefix of segments is followed by: its own number, and the blocks whose last tokens lie in the new segment.
    steps: dict[tuple[int, Hashable], tuple[int, list[int]]] = {}
    fresh = count()
    for prompt in prompts:
        blocks: list[int] = []
        prefix, end = 0, 0
        for identity, length in prompt:
            if length < 1:
                raise ValueError(f"segment {identity!r} has no token; leave it out, or give it a separator")
            end += length
            step = steps.get((prefix, identity))
            if step is None:
                ending = list(islice(fresh, end // block_tokens - len(blocks)))
                step = steps[prefix, identity] = (len(steps) + 1, ending)
            prefix, ending = step
            blocks += ending
        yield blocks


def hit_tokens(
    prompts: Iterable[Sequence[Segment]], *, block_tokens: int, capacity_blocks: int | None = None
) -> list[int]:
    """For each prompt, in order, the tokens that a cache of blocks saves it."""
    cache = PrefixCache(capacity_blocks)
    return [block_tokens * cache.serve(blocks) for blocks in block_names(prompts, block_tokens=block_tokens)]
