"""A small island MAP-Elites: grids that evolve side by side and exchange their best."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from thekla.core.evaluation import Outcome
from thekla.core.problem import Problem
from thekla.core.program import Candidate
from thekla.core.rng import stream
from thekla.core.run import IMPORT, SEED, Ticket, Told
from thekla.search.elites import Elite, Ranking, elite_of, tournament
from thekla.search.grid import Grid

__all__ = ["Islands"]


class Islands:
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
    version = "1"

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
        for label, value, low in (("islands", islands, 1), ("bins", bins, 1), ("size", size, 1)):
            if value < low:
                raise ValueError(f"{label} is {value}; it must be at least {low}")
        if not 0 <= explore <= 1:
            raise ValueError(f"explore is {explore}; it must be in [0, 1]")
        if migrate_every < 1:
            raise ValueError(f"migrate_every is {migrate_every}; it must be at least 1")
        archive = [measure for measure in problem.measures if measure.archive]
        self._objective = problem.objective
        self._seed = seed
        self._grids = [Grid(archive, bins=bins) for _ in range(islands)]
        self._explore = explore
        self._size = size
        self._migrate_every = migrate_every
        self._asked = 0
        self._told = 0
        self._ranking = Ranking()

    def ask(self, n: int = 1) -> Sequence[Ticket]:
        return [self._ticket() for _ in range(n)]

    def tell(self, told: Told) -> None:
        elite = elite_of(told, self._objective)
        if told.ticket.operator in (SEED, IMPORT):
            if elite is not None:
                self._ranking.add(elite)
                for grid in self._grids:
                    grid.add(elite)
            return
        if elite is not None:
            self._ranking.add(elite)
            self._grids[self._island_of(told.ticket)].add(elite)
        self._told += 1
        if self._told % (self._migrate_every * len(self._grids)) == 0:
            self._migrate()

    def best(self, k: int = 1) -> Sequence[tuple[Candidate, Outcome]]:
        return self._ranking.best(k)

    def _ticket(self) -> Ticket:
        self._asked += 1
        rng = stream(self._seed, self.name, self._asked)
        island = self._asked % len(self._grids)
        elites = self._grids[island].elites
        if not elites:
            return Ticket(id=f"t{self._asked}", route={"island": island})
        parent = self._parent(elites, rng)
        return Ticket(
            id=f"t{self._asked}",
            parents=(parent.candidate,),
            inspirations=self._inspirations(parent, elites, rng),
            route={"island": island},
        )

    def _parent(self, elites: Sequence[Elite], rng: Random) -> Elite:
        if rng.random() < self._explore:
            return rng.choice(elites)
        return tournament(elites, size=self._size, rng=rng)

    def _inspirations(self, parent: Elite, elites: Sequence[Elite], rng: Random) -> tuple[Candidate, ...]:
        others = [rng.choice(elites).candidate, self._ranking[0].candidate]
        distinct = {candidate.id: candidate for candidate in others if candidate.id != parent.candidate.id}
        return tuple(distinct.values())

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
