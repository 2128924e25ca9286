"""OpenEvolve's island MAP-Elites: niches by the look of the text, an archive of elites, and a slow ring of islands."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

from thekla.core.problem import Problem
from thekla.core.program import CandidateId, ProgramId
from thekla.core.run import Ticket, Told
from thekla.search.elites import Elite
from thekla.search.ranked import RankedStrategy, planted
from thekla.search.settings import at_least, share

__all__ = ["OpenEvolve"]

Cell = tuple[int, ...]


_REFERENCES = 20  # programs that the diversity of a text is measured against
_FLOOR = 0.001  # smallest weight of a program in a draw in proportion to its score


@dataclass(frozen=True, kw_only=True)
class _Look:
    """What the features read of a text."""

    characters: int
    lines: int
    alphabet: frozenset[str]

    @classmethod
    def of(cls, text: str) -> _Look:
        return cls(characters=len(text), lines=text.count("\n"), alphabet=frozenset(text))

    def distance(self, other: _Look) -> float:
        return (
            0.1 * abs(self.characters - other.characters)
            + 10 * abs(self.lines - other.lines)
            + 0.5 * len(self.alphabet ^ other.alphabet)
        )


@dataclass(kw_only=True)
class _Island:
    """Members by candidate, the owner of each cell, and how many children it has had."""

    members: dict[CandidateId, Elite] = field(default_factory=dict)
    cells: dict[Cell, Elite] = field(default_factory=dict)
    generation: int = 0

    @property
    def owners(self) -> set[CandidateId]:
        return {elite.candidate.id for elite in self.cells.values()}

    def top(self, k: int) -> list[Elite]:
        return sorted(self.members.values(), key=lambda elite: -elite.gain)[:k]


class OpenEvolve(RankedStrategy):
    """Islands in turn; a parent is any member, or one of the archive, or drawn in proportion to its score.

    A child joins the island that was asked in any case, and takes its cell from a worse owner. Every member counts as
    archived until the archive is full, the scale of a feature moves with its range while owners keep their cells, and
    a program's diversity is measured once, against the first programs: all as published. `bins` is raised so that the
    cells can hold the archive. A program that failed never joins, where the engine's does with a score of 0.

    Args:
        population: Programs on all islands; the worst that own no cell go first.
        archive: Elites of all islands together.
        explore, exploit: Shares of parents that are drawn uniformly from the island, and from its archived members.
        features: Of the grid; a measure of the problem by its name, or one of `complexity`, `diversity`, `score`.
        migrate_every: Children of the fastest island between two migrations, both ways around the ring.
        migration_rate: Share of an island that travels, as copies.

    References:
        OpenEvolve 0.4.0; Mouret & Clune 2015, Illuminating search spaces by mapping elites.
    """

    name = "openevolve"
    version = "2"

    def __init__(
        self,
        problem: Problem,
        *,
        seed: int,
        islands: int = 5,
        population: int = 1000,
        archive: int = 100,
        explore: float = 0.2,
        exploit: float = 0.7,
        features: Sequence[str] = ("complexity", "diversity"),
        bins: int = 10,
        migrate_every: int = 50,
        migration_rate: float = 0.1,
        top: int = 3,
        diverse: int = 2,
    ) -> None:
        super().__init__(problem, seed=seed)
        at_least(1, islands=islands, population=population, archive=archive, bins=bins, migrate_every=migrate_every)
        at_least(0, top=top, diverse=diverse)
        share(explore=explore, exploit=exploit, explore_and_exploit=explore + exploit, migration_rate=migration_rate)
        if not features:
            raise ValueError("features is empty; name at least one")
        self._islands = [_Island() for _ in range(islands)]
        self._population = population
        self._archive_size = archive
        self._explore, self._exploit = explore, exploit
        self._features = tuple(features)
        self._bins = max(bins, math.ceil(math.pow(archive, 1 / len(features))))
        self._migrate_every, self._migration_rate = migrate_every, migration_rate
        self._top, self._diverse = top, diverse
        self._archive: dict[tuple[int, CandidateId], Elite] = {}
        self._references: list[_Look] = []
        self._diversities: dict[ProgramId, float] = {}
        self._ranges: dict[str, tuple[float, float]] = {}
        self._migrated_at = 0
        self._migrants: set[tuple[int, CandidateId]] = set()

    def idle_within(self, evaluations: int) -> list[str]:
        per_island = evaluations // len(self._islands)
        idle = []
        if len(self._islands) > 1 and per_island < self._migrate_every:
            idle.append(
                f"migrate_every is {self._migrate_every}, and an island has {per_island} children in {evaluations} "
                "evaluations: nothing ever migrates"
            )
        if evaluations <= self._archive_size:
            idle.append(f"archive is {self._archive_size}: it never fills, so every member counts as an elite")
        return idle

    def _choose(self, rng: Random) -> Ticket:
        number = self._asked % len(self._islands)
        island = self._islands[number]
        members = list(island.members.values())
        if not members:
            members = [elite for other in self._islands for elite in other.members.values()]
        parent = self._parent(members, number, rng)
        return self._ticket([parent], list(self._context(parent, island, rng)), route={"island": number})

    def _learn(self, told: Told, elite: Elite | None) -> None:
        number = told.ticket.route.get("island", 0)
        assert isinstance(number, int)
        island = self._islands[number]
        if not planted(told):
            island.generation += 1
        if elite is not None:
            self._enter(number, elite)
            self._forget(newest=elite.candidate.id)
        if max(one.generation for one in self._islands) - self._migrated_at >= self._migrate_every:
            self._migrate()

    def _parent(self, members: Sequence[Elite], number: int, rng: Random) -> Elite:
        draw = rng.random()
        if draw < self._explore:
            return rng.choice(members)
        if draw < self._explore + self._exploit:
            here = [elite for (island, _), elite in self._archive.items() if island == number]
            return rng.choice(here or list(self._archive.values()))
        return rng.choices(members, [max(elite.gain, _FLOOR) for elite in members])[0]

    def _context(self, parent: Elite, island: _Island, rng: Random) -> Iterator[Elite]:
        """The island's best, programs from cells nearby or else any, then its other good ones."""
        if not island.members:
            return
        chosen = {elite.candidate.id: elite for elite in island.top(1) if elite is not parent}
        cell = self._cell_of(parent)
        for _ in range(3 * (self._diverse - len(chosen))):
            near = tuple(min(self._bins - 1, max(0, place + rng.randint(-2, 2))) for place in cell)
            owner = island.cells.get(near)
            if owner is not None and owner is not parent and len(chosen) < self._diverse:
                chosen[owner.candidate.id] = owner
        others = [elite for one, elite in island.members.items() if one not in chosen and elite is not parent]
        yield from chosen.values()
        yield from rng.sample(others, min(max(0, self._diverse - len(chosen)), len(others)))
        yield from island.top(self._top)

    def _enter(self, number: int, elite: Elite) -> None:
        island, candidate = self._islands[number], elite.candidate.id
        cell = self._cell_of(elite)
        owner = island.cells.get(cell)
        if owner is None or owner.gain < elite.gain:
            island.cells[cell] = elite
        island.members[candidate] = elite
        if owner is not None and owner.gain < elite.gain:
            island.members.pop(owner.candidate.id, None)
            if self._archive.pop((number, owner.candidate.id), None) is not None:
                self._archive[number, candidate] = elite
        self._archived(elite, number)

    def _archived(self, elite: Elite, number: int) -> None:
        """Archive a program; one that has just taken the place of its cell's owner may drive out the worst as well."""
        if len(self._archive) >= self._archive_size:
            worst = min(self._archive, key=lambda one: self._archive[one].gain)
            if self._archive[worst].gain >= elite.gain:
                return
            del self._archive[worst]
        self._archive[number, elite.candidate.id] = elite

    def _forget(self, *, newest: CandidateId) -> None:
        """Keep the population within its size: the worst go, those that own no cell first."""
        while sum(len(island.members) for island in self._islands) > self._population:
            kept = {newest, self._ranking[0].candidate.id}
            entries = [
                (candidate in owners, elite.gain, number, candidate)
                for number, island in enumerate(self._islands)
                for owners in [island.owners]
                for candidate, elite in island.members.items()
                if candidate not in kept
            ]
            if not entries:
                return
            _, _, number, candidate = min(entries)
            island = self._islands[number]
            del island.members[candidate]
            island.cells = {cell: owner for cell, owner in island.cells.items() if owner.candidate.id != candidate}
            self._archive.pop((number, candidate), None)

    def _cell_of(self, elite: Elite) -> Cell:
        look = _Look.of(elite.candidate.program.text)
        return tuple(self._bin(name, self._feature(name, elite, look)) for name in self._features)

    def _feature(self, name: str, elite: Elite, look: _Look) -> float | None:
        """A feature's value; None for the diversity of the first program, which there is nothing to measure by."""
        if name in elite.outcome.measures:
            return elite.outcome.measures[name]
        if name == "diversity":
            return self._diversity(elite, look)
        return {"complexity": float(look.characters), "score": elite.gain}.get(name, 0.0)

    def _diversity(self, elite: Elite, look: _Look) -> float | None:
        """The mean distance to the first programs that are members, as it was when the text came."""
        program = elite.candidate.program.id
        if program not in self._diversities:
            members = {one: other for island in self._islands for one, other in island.members.items()}
            if not members:
                return None
            if len(self._references) < _REFERENCES:
                texts = [one.candidate.program.text for one in [*members.values(), elite]]
                self._references = [_Look.of(text) for text in texts[:_REFERENCES]]
            others = [other for other in self._references if other != look]
            self._diversities[program] = sum(map(look.distance, others)) / max(1, len(others))
        return self._diversities[program]

    def _bin(self, name: str, value: float | None) -> int:
        if value is None:
            return 0
        low, high = self._ranges.get(name, (value, value))
        low, high = min(low, value), max(high, value)
        self._ranges[name] = (low, high)
        scaled = (value - low) / (high - low) if high > low else 0.5
        return min(self._bins - 1, int(scaled * self._bins))

    def _migrate(self) -> None:
        """Send the best of each island both ways, as copies, island after island; a copy goes no further."""
        self._migrated_at = max(island.generation for island in self._islands)
        for number, island in enumerate(self._islands):
            travellers = island.top(max(1, int(len(island.members) * self._migration_rate)))
            for elite in travellers:
                if (number, elite.candidate.id) not in self._migrants:
                    self._send(elite, [(number + step) % len(self._islands) for step in (1, -1)])

    def _send(self, elite: Elite, targets: Sequence[int]) -> None:
        for target in targets:
            texts: set[ProgramId] = {one.candidate.program.id for one in self._islands[target].members.values()}
            if elite.candidate.program.id not in texts:
                self._migrants.add((target, elite.candidate.id))
                self._enter(target, elite)
