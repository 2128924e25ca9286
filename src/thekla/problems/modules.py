"""What programs of the gallery may import: what helps to compute, and nothing that tells of the machine or the time."""

from __future__ import annotations

from typing import Final

__all__ = ["COMPUTING"]

COMPUTING: Final = (
    "abc",
    "array",
    "bisect",
    "cmath",
    "collections",
    "copy",
    "dataclasses",
    "enum",
    "fractions",
    "functools",
    "graphlib",
    "heapq",
    "itertools",
    "math",
    "numbers",
    "operator",
    "random",
    "re",
    "statistics",
    "string",
    "typing",
)
"""Modules of the standard library. A clock is none of them: a score that follows it cannot be had again."""
