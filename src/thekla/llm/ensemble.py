"""Several models with roles: which one answers a ticket is drawn from the proposal's seed."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from thekla.core.errors import ConfigError
from thekla.core.protocols import ChatModel
from thekla.core.rng import stream
from thekla.llm.settings import ModelSettings

__all__ = ["Ensemble", "Member"]

_LOG = logging.getLogger(__name__)
_ADVISED = 2  # more models than that drift: each undoes what another did (method.md, P6)


@dataclass(frozen=True, kw_only=True)
class Member:
    """A model of an ensemble with its settings."""

    settings: ModelSettings
    model: ChatModel


class Ensemble:
    """The models of a generator.

    Raises:
        ConfigError: There is none that refines or leaps.
    """

    def __init__(self, members: Sequence[Member]) -> None:
        self._drawn = [member for member in members if member.settings.share > 0]
        self._members = list(members)
        if not self._drawn:
            raise ConfigError("an ensemble needs a model with a positive share; give one the role refine or leap")
        names = {member.settings.model for member in self._drawn}
        if len(names) > _ADVISED:
            _LOG.warning("%d models take turns; more than %d tend to undo each other's work", len(names), _ADVISED)

    def choose(self, *, seed: int, role: str = "") -> Member:
        """The member for a ticket: one of the role if there is any, else drawn by share."""
        candidates = [member for member in self._members if role and member.settings.role == role] or self._drawn
        weights = [member.settings.share for member in candidates]
        if sum(weights) <= 0:
            weights = [1.0] * len(candidates)
        (chosen,) = stream(seed, "ensemble").choices(candidates, weights)
        return chosen

    def repairer(self, member: Member) -> Member:
        """Who repairs an answer of `member`: the model of the role `repair`, else itself."""
        return next((one for one in self._members if one.settings.role == "repair"), member)
