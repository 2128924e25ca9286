"""ShinkaEvolve: parents weighted by score and by how few children they have, on two islands."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from statistics import median

from thekla.core.problem import Problem
from thekla.core.program import CandidateId
from thekla.core.rng import stream
from thekla.core.run import Ticket, Told
from thekla.core.values import Data
from thekla.search.elites import Elite
from thekla.search.ranked import RankedStrategy, planted
from thekla.search.settings import at_least, share

__all__ = ["Shinka"]

_PATCHES = {
    "diff": "Change the program in a few places.",
    "full": "Write the whole program anew; you may restructure it.",
    "cross": "Combine the program with the first of the others: take from each what it does better.",
}
_SMALLEST = 1e-6


@dataclass(kw_only=True)
class _Member:
    """An archived program and the island that it lives on."""

    elite: Elite
    island: int


class Shinka(RankedStrategy):
    """Weighted parents: sigmoid(`pressure` * (score - median) / MAD) / (1 + children), on an island drawn uniformly.

    The kind of edit is drawn by the weights of `diff`, `full` and `cross`, and told to the generator as a hint; a cross
    is dropped where there is no inspiration. Novelty rejection (`generation.novelty`, which the preset switches on) and
    the bandit over models belong to the generator.

    Args:
        archive: Programs of all islands together; a better one drives out the worst of all, wherever that lives.
        elite_share: Share of an island's best that inspirations are drawn from.
        archive_inspirations, top_inspirations: How many of either kind; shown worst first.
        migration_rate: Share of an island that moves to another after `migrate_every` outcomes; 0 is the published
            default, under which nothing does.

    References:
        ShinkaEvolve 0.0.7.
    """

    name = "shinka"
    version = "2"

    def __init__(
        self,
        problem: Problem,
        *,
        seed: int,
        islands: int = 2,
        archive: int = 40,
        pressure: float = 10.0,
        elite_share: float = 0.3,
        archive_inspirations: int = 1,
        top_inspirations: int = 1,
        diff: float = 0.6,
        full: float = 0.3,
        cross: float = 0.1,
        migrate_every: int = 10,
        migration_rate: float = 0.0,
    ) -> None:
        super().__init__(problem, seed=seed)
        at_least(1, islands=islands, migrate_every=migrate_every)
        at_least(islands, archive=archive)
        at_least(0, pressure=pressure, archive_inspirations=archive_inspirations, top_inspirations=top_inspirations)
        at_least(0, diff=diff, full=full, cross=cross)
        at_least(_SMALLEST, diff_and_full=diff + full)
        share(elite_share=elite_share, migration_rate=migration_rate)
        self._archive: list[_Member] = []  # best first
        self._islands: list[list[Elite]] = [[] for _ in range(islands)]  # all that were scored
        self._size = archive
        self._pressure = pressure
        self._elite_share = elite_share
        self._inspired = (archive_inspirations, top_inspirations)
        self._patches = {"diff": diff, "full": full, "cross": cross}
        self._migrate_every, self._migration_rate = migrate_every, migration_rate
        self._children: dict[CandidateId, int] = {}
        self._told = 0

    def idle_within(self, evaluations: int) -> list[str]:
        if len(self._islands) > 1 and self._migration_rate == 0:
            return ["migration_rate is 0: nothing ever migrates"]
        if len(self._islands) > 1 and evaluations < self._migrate_every:
            return [f"migrate_every is {self._migrate_every}: nothing migrates within {evaluations} evaluations"]
        return []

    def _choose(self, rng: Random) -> Ticket:
        number = rng.randrange(len(self._islands))
        archived = [member.elite for member in self._archived(number)]
        archive = archived or [rng.choice(self._islands[number] or [self._ranking[0]])]
        parent = self._parent(archive, rng)
        inspirations = [one for one in self._inspirations(archive, rng) if one is not parent]
        patch = self._patch(bool(inspirations), rng)
        route: dict[str, Data] = {"island": number, "patch": patch}
        ordered = sorted(inspirations, key=lambda elite: elite.gain)
        return self._ticket([parent], ordered, hints=[_PATCHES[patch]], route=route)

    def _learn(self, told: Told, elite: Elite | None) -> None:
        if planted(told):
            if elite is not None:
                for island in range(len(self._islands)):
                    self._enter(island, elite)
            return
        self._told += 1
        number = told.ticket.route.get("island", 0)
        assert isinstance(number, int)
        for parent in told.ticket.parents[:1]:
            self._children[parent.id] = self._children.get(parent.id, 0) + (told.candidate is not None)
        if elite is not None:
            self._enter(number, elite)
        if self._migration_rate > 0 and self._told % self._migrate_every == 0:
            self._migrate()

    def _enter(self, number: int, elite: Elite) -> None:
        self._islands[number].append(elite)
        archive = [*self._archive, _Member(elite=elite, island=number)]
        self._archive = sorted(archive, key=lambda member: -member.elite.gain)[: self._size]

    def _archived(self, number: int) -> list[_Member]:
        """The archived programs of an island, best first."""
        return [member for member in self._archive if member.island == number]

    def _parent(self, archive: Sequence[Elite], rng: Random) -> Elite:
        middle = median(elite.gain for elite in archive)
        spread = max(_SMALLEST, median(abs(elite.gain - middle) for elite in archive))
        weights = [
            _sigmoid(self._pressure * (elite.gain - middle) / spread) / (1 + self._children.get(elite.candidate.id, 0))
            for elite in archive
        ]
        return rng.choices(archive, weights)[0] if sum(weights) > 0 else archive[0]

    def _inspirations(self, archive: Sequence[Elite], rng: Random) -> Iterator[Elite]:
        of_archive, top = self._inspired
        elites = archive[: max(1, math.floor(len(archive) * self._elite_share))]
        yield from rng.sample(elites, min(of_archive, len(elites)))
        yield from archive[:top]

    def _patch(self, inspired: bool, rng: Random) -> str:
        kinds = {name: weight for name, weight in self._patches.items() if inspired or name != "cross"}
        return rng.choices(list(kinds), list(kinds.values()))[0]

    def _migrate(self) -> None:
        """Move random programs, never an island's best, to another island."""
        rng = stream(self._seed, self.name, "migrate", self._told)
        for number in range(len(self._islands)):
            members = self._archived(number)
            count = min(len(members) - 1, round(len(members) * self._migration_rate))
            for member in rng.sample(members[1:], max(0, count)):
                member.island = (number + 1) % len(self._islands)


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0
