"""Tactics: what a generator is asked to try when a search stands still, and which of them have paid."""

from __future__ import annotations

import math
from collections.abc import Mapping

__all__ = ["TACTICS", "TacticBandit"]

TACTICS: Mapping[str, str] = {
    "other_algorithm": "Keep the interface and replace the central idea by another kind of algorithm.",
    "bottleneck": "Find the instance with the worst score, say why the program loses there, and change only that.",
    "analogy": "Take an idea from another field that has the same shape of problem, and carry it over.",
    "simplify": "Remove a mechanism that does not pay, then improve the one that is left.",
    "look_ahead": "Use what is known of the whole input before deciding, instead of the next item only.",
    "combine": "Join the strengths of two of the programs shown: each where it is better.",
}
"""Hints by name; none of them knows anything of a problem."""

_EXPLORE = 0.5


class TacticBandit:
    """Upper confidence bounds over the tactics; success is a child that beats its parent.

    References:
        Auer, Cesa-Bianchi & Fischer 2002, Finite-time analysis of the multiarmed bandit problem.
    """

    def __init__(self) -> None:
        self._tried = dict.fromkeys(TACTICS, 0)
        self._paid = dict.fromkeys(TACTICS, 0)

    def choose(self) -> str:
        """The tactic to try next; each once before any twice."""
        total = 1 + sum(self._tried.values())

        def bound(name: str) -> float:
            tried = self._tried[name]
            return math.inf if tried == 0 else self._paid[name] / tried + _EXPLORE * math.sqrt(math.log(total) / tried)

        return max(TACTICS, key=bound)

    def asked(self, name: str) -> None:
        """A ticket carries the tactic."""
        self._tried[name] += 1

    def paid(self, name: str) -> None:
        """A child that was asked for by the tactic beat its parent."""
        if name in self._paid:
            self._paid[name] += 1
