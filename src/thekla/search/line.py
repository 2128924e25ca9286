"""A line of descent: one program at a time is changed, and a child that is no worse takes its place."""

from __future__ import annotations

from collections import deque

from thekla.search.elites import Elite

__all__ = ["Line", "patience_within"]

_WORTHWHILE = 0.01  # relative improvement below which a line counts as standing still


def patience_within(evaluations: int) -> int:
    """Outcomes that a line may stand still for: 8 % of the budget of evaluations, between 16 and 60."""
    return min(60, max(16, round(0.08 * evaluations)))


class Line:
    """A hill climber with drift that knows when it stands still.

    Args:
        start: Where it begins.
        patience: Outcomes over which its best has to improve by 1 %.
    """

    def __init__(self, start: Elite, *, patience: int) -> None:
        self.head = start
        self.best = start
        self.members = {start.candidate.id}
        self._recent: deque[float] = deque([start.gain], maxlen=patience + 1)
        self._earlier: deque[Elite] = deque(maxlen=3)
        self._barren = 0

    @property
    def stalled(self) -> bool:
        """Whether the last outcomes, as many as its patience, brought next to nothing."""
        oldest = self._recent[0]
        full = len(self._recent) == self._recent.maxlen
        return full and self.best.gain - oldest <= _WORTHWHILE * abs(oldest)

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
        taken = elite is not None and elite.gain >= self.head.gain
        if elite is not None and taken:
            self._earlier.append(self.head)
            self.head = elite
            self.members.add(elite.candidate.id)
            if elite.gain > self.best.gain:
                self.best = elite
        if counts or taken:
            self._recent.append(self.best.gain)
        return taken
