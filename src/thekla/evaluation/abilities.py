"""Which optional protocols a package fulfils, found once per class: the question is asked at every evaluation."""

from __future__ import annotations

from functools import cache

__all__ = ["fulfils"]


@cache
def fulfils(kind: type, protocol: type) -> bool:
    """Whether the class has all methods of a protocol, which has nothing but methods."""
    return issubclass(kind, protocol)
