"""Several models with roles: which one answers a ticket is drawn from the proposal's seed."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
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

    def choose_by_credit(self, credit: Mapping[str, tuple[float, float]], *, seed: int, role: str = "") -> Member:
        """The member for a ticket: one of the role if there is any, else the one that a bandit draws.

        Each member's chance to improve on a parent is drawn from what is known of it, and the highest draw is taken;
        members that nobody has tried are tried soon.

        Args:
            credit: Answers, and how many of them improved on their parent, by role and name.

        References:
            Thompson 1933, On the likelihood that one unknown probability exceeds another.
        """
        if any(role and member.settings.role == role for member in self._members):
            return self.choose(seed=seed, role=role)
        rng = stream(seed, "bandit")

        def draw(member: Member) -> float:
            tried, improved = credit.get(f"{member.settings.role} {member.settings.name}", (0.0, 0.0))
            return rng.betavariate(1.0 + improved, 1.0 + max(0.0, tried - improved))

        return max(self._drawn, key=draw)

    def repairer(self, member: Member) -> Member:
        """Who repairs an answer of `member`: the model of the role `repair`, else itself."""
        return next((one for one in self._members if one.settings.role == "repair"), member)
