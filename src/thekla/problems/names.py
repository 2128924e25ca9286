"""Instances under other names: ``/renamed<seed>`` behind an id means the same, but for what carries no meaning."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["RENAMED", "first_name", "other_name"]

RENAMED: Final = re.compile(r"/renamed(?P<seed>0|[1-9]\d{0,19})$")
"""What says that the names are others; found at most once, at the end of an id."""


def first_name(id: str) -> str:
    """The id of the instance under its first names."""
    return RENAMED.sub("", id)


def other_name(id: str, seed: int) -> str | None:
    """The id of the instance under other names, drawn from `seed`; None if it bears others already."""
    return None if RENAMED.search(id) else f"{id}/renamed{seed}"
