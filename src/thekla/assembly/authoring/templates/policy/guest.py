"""Runs beside the program, with the standard library only: makes objects of what the referee sends.

Nothing here is trusted. The referee takes one number back and checks it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Page:
    """A page in the cache, as a policy sees it."""

    def __init__(self, place: int, age: int, stay: int, uses: int) -> None:
        self.place = place
        self.age = age
        self.stay = stay
        self.uses = uses


def names() -> dict[str, Any]:
    """Nothing is given to a program besides its arguments."""
    return {}


def connect(namespace: dict[str, Any]) -> dict[str, Callable[..., Any]]:
    """The one function that the referee calls."""

    def evict(told: list[list[int]]) -> int:
        pages = [Page(place, *numbers) for place, numbers in enumerate(told)]
        place: int = namespace["evict"](pages).place
        return place

    return {"evict": evict}
