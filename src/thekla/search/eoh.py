"""EoH and ReEvo: a small population, and a cycle of operators that are told to the generator as hints."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from thekla.core.problem import Problem
from thekla.core.run import Ticket, Told
from thekla.search.elites import Elite
from thekla.search.ranked import RankedStrategy, planted
from thekla.search.settings import at_least, share

__all__ = ["EoH", "ReEvo"]


@dataclass(frozen=True, kw_only=True)
class _Operator:
    """What is asked of the generator, with how many parents; `leaps` says that another form is wanted."""

    parents: int
    hint: str
    leaps: bool = False


_OPERATORS: Mapping[str, _Operator] = {
    "e1": _Operator(parents=2, leaps=True, hint="Write a program whose form is totally different from those shown."),
    "e2": _Operator(parents=2, hint="Name the idea that the programs shown have in common, and give it a new form."),
    "m1": _Operator(parents=1, hint="Write a modified version of the program, with another structure of its steps."),
    "m2": _Operator(parents=1, hint="Keep the form of the program and choose its parameters anew."),
}


class _Population:
    """The best programs, each with another text and another score, best first."""

    def __init__(self, size: int) -> None:
        self._size = size
        self.members: list[Elite] = []

    def add(self, elite: Elite) -> None:
        if any(
            other.gain == elite.gain or other.candidate.program == elite.candidate.program for other in self.members
        ):
            return
        self.members = sorted([*self.members, elite], key=lambda other: -other.gain)[: self._size]

    def draw(self, count: int, rng: Random) -> list[Elite]:
        """Programs in proportion to 1 / (rank + size), each at most once."""
        left, drawn = list(enumerate(self.members)), list[Elite]()
        while left and len(drawn) < count:
            weights = [1 / (rank + 1 + self._size) for rank, _ in left]
            (place,) = rng.choices(range(len(left)), weights)
            drawn.append(left.pop(place)[1])
        return drawn


class EoH(RankedStrategy):
    """The operators E1, E2, M1, M2 in turn on parents drawn by rank; survivors are the best of all so far.

    The published algorithm collects a generation of offspring before it selects; here each outcome is selected at once,
    so that slow answers hold up nobody. A program of equal text or equal score counts as a duplicate, as published.

    Args:
        evaluations: The budget; it decides the population: 5 below 200, 10 below 1,000, 20 below 10,000, else 40.
        population: Programs that are kept; 0 leaves it to the budget.

    References:
        Liu et al. 2024, Evolution of Heuristics (ICML); sizes as in LLM4AD.
    """

    name = "eoh"

    def __init__(self, problem: Problem, *, seed: int, evaluations: int = 100, population: int = 0) -> None:
        super().__init__(problem, seed=seed)
        at_least(1, evaluations=evaluations)
        at_least(0, population=population)
        by_budget = next((size for below, size in ((200, 5), (1000, 10), (10_000, 20)) if evaluations < below), 40)
        self._population = _Population(population or by_budget)

    def _choose(self, rng: Random) -> Ticket:
        name = list(_OPERATORS)[(self._asked - 1) % len(_OPERATORS)]
        operator = _OPERATORS[name]
        parents = self._population.draw(operator.parents, rng)
        route = {"operator": name, "tactic": name} if operator.leaps else {"operator": name}
        return self._ticket(parents, hints=[operator.hint], route=route)

    def _learn(self, told: Told, elite: Elite | None) -> None:
        if elite is not None:
            self._population.add(elite)


_CROSS = "The first program scores better than the second: say why in a sentence, then write one that goes further."
_MUTATE = "Change the best program by what the comparisons have taught:"
_QUOTED = 120  # characters of a line


class ReEvo(RankedStrategy):
    """Crossover of two programs of unlike score under a short reflection, and mutation of the best under a long one.

    Reflections are asked for within the proposal, so that one call does what the published algorithm uses two for. The
    long one lists what the latest improvements put in and took out.

    Args:
        population: Programs that are kept.
        mutation: Tickets that mutate the best, as a share of those that cross.

    References:
        Ye et al. 2024, ReEvo: Large Language Models as Hyper-Heuristics with Reflective Evolution.
    """

    name = "reevo"
    version = "2"

    def __init__(self, problem: Problem, *, seed: int, population: int = 10, mutation: float = 0.5) -> None:
        super().__init__(problem, seed=seed)
        at_least(2, population=population)
        share(mutation=mutation)
        self._population = _Population(population)
        self._mutation = mutation
        self._learnt: deque[str] = deque(maxlen=5)

    def _choose(self, rng: Random) -> Ticket:
        if rng.random() < self._mutation / (1 + self._mutation):
            learnt = "\n".join(f"    {words}" for words in self._learnt) or "    nothing yet"
            return self._ticket([self._ranking[0]], hints=[f"{_MUTATE}\n{learnt}"], route={"operator": "mutate"})
        parents = sorted(self._population.draw(2, rng), key=lambda elite: -elite.gain)
        return self._ticket(parents, hints=[_CROSS], route={"operator": "cross"})

    def _learn(self, told: Told, elite: Elite | None) -> None:
        if elite is None:
            return
        parents: Sequence[Elite] = [one for one in self._population.members if one.candidate in told.ticket.parents]
        if not planted(told) and parents and elite.gain > max(one.gain for one in parents):
            self._learnt.append(_lesson(max(parents, key=lambda one: one.gain), elite))
        self._population.add(elite)


def _lesson(before: Elite, after: Elite) -> str:
    """In words, what an improvement changed first."""
    old, new = (one.candidate.program.text.splitlines() for one in (before, after))
    out, put = (
        next((line.strip()[:_QUOTED] for line in lines if line.strip() and line not in others), "nothing")
        for lines, others in ((old, new), (new, old))
    )
    return f"`{put}` in the place of `{out}` was better"
