"""Evolve regions: what a model may change, marked in the program by comments.

A program without marks may be changed everywhere. One with marks is compared as syntax trees with the regions taken
out, so that layout and comments outside them may differ and nothing else.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

__all__ = ["change_outside"]

_BEGIN = re.compile(r"^(?P<indent>\s*)#\s*EVOLVE-BLOCK-START\b", re.IGNORECASE)
_END = re.compile(r"^\s*#\s*EVOLVE-BLOCK-END\b", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class _Frame:
    """A program without its regions: how many there were, and what is left as a tree."""

    regions: int
    tree: str


def change_outside(before: str, after: str) -> str:
    """What is wrong with `after` as a change of `before`'s regions alone; an empty text if nothing is."""
    frame = _frame_of(before) if any(map(_BEGIN.match, before.split("\n"))) else None
    if frame is None or frame.regions == 0:
        return ""
    other = _frame_of(after)
    if other is None:
        return "the program does not parse once its EVOLVE-BLOCK regions are taken out; keep the marks where they are"
    if other.regions != frame.regions:
        return (
            f"the program has {frame.regions} regions between # EVOLVE-BLOCK-START and # EVOLVE-BLOCK-END, and the "
            f"answer {other.regions}; keep the marks"
        )
    if other.tree != frame.tree:
        return "the answer changes code outside # EVOLVE-BLOCK-START and # EVOLVE-BLOCK-END; change only what is inside"
    return ""


def _frame_of(text: str) -> _Frame | None:
    """The frame of a program, None if it does not parse or its marks do not pair."""
    kept: list[str] = []
    regions, inside = 0, False
    for line in text.split("\n"):
        begin = _BEGIN.match(line)
        if begin is not None:
            if inside:
                return None
            inside, regions = True, regions + 1
            kept.append(f"{begin['indent']}__region__")
        elif _END.match(line):
            if not inside:
                return None
            inside = False
        elif not inside:
            kept.append(line)
    if inside:
        return None
    try:
        return _Frame(regions=regions, tree=ast.dump(ast.parse("\n".join(kept))))
    except (SyntaxError, ValueError, RecursionError):
        return None
