"""A line of descent: one program at a time is changed, and a child that is no worse takes its place."""

from __future__ import annotations

from collections import deque

from thekla.search.distance import size_of
from thekla.search.elites import Elite

__all__ = ["Line", "patience_within"]

_DRY = 6  # times its patience, evaluations or not: with a mutator, seven of ten outcomes cost no evaluation
_WORTHWHILE = 0.01  # relative improvement below which a line counts as standing still


def patience_within(evaluations: int) -> int:
    """Outcomes that a line may stand still for: 8 % of the budget of evaluations, between 16 and 60."""
    return min(60, max(16, round(0.08 * evaluations)))


class Line:
    """A hill climber with drift that knows when it stands still.

    Args:
        start: Where it begins.
        patience: Outcomes over which its best has to improve by 1 %.
        frugal: Whether a child with an equal score has to be no longer than its parent. Drift that only adds lines
            leaves ever less of a program that an edit could improve.

    References:
        Luke & Panait 2002, Lexicographic Parsimony Pressure.
    """

    def __init__(self, start: Elite, *, patience: int, frugal: bool = False) -> None:
        self.start = start
        self.head = start
        self.best = start
        self.members = {start.candidate.id}
        self._recent: deque[float] = deque([start.gain], maxlen=patience + 1)
        self._earlier: deque[Elite] = deque(maxlen=3)
        self._barren = 0
        self._frugal = frugal
        self._patience = patience
        self._idle = self._fruitless = 0

    @property
    def stalled(self) -> bool:
        """Whether the last outcomes, as many as its patience, brought next to nothing."""
        oldest = self._recent[0]
        full = len(self._recent) == self._recent.maxlen
        return full and self.best.gain - oldest <= _WORTHWHILE * abs(oldest)

    @property
    def exhausted(self) -> bool:
        """Whether it stands still, or so many outcomes in a row changed nothing that no more are worth waiting for."""
        return self.stalled or self._fruitless >= _DRY * self._patience

    @property
    def idle(self) -> float:
        """Outcomes since its best last got better, in times of its patience."""
        return self._idle / self._patience

    @property
    def barren(self) -> int:
        """How many of its latest tickets in a row brought no new program."""
        return self._barren

    @property
    def earlier(self) -> list[Elite]:
        """The heads before this one, latest last."""
        return list(self._earlier)

    def offer(self, elite: Elite | None, *, new: bool, counts: bool = True) -> bool:
        """Take note of an outcome; returns whether it is the new head.

        Args:
            elite: The scored child, None if it has no score.
            new: Whether the answer was a program that had not been seen.
            counts: Whether the outcome uses up patience.
        """
        self._barren = 0 if new else self._barren + 1
        taken = elite is not None and self._accepts(elite)
        self._fruitless = 0 if taken else self._fruitless + 1
        self._idle += counts
        if elite is not None and taken:
            self._earlier.append(self.head)
            self.head = elite
            self.members.add(elite.candidate.id)
            if elite.gain > self.best.gain:
                self.best, self._idle = elite, 0
        if counts or taken:
            self._recent.append(self.best.gain)
        return taken

    def _accepts(self, elite: Elite) -> bool:
        if elite.gain != self.head.gain:
            return elite.gain > self.head.gain
        return not self._frugal or _size(elite) <= _size(self.head)


def _size(elite: Elite) -> int:
    return size_of(elite.candidate.program.text)
