"""A MAP-Elites grid: the best candidate of each kind of behaviour."""

from __future__ import annotations

from collections.abc import Sequence

from thekla.core.evaluation import Scored
from thekla.core.problem import Measure
from thekla.search.elites import Elite

__all__ = ["Cell", "Grid"]

Cell = tuple[int, ...]


class Grid:
    """Cells over the problem's archive measures; each keeps its best elite.

    Ranges are the problem's own and fixed, so that a stored elite never changes its cell.

    Args:
        bins: Cells per measure.

    References:
        Mouret & Clune 2015, Illuminating search spaces by mapping elites.
    """

    def __init__(self, measures: Sequence[Measure], *, bins: int) -> None:
        self._measures = tuple(measures)
        self._bins = bins
        self._cells: dict[Cell, Elite] = {}

    def __len__(self) -> int:
        return len(self._cells)

    @property
    def elites(self) -> list[Elite]:
        """The elites in order of their cells."""
        return [self._cells[cell] for cell in sorted(self._cells)]

    def cell_of(self, outcome: Scored) -> Cell:
        """The cell for an outcome's measures; values outside a range count as its border, a missing one as low."""
        return tuple(self._bin(measure, outcome.measures.get(measure.name, measure.low)) for measure in self._measures)

    def add(self, elite: Elite) -> bool:
        """Enter `elite` if its cell is empty or its owner no better; an equal one replaces the owner (drift)."""
        cell = self.cell_of(elite.outcome)
        owner = self._cells.get(cell)
        if owner is not None and owner.gain > elite.gain:
            return False
        self._cells[cell] = elite
        return True

    def _bin(self, measure: Measure, value: float) -> int:
        share = (value - measure.low) / (measure.high - measure.low)
        return min(self._bins - 1, max(0, int(share * self._bins)))
