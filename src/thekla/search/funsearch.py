"""FunSearch: islands of clusters of programs that score alike, drawn by a softmax that cools and starts again."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from random import Random

from thekla.core.problem import Problem
from thekla.core.rng import stream
from thekla.core.run import Ticket, Told
from thekla.search.distance import instance_gains, spread
from thekla.search.elites import Elite
from thekla.search.ranked import RankedStrategy, planted
from thekla.search.settings import at_least

__all__ = ["FunSearch"]

Signature = tuple[float, ...]

_SHOWN = "The programs are versions, each better than the one before; write the next version."
_MEMBERS = 50  # of a cluster that are kept: the shortest
_CLUSTERS = 256  # of an island that are kept: the best; the draw gives those far below no chance anyway


@dataclass(kw_only=True)
class _Island:
    """Clusters by their scores on the instances, and how many programs were entered."""

    clusters: dict[Signature, list[Elite]] = field(default_factory=dict)
    programs: int = 0

    @property
    def best(self) -> Elite:
        return max((members[0] for members in self.clusters.values()), key=lambda elite: elite.gain)


class FunSearch(RankedStrategy):
    """Two programs of one island are shown in ascending order, and the next version is asked for.

    An island is drawn uniformly; clusters by a softmax of their scores, scaled to the island's spread, under the
    temperature `temperature * (1 - (n mod period) / period)`; within a cluster short programs are preferred. After
    `reset_every` outcomes the weaker half of the islands is emptied, and each starts again from the best of a surviving
    island. The published clock is four hours; here it is outcomes, since a strategy has no clock.

    References:
        Romera-Paredes et al. 2024, Mathematical discoveries from program search with large language models (Nature).
    """

    name = "funsearch"

    def __init__(
        self,
        problem: Problem,
        *,
        seed: int,
        islands: int = 10,
        functions: int = 2,
        temperature: float = 0.1,
        period: int = 30_000,
        reset_every: int = 1000,
    ) -> None:
        super().__init__(problem, seed=seed)
        at_least(1, islands=islands, functions=functions, period=period, reset_every=reset_every)
        at_least(1e-9, temperature=temperature)
        self._islands = [_Island() for _ in range(islands)]
        self._functions = functions
        self._temperature, self._period = temperature, period
        self._reset_every = reset_every
        self._told = 0

    def idle_within(self, evaluations: int) -> list[str]:
        idle = []
        if evaluations < self._reset_every:
            idle.append(f"reset_every is {self._reset_every}: no island is reset within {evaluations} evaluations")
        if evaluations / len(self._islands) < 0.1 * self._period:
            idle.append(f"period is {self._period}: the temperature stays near {self._temperature}")
        return idle

    def _choose(self, rng: Random) -> Ticket:
        number = rng.randrange(len(self._islands))
        island = self._islands[number]
        drawn = sorted(self._draw(island, rng), key=lambda elite: -elite.gain) or [self._ranking[0]]
        return self._ticket(drawn[:1], list(reversed(drawn)), hints=[_SHOWN], route={"island": number})

    def _learn(self, told: Told, elite: Elite | None) -> None:
        if planted(told):
            if elite is not None:
                for island in self._islands:
                    self._enter(island, elite)
            return
        self._told += 1
        number = told.ticket.route.get("island", 0)
        assert isinstance(number, int)
        if elite is not None:
            self._enter(self._islands[number], elite)
        if self._told % self._reset_every == 0:
            self._reset()

    def _draw(self, island: _Island, rng: Random) -> list[Elite]:
        """One program of each of some clusters, no cluster twice."""
        warmth = max(1e-3, self._temperature * (1 - island.programs % self._period / self._period))
        left = list(island.clusters.values())
        width = spread([members[0] for members in left])
        drawn: list[Elite] = []
        while left and len(drawn) < self._functions:
            best = max(members[0].gain for members in left)
            weights = [math.exp((members[0].gain - best) / (width * warmth)) for members in left]
            (place,) = rng.choices(range(len(left)), weights)
            drawn.append(_short(left.pop(place), rng))
        return drawn

    def _enter(self, island: _Island, elite: Elite) -> None:
        gains = instance_gains(elite.outcome, self._objective)
        members = island.clusters.setdefault((elite.gain, *gains.values()), [])
        members.append(elite)
        members.sort(key=lambda other: len(other.candidate.program.text))
        del members[_MEMBERS:]
        island.programs += 1
        if len(island.clusters) > _CLUSTERS:
            del island.clusters[min(island.clusters)]

    def _reset(self) -> None:
        rng = stream(self._seed, self.name, "reset", self._told)
        order = sorted(range(len(self._islands)), key=lambda number: self._islands[number].best.gain)
        half = len(order) // 2
        for number in order[:half]:
            founder = self._islands[rng.choice(order[half:])].best
            self._islands[number] = _Island()
            self._enter(self._islands[number], founder)


def _short(members: list[Elite], rng: Random) -> Elite:
    """A member, the likelier the shorter it is."""
    lengths = [len(elite.candidate.program.text) for elite in members]
    low, width = min(lengths), max(lengths) - min(lengths) + 1e-6
    return rng.choices(members, [math.exp(-(length - low) / width) for length in lengths])[0]
