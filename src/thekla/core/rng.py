"""Named random streams: every draw comes from a generator split from the run's seed by name and step.

A stream depends on its name alone, never on what was drawn before elsewhere, so that a run resumed in the middle
draws what an uninterrupted one draws.
"""

from __future__ import annotations

import hashlib
from random import Random

from thekla.core.values import canonical

__all__ = ["derive_seed", "stream"]


def derive_seed(seed: int, *name: str | int) -> int:
    """A seed of 63 bits for the named stream of `seed`; it fits a signed 64-bit integer."""
    return int.from_bytes(hashlib.sha256(canonical([seed, *name])).digest()[:8], "big") >> 1


def stream(seed: int, *name: str | int) -> Random:
    """A generator for the named stream of `seed`; equal arguments give equal draws."""
    return Random(derive_seed(seed, *name))
