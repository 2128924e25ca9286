"""Length of a text as a language model counts it."""

from __future__ import annotations

__all__ = ["estimate_tokens"]

_CHARACTERS_PER_TOKEN = 4  # English prose and Python code lie between 3 and 5 with current tokenisers


def estimate_tokens(text: str) -> int:
    """About how many tokens a text is; at least one for a text that is not empty."""
    return -(-len(text) // _CHARACTERS_PER_TOKEN)
