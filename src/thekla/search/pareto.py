"""Several objectives: fronts of programs that no other beats on all, by NSGA-II and by MOEA/D."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from thekla.core.evaluation import Outcome, Scored
from thekla.core.preference import Gains, dominates
from thekla.core.problem import Problem
from thekla.core.program import Candidate
from thekla.core.run import Ticket, Told
from thekla.core.values import Data
from thekla.search.elites import Elite
from thekla.search.ranked import RankedStrategy
from thekla.search.settings import at_least

__all__ = ["Moead", "Nsga2", "crowding", "fronts"]


@dataclass(frozen=True, kw_only=True)
class _Member:
    """A program with a gain for each objective."""

    elite: Elite
    gains: Gains


def fronts(points: Sequence[Gains]) -> list[list[int]]:
    """The places of the points by front: those of a front are dominated by points of earlier fronts only.

    Costs O(n^2) comparisons.

    References:
        Deb et al. 2002, A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II.
    """
    below = [[other for other in range(len(points)) if dominates(one, points[other])] for one in points]
    above = [0] * len(points)
    for dominated in below:
        for place in dominated:
            above[place] += 1
    found: list[list[int]] = []
    current = [place for place, count in enumerate(above) if count == 0]
    while current:
        found.append(current)
        following = []
        for place in current:
            for other in below[place]:
                above[other] -= 1
                if above[other] == 0:
                    following.append(other)
        current = sorted(following)
    return found


def crowding(points: Sequence[Gains]) -> list[float]:
    """For each point of a front the sum over axes of the scaled gap between its neighbours; infinite at the ends."""
    distances = [0.0] * len(points)
    for axis in range(len(points[0]) if points else 0):
        order = sorted(range(len(points)), key=lambda place: points[place][axis])
        width = points[order[-1]][axis] - points[order[0]][axis]
        distances[order[0]] = distances[order[-1]] = math.inf
        for before, place, after in zip(order, order[1:], order[2:], strict=False):
            if width > 0:
                distances[place] += (points[after][axis] - points[before][axis]) / width
    return distances


class _Multi(RankedStrategy):
    """What both share: gains for every objective, and the front of all programs so far."""

    def __init__(self, problem: Problem, *, seed: int, most_front: int = 100) -> None:
        super().__init__(problem, seed=seed)
        self._objectives = problem.objectives
        self._most_front = most_front
        self._front: list[_Member] = []

    def front(self) -> Sequence[tuple[Candidate, Outcome]]:
        """The programs that none beats on all objectives, best on the first objective first; at most 100."""
        ordered = sorted(self._front, key=lambda member: tuple(-gain for gain in member.gains))
        return [(member.elite.candidate, member.elite.outcome) for member in ordered]

    def _member(self, elite: Elite) -> _Member | None:
        outcome: Scored = elite.outcome
        if any(one.name not in outcome.scores for one in self._objectives):
            return None
        return _Member(elite=elite, gains=tuple(one.gain(outcome.scores[one.name]) for one in self._objectives))

    def _note(self, member: _Member) -> None:
        if any(other.gains == member.gains or dominates(other.gains, member.gains) for other in self._front):
            return
        self._front = [other for other in self._front if not dominates(member.gains, other.gains)] + [member]
        if len(self._front) > self._most_front:
            gaps = crowding([other.gains for other in self._front])
            del self._front[gaps.index(min(gaps))]


class Nsga2(_Multi):
    """Non-dominated sorting and crowding: a population that spreads over the front, one child at a time.

    Parents are drawn by binary tournaments on front and crowding; each child joins, and the last of the last front
    leaves. With one objective this is a steady-state genetic algorithm with tournaments.

    Args:
        population: Programs that are kept.

    References:
        Deb et al. 2002, A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II; Durillo et al. 2009, On the
        Effect of the Steady-State Selection Scheme in Multi-Objective Genetic Algorithms.
    """

    name = "nsga2"

    def __init__(self, problem: Problem, *, seed: int, population: int = 20) -> None:
        super().__init__(problem, seed=seed)
        at_least(2, population=population)
        self._size = population
        self._population: list[tuple[_Member, tuple[int, float]]] = []

    def _choose(self, rng: Random) -> Ticket:
        if not self._population:
            return self._ticket([self._ranking[0]])
        parents = [self._winner(rng) for _ in range(2)]
        return self._ticket(parents[:1], parents[1:])

    def _learn(self, told: Told, elite: Elite | None) -> None:
        member = self._member(elite) if elite is not None else None
        if member is None:
            return
        self._note(member)
        programs = {other.elite.candidate.program.id for other, _ in self._population}
        if member.elite.candidate.program.id in programs:
            return
        self._population = self._sorted([*(other for other, _ in self._population), member])[: self._size]

    def _winner(self, rng: Random) -> Elite:
        drawn = rng.sample(self._population, min(2, len(self._population)))
        return min(drawn, key=lambda entry: entry[1])[0].elite

    @staticmethod
    def _sorted(members: Sequence[_Member]) -> list[tuple[_Member, tuple[int, float]]]:
        """The members with front and negated crowding, best first."""
        entries = []
        for rank, front in enumerate(fronts([member.gains for member in members])):
            gaps = crowding([members[place].gains for place in front])
            entries += [(members[place], (rank, -gap)) for place, gap in zip(front, gaps, strict=True)]
        return sorted(entries, key=lambda entry: entry[1])


class Moead(_Multi):
    """Decomposition: one program for each of many weightings of the objectives, by the Tchebycheff distance.

    A ticket works on one weighting and takes its second parent from a neighbour; a child replaces the programs of those
    neighbours to which it is closer to the ideal point. Objectives are scaled to the range seen. Weightings are drawn
    evenly for two objectives and uniformly at random for more; with one objective all are alike.

    Args:
        weightings: How many.
        neighbours: Of each, itself included.

    References:
        Zhang & Li 2007, MOEA/D: A Multiobjective Evolutionary Algorithm Based on Decomposition.
    """

    name = "moead"

    def __init__(self, problem: Problem, *, seed: int, weightings: int = 12, neighbours: int = 4) -> None:
        super().__init__(problem, seed=seed)
        at_least(2, weightings=weightings)
        at_least(1, neighbours=neighbours)
        self._weights = _weightings(len(problem.objectives), weightings, Random(seed))
        self._near = [_nearest(self._weights, one, neighbours) for one in self._weights]
        self._holders: list[_Member | None] = [None] * weightings
        self._range: list[tuple[float, float]] = []

    def _choose(self, rng: Random) -> Ticket:
        place = self._asked % len(self._weights)
        near = [member.elite for other in self._near[place] if (member := self._holders[other]) is not None]
        own = self._holders[place]
        parent = own.elite if own is not None else self._ranking[0]
        route: dict[str, Data] = {"weighting": place}
        return self._ticket([parent], [rng.choice(near)] if near else [], route=route)

    def _learn(self, told: Told, elite: Elite | None) -> None:
        member = self._member(elite) if elite is not None else None
        if member is None:
            return
        self._note(member)
        ranges = self._range or [(gain, gain) for gain in member.gains]
        self._range = [
            (min(low, gain), max(high, gain)) for (low, high), gain in zip(ranges, member.gains, strict=True)
        ]
        place = told.ticket.route.get("weighting")
        for other in self._near[place] if isinstance(place, int) else range(len(self._weights)):
            holder = self._holders[other]
            if holder is None or self._distance(member, other) <= self._distance(holder, other):
                self._holders[other] = member

    def _distance(self, member: _Member, place: int) -> float:
        """The largest weighted shortfall from the best of each objective."""
        parts = zip(self._weights[place], member.gains, self._range, strict=True)
        return max(weight * (high - gain) / ((high - low) or 1.0) for weight, gain, (low, high) in parts)


def _nearest(points: Sequence[Gains], to: Gains, count: int) -> list[int]:
    return sorted(range(len(points)), key=lambda place: math.dist(to, points[place]))[:count]


def _weightings(objectives: int, count: int, rng: Random) -> list[Gains]:
    if objectives == 1:
        return [(1.0,)] * count
    if objectives == 2:
        return [(max(1e-3, k / (count - 1)), max(1e-3, 1 - k / (count - 1))) for k in range(count)]
    drawn = [[-math.log(1 - rng.random()) for _ in range(objectives)] for _ in range(count)]
    return [tuple(max(1e-3, value / sum(values)) for value in values) for values in drawn]
