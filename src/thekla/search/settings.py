"""Checks of the settings that strategies are built with."""

from __future__ import annotations

__all__ = ["at_least", "share"]


def at_least(low: float, **settings: float) -> None:
    """Refuse settings below `low`.

    Raises:
        ValueError: One is.
    """
    for name, value in settings.items():
        if not value >= low:
            raise ValueError(f"{name} is {value}; it must be at least {low:g}")


def share(**settings: float) -> None:
    """Refuse settings that are no share of a whole.

    Raises:
        ValueError: One is outside [0, 1].
    """
    for name, value in settings.items():
        if not 0 <= value <= 1:
            raise ValueError(f"{name} is {value}; it must be in [0, 1]")
