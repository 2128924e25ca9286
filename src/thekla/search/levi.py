"""LEVI: MAP-Elites whose cells are found in the data of a diverse start, with leaps at fixed intervals."""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from thekla.core.problem import Problem
from thekla.core.rng import stream
from thekla.core.run import Ticket, Told
from thekla.core.values import Data
from thekla.search.distance import spread
from thekla.search.elites import Elite
from thekla.search.ranked import RankedStrategy
from thekla.search.settings import at_least

__all__ = ["Levi", "cluster"]

Point = tuple[float, ...]

_DIFFERENT = "Solve the problem by a structure that is unlike those of the programs shown."
_VARY = "Vary the program: keep its structure."
_LEAP = "Write a fundamentally different approach, given what the programs shown do well."
_LOOPS = re.compile(r"^( *)(?:for|while)\b", re.MULTILINE)
_BRANCHES = re.compile(r"\b(?:if|elif)\b")
_MATHS = re.compile(r"[-+*/%]")
_ROUNDS = 20  # of k-means; it has settled by then


@dataclass(kw_only=True)
class _Cell:
    """A centroid with its best program, and how often its children were asked for and accepted."""

    centroid: Point
    elite: Elite | None = None
    asked: int = 0
    accepted: int = 0


class Levi(RankedStrategy):
    """CVT-MAP-Elites: the centroids are clusters of the programs of the start, in standardised features.

    The start asks for `seeds` programs, each unlike the ones before, and then for `variants` of each. Features are the
    numbers of loops, branches and arithmetic operators, the depth of loops, and the measures of the problem's archive.
    Afterwards a cell is drawn by an upper confidence bound on its rate of acceptance or by a softmax of its score, in
    turn. Every `leap_every` tickets the best of three clusters of cells are shown and another approach is asked for,
    and the answer is varied `leap_variants` times. Models by role and advice from failures belong to the generator.

    Args:
        cells: Most centroids.
        temperatures: Of the softmax, from the first to the last outcome of each of `cycles` cycles over the budget.

    References:
        LEVI; Vassiliades et al. 2018, Using Centroidal Voronoi Tessellations to Scale Up MAP-Elites.
    """

    name = "levi"

    def __init__(
        self,
        problem: Problem,
        *,
        seed: int,
        evaluations: int = 200,
        seeds: int = 4,
        variants: int = 20,
        cells: int = 50,
        leap_every: int = 10,
        leap_variants: int = 3,
        warm: float = 1.2,
        cold: float = 0.15,
        cycles: int = 4,
    ) -> None:
        super().__init__(problem, seed=seed)
        at_least(1, evaluations=evaluations, cells=cells, leap_every=leap_every, cycles=cycles)
        at_least(0, seeds=seeds, variants=variants, leap_variants=leap_variants)
        at_least(1e-9, warm=warm, cold=cold)
        self._measures = [measure for measure in problem.measures if measure.archive]
        self._evaluations = evaluations
        self._seeds, self._variants, self._most = seeds, variants, cells
        self._leap_every, self._leap_variants = leap_every, leap_variants
        self._heat = (warm, cold, cycles)
        self._start: list[Elite] = []
        self._founders: list[Elite] = []
        self._cells: list[_Cell] = []
        self._scale: list[tuple[float, float]] = []
        self._vary: deque[Elite] = deque()
        self._since_leap = 0

    @property
    def _starting(self) -> bool:
        return self._asked <= self._seeds * (1 + self._variants)

    def idle_within(self, evaluations: int) -> list[str]:
        start = self._seeds * (1 + self._variants)
        if start >= evaluations:
            return [
                f"seeds and variants make a start of {start} proposals: no cell is used in {evaluations} evaluations"
            ]
        return []

    def _choose(self, rng: Random) -> Ticket:
        if self._starting:
            return self._started()
        if not self._cells:
            self._found_cells()
        self._since_leap += 1
        if self._since_leap > self._leap_every:
            self._since_leap = 0
            shown = self._representatives()
            return self._ticket(shown[:1], shown[1:], hints=[_LEAP], route={"kind": "leap", "tactic": "leap"})
        if self._vary:
            return self._ticket([self._vary.popleft()], hints=[_VARY], route={"kind": "vary"})
        place = self._cell(rng)
        cell = self._cells[place]
        cell.asked += 1
        assert cell.elite is not None
        other = self._cells[self._cell(rng)].elite
        route: dict[str, Data] = {"kind": "cell", "cell": place}
        return self._ticket([cell.elite], [other] if other else [], route=route)

    def _learn(self, told: Told, elite: Elite | None) -> None:
        if elite is None:
            return
        kind, place = told.ticket.route.get("kind"), told.ticket.route.get("cell")
        if kind == "seed":
            self._founders.append(elite)
        if kind == "leap":
            self._vary.extend([elite] * self._leap_variants)
        if not self._cells:
            self._start.append(elite)
        elif self._enter(elite) and isinstance(place, int):
            self._cells[place].accepted += 1

    def _started(self) -> Ticket:
        """A ticket of the start: a seed unlike the others, or a variant of one of them."""
        if self._asked <= self._seeds:
            others = [*self._founders, *self._start[:1]]
            return self._ticket(others[-1:], others, hints=[_DIFFERENT], route={"kind": "seed", "tactic": "seed"})
        founders = self._founders or [self._ranking[0]]
        return self._ticket([founders[self._asked % len(founders)]], hints=[_VARY], route={"kind": "vary"})

    def _found_cells(self) -> None:
        """Cluster the programs of the start; from now on the scale of the features is fixed."""
        points = [self._features(elite) for elite in self._start]
        columns = list(zip(*points, strict=True))
        means = [sum(column) / len(column) for column in columns]
        self._scale = [
            (mean, math.sqrt(sum((value - mean) ** 2 for value in column) / len(column)) or 1.0)
            for mean, column in zip(means, columns, strict=True)
        ]
        rng = stream(self._seed, self.name, "cells")
        centroids = cluster([self._point(elite) for elite in self._start], self._most, rng)
        self._cells = [_Cell(centroid=centroid) for centroid in centroids]
        for elite in self._start:
            self._enter(elite)

    def _features(self, elite: Elite) -> Point:
        text = elite.candidate.program.text
        loops = [len(indent) for indent in _LOOPS.findall(text)]
        depth = (max(loops) - min(loops)) / 4 + 1 if loops else 0.0
        measures = elite.outcome.measures
        own = (float(len(loops)), float(len(_BRANCHES.findall(text))), float(len(_MATHS.findall(text))), depth)
        return (*own, *(measures.get(measure.name, measure.low) for measure in self._measures))

    def _point(self, elite: Elite) -> Point:
        """The features, standardised by the start and squashed into (0, 1)."""
        pairs = zip(self._features(elite), self._scale, strict=True)
        return tuple(0.5 * (1 + math.tanh((value - mean) / deviation / 2)) for value, (mean, deviation) in pairs)

    def _enter(self, elite: Elite) -> bool:
        point = self._point(elite)
        cell = min(self._cells, key=lambda one: math.dist(one.centroid, point))
        if cell.elite is not None and cell.elite.gain >= elite.gain:
            return False
        cell.elite = elite
        return True

    def _cell(self, rng: Random) -> int:
        taken = [place for place, cell in enumerate(self._cells) if cell.elite is not None]
        if self._asked % 2:
            total = math.log(1 + sum(cell.asked for cell in self._cells))

            def bound(place: int) -> float:
                cell = self._cells[place]
                return math.inf if not cell.asked else cell.accepted / cell.asked + math.sqrt(2 * total / cell.asked)

            return max(taken, key=bound)
        warm, cold, cycles = self._heat
        phase = self._asked / self._evaluations * cycles % 1
        elites = [cell.elite for cell in self._cells if cell.elite is not None]
        width, best = spread(elites), max(elite.gain for elite in elites)
        temperature = warm * (cold / warm) ** phase
        weights = [math.exp((elite.gain - best) / width / temperature) for elite in elites]
        return rng.choices(taken, weights)[0]

    def _representatives(self) -> list[Elite]:
        """The best program of each of three clusters of cells, best first."""
        taken = {cell.centroid: cell.elite for cell in self._cells if cell.elite is not None}
        rng = stream(self._seed, self.name, "leap", self._asked)
        centres = cluster(list(taken), 3, rng)
        groups: dict[Point, list[Elite]] = {}
        for centroid, elite in taken.items():
            groups.setdefault(min(centres, key=lambda one: math.dist(one, centroid)), []).append(elite)
        best = [max(group, key=lambda elite: elite.gain) for group in groups.values()]
        return sorted(best, key=lambda elite: -elite.gain)


def cluster(points: Sequence[Point], most: int, rng: Random) -> list[Point]:
    """At most `most` distinct centres of the points, by k-means from centres that are drawn far apart.

    References:
        Lloyd 1982, Least squares quantization in PCM; Arthur & Vassilvitskii 2007, k-means++.
    """
    distinct = list(dict.fromkeys(points))
    if len(distinct) <= most:
        return distinct
    centres = [rng.choice(distinct)]
    while len(centres) < most:
        weights = [min(math.dist(point, centre) for centre in centres) ** 2 for point in distinct]
        centres.append(rng.choices(distinct, weights)[0])
    for _ in range(_ROUNDS):
        groups: dict[Point, list[Point]] = {}
        for point in points:
            groups.setdefault(min(centres, key=lambda one: math.dist(one, point)), []).append(point)
        moved = [tuple(sum(axis) / len(group) for axis in zip(*group, strict=True)) for group in groups.values()]
        if moved == centres:
            break
        centres = moved
    return list(dict.fromkeys(centres))
