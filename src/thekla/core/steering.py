"""How people turn a run that is under way: what they decide is an event, and holds from the next ticket on."""

from __future__ import annotations

from typing import Protocol

from thekla.core.events import Event
from thekla.core.journal import Steered

__all__ = ["Steering", "Unsteered"]


class Steering(Protocol):
    """Where decisions of people come from; a run that is gone through again takes those that are recorded."""

    @property
    def paused(self) -> bool:
        """Whether no ticket is to be asked for now."""

    def take(self, ahead: Event | None) -> Steered | None:
        """The next decision, which holds from now on; None if there is none here.

        Args:
            ahead: The next recorded event: a decision is taken from it or, where the record ends, from people.
        """

    async def lifted(self) -> bool:
        """False if the run is not paused; else True as soon as people have decided something."""


class Unsteered:
    """Nobody steers."""

    paused = False

    def take(self, ahead: Event | None) -> Steered | None:
        """None."""
        return None

    async def lifted(self) -> bool:
        """False."""
        return False
