"""Text of candidates in a prompt: shown as data between marks, never as part of the instructions."""

from __future__ import annotations

from thekla.core.visible import visible

__all__ = ["code_block", "data_block"]

_MOST_CHARACTERS = 2_000  # of a message that a candidate wrote (trust.md, section 6)
_TICKS = "```"


def data_block(label: str, text: str, *, most: int = _MOST_CHARACTERS) -> str:
    """Foreign text between marks that it cannot contain itself; without hidden characters, cut in the middle."""
    shown = visible(text.strip()).replace("<<", "< <").replace(">>", "> >")
    if len(shown) > most:
        half = most // 2
        shown = f"{shown[:half]}\n[{len(shown) - 2 * half} characters left out]\n{shown[-half:]}"
    return f"<<{label}>>\n{shown}\n<<end of {label}>>"


def code_block(text: str, *, language: str = "python") -> str:
    """A program in a fence that is longer than any in it."""
    fence = _TICKS
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"
