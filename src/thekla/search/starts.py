"""Where a second line of search may begin: at a program unlike those from which lines have led nowhere."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from random import Random

from thekla.core.problem import Objective
from thekla.search.distance import Behaviour, Outline, behaviour_of, jaccard, phrases
from thekla.search.elites import Elite, tournament

__all__ = ["Starts"]

_KINDS = 200  # latest behaviours of which a program is kept
_LOOKED_AT = 32  # of these, for each new line
_LEADERS = 32  # latest programs that led the search
_VISITED = 16  # latest programs that a new line has to differ from
_DIFFERS = 0.05  # distance from which on a program counts as another structure
_SIZE = 4  # of the tournament among good programs


class Starts:
    """Programs that lines may begin at, one of each behaviour, the latest of equals.

    A start differs from where lines have been in its pairs of tokens and in what it scores on some instance: the best
    programs of a search that stands still are most often its own variants, and some only say more often what is there.
    Turns alternate between two ways, and where one finds nothing the other is taken:

    * back to a program that led the search, drawn uniformly: what came after it may have been a wrong turn;
    * to a good one of those scored lately, by tournament, whoever was its parent.

    References:
        Ecoffet et al. 2021, First return, then explore.
    """

    def __init__(self, objective: Objective) -> None:
        self._objective = objective
        self._kinds: dict[Behaviour, Elite] = {}
        self._leaders: deque[Elite] = deque(maxlen=_LEADERS)
        self._visited: deque[Elite] = deque(maxlen=_VISITED)
        self._turn = 0

    def add(self, elite: Elite, *, leads: bool) -> None:
        """Take in a scored program, and whether it leads the search."""
        kind = behaviour_of(elite, self._objective)
        self._kinds.pop(kind, None)
        self._kinds[kind] = elite
        if len(self._kinds) > _KINDS:
            del self._kinds[next(iter(self._kinds))]
        if leads:
            self._leaders.append(elite)

    def visit(self, *elites: Elite) -> None:
        """Lines have been there; none is to begin there again."""
        self._visited.extend(elites)

    def draw(self, here: Elite, rng: Random) -> Elite | None:
        """A start unlike all visited programs and unlike `here`, None if none is found."""
        known = [*self._visited, here]
        kinds = {behaviour_of(elite, self._objective) for elite in known}
        outlines = [phrases(elite.candidate.program.text) for elite in known]

        def unlike(elites: Iterable[Elite]) -> list[Elite]:
            return [
                elite
                for elite in elites
                if behaviour_of(elite, self._objective) not in kinds and _is_far(elite, outlines)
            ]

        ways: Sequence[Callable[[], Elite | None]] = (
            lambda: _any(unlike(self._leaders), rng),
            lambda: _good(unlike(self._some(rng)), rng),
        )
        self._turn += 1
        first, second = ways if self._turn % 2 else reversed(ways)
        return first() or second()

    def _some(self, rng: Random) -> list[Elite]:
        elites = list(self._kinds.values())
        return rng.sample(elites, min(_LOOKED_AT, len(elites)))


def _is_far(elite: Elite, outlines: Sequence[Outline]) -> bool:
    text = phrases(elite.candidate.program.text)
    return all(jaccard(text, other) >= _DIFFERS for other in outlines)


def _any(elites: Sequence[Elite], rng: Random) -> Elite | None:
    return rng.choice(elites) if elites else None


def _good(elites: Sequence[Elite], rng: Random) -> Elite | None:
    return tournament(elites, size=_SIZE, rng=rng) if elites else None
