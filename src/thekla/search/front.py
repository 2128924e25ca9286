"""The best program on each instance: who is good where."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from thekla.core.problem import Objective
from thekla.search.distance import instance_gains
from thekla.search.elites import Elite

__all__ = ["InstanceFront"]


class InstanceFront:
    """For each instance all programs that are best on it, up to `most` of them, earlier ones first.

    Adding costs one comparison per instance, however many programs there have been.

    References:
        Agrawal et al. 2025, GEPA: Reflective Prompt Evolution Can Outperform Reinforcement Learning.
    """

    def __init__(self, objective: Objective, *, most: int = 8) -> None:
        self._objective = objective
        self._most = most
        self._best: dict[str, tuple[float, list[Elite]]] = {}
        self._weights: dict[str, tuple[Elite, int]] | None = None

    def __len__(self) -> int:
        return len(self._best)

    def add(self, elite: Elite) -> bool:
        """Enter `elite` where it is at least as good as the best; returns whether it was better anywhere."""
        better = False
        self._weights = None
        for name, gain in instance_gains(elite.outcome, self._objective).items():
            best, holders = self._best.get(name, (None, []))
            if best is None or gain > best:
                self._best[name] = (gain, [elite])
                better = True
            elif gain == best and len(holders) < self._most:
                holders.append(elite)
        return better

    def holders(self) -> list[list[Elite]]:
        """The best programs of each instance."""
        return [holders for _, holders in self._best.values()]

    def weights(self) -> dict[str, tuple[Elite, int]]:
        """On how many instances each program is best, without those that others cover.

        A program is covered if on each instance where it is best some program that is kept is best as well; those with
        the lowest gain are tested first.
        """
        if self._weights is None:
            self._weights = self._uncovered()
        return self._weights

    def _uncovered(self) -> dict[str, tuple[Elite, int]]:
        fronts = [{elite.candidate.id for elite in holders} for holders in self.holders()]
        elites = {elite.candidate.id: elite for holders in self.holders() for elite in holders}
        kept = set(elites)
        for candidate in sorted(elites, key=lambda one: elites[one].gain):
            rest = kept - {candidate}
            if all(front & rest for front in fronts if candidate in front):
                kept = rest
        return {one: (elites[one], sum(one in front for front in fronts)) for one in elites if one in kept}

    def draw(self, rng: Random) -> Elite:
        """A program that nothing covers, in proportion to the instances where it is best."""
        found = list(self.weights().values())
        return rng.choices([elite for elite, _ in found], [count for _, count in found])[0]

    def complement(self, elite: Elite, rng: Random) -> Elite | None:
        """A program that is best on an instance where `elite` is not, the more likely the more there are."""
        others = [holders for holders in self.holders() if not _has(holders, elite)]
        return rng.choice(rng.choice(others)) if others else None


def _has(holders: Iterable[Elite], elite: Elite) -> bool:
    return any(holder.candidate.id == elite.candidate.id for holder in holders)
