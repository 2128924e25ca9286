"""A small island MAP-Elites: grids that evolve side by side and exchange their best."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from thekla.core.problem import Problem
from thekla.core.run import Ticket, Told
from thekla.search.elites import Elite, tournament
from thekla.search.grid import Grid
from thekla.search.ranked import RankedStrategy, planted
from thekla.search.settings import at_least, share

__all__ = ["Islands"]


class Islands(RankedStrategy):
    """Island MAP-Elites with tournament selection and a steady clock of migration.

    Tickets go to the islands in turn. A parent is drawn uniformly from the island's cells with probability
    `explore`, otherwise by tournament; the inspirations are another cell of the island and the best of all. After
    every `migrate_every` outcomes per island, each island's best goes on to the next one around the ring.

    Args:
        islands: How many; each needs some 50 evaluations to be of use.
        bins: Cells per archive measure.
        size: Of a tournament.

    Raises:
        ValueError: A setting is out of range.

    References:
        Mouret & Clune 2015, Illuminating search spaces by mapping elites; Tanese 1989, Distributed Genetic Algorithms.
    """

    name = "islands"

    def __init__(
        self,
        problem: Problem,
        *,
        seed: int,
        islands: int = 2,
        bins: int = 8,
        explore: float = 0.2,
        size: int = 4,
        migrate_every: int = 25,
    ) -> None:
        super().__init__(problem, seed=seed)
        at_least(1, islands=islands, bins=bins, size=size, migrate_every=migrate_every)
        share(explore=explore)
        archive = [measure for measure in problem.measures if measure.archive]
        self._grids = [Grid(archive, bins=bins) for _ in range(islands)]
        self._explore = explore
        self._size = size
        self._migrate_every = migrate_every
        self._told = 0

    def idle_within(self, evaluations: int) -> list[str]:
        if len(self._grids) > 1 and evaluations < self._migrate_every * len(self._grids):
            return [
                f"migrate_every is {self._migrate_every}, and an island has {evaluations // len(self._grids)} children "
                f"in {evaluations} evaluations: nothing ever migrates"
            ]
        return []

    def _choose(self, rng: Random) -> Ticket:
        island = self._asked % len(self._grids)
        elites = self._grids[island].elites or [self._ranking[0]]
        parent = self._parent(elites, rng)
        return self._ticket([parent], [rng.choice(elites), self._ranking[0]], route={"island": island})

    def _learn(self, told: Told, elite: Elite | None) -> None:
        if planted(told):
            if elite is not None:
                for grid in self._grids:
                    grid.add(elite)
            return
        if elite is not None:
            self._grids[self._island_of(told.ticket)].add(elite)
        self._told += 1
        if self._told % (self._migrate_every * len(self._grids)) == 0:
            self._migrate()

    def _parent(self, elites: Sequence[Elite], rng: Random) -> Elite:
        if rng.random() < self._explore:
            return rng.choice(elites)
        return tournament(elites, size=self._size, rng=rng)

    def _island_of(self, ticket: Ticket) -> int:
        island = ticket.route.get("island", 0)
        if not isinstance(island, int) or not 0 <= island < len(self._grids):
            raise ValueError(f"ticket {ticket.id!r} names island {island!r}; there are {len(self._grids)}")
        return island

    def _migrate(self) -> None:
        """Send each island's best one step clockwise, as a copy; all leave before any arrives."""
        travellers = [max(grid.elites, key=lambda elite: elite.gain, default=None) for grid in self._grids]
        for island, traveller in enumerate(travellers):
            if traveller is not None:
                self._grids[(island + 1) % len(self._grids)].add(traveller)
