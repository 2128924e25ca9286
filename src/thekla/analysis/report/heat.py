"""Heat maps: policies by instances, one map per split, a number in every cell."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from thekla.analysis.ladder import Ladder, Rung
from thekla.analysis.report.curve import LOG_SPAN
from thekla.analysis.wording import SPLIT_NAMES, rung_label
from thekla.core.problem import Objective, Split
from thekla.core.visible import number, short_number, visible

__all__ = ["SHADES", "HeatCell", "HeatMap", "heat_maps"]

SHADES = 9
_LONGEST_NAME = 8  # characters that a column of numbers leaves room for


@dataclass(frozen=True, kw_only=True)
class HeatCell:
    """A number and its shade, 0 (worst of the map) to `SHADES - 1` (best); None where there is no score."""

    text: str
    exact: str
    shade: int | None


@dataclass(frozen=True, kw_only=True)
class HeatMap:
    """Rows of cells under short instance names; `stem` is what was cut off them all.

    Args:
        names: Where the instances' names are long, the columns are numbered and these are the names; else empty.
    """

    split: str
    stem: str
    columns: tuple[str, ...]
    names: tuple[str, ...]
    rows: tuple[tuple[str, tuple[HeatCell, ...]], ...]


def heat_maps(steps: Ladder, objective: Objective) -> tuple[HeatMap, ...]:
    """A map per split on which scores by instance are known."""
    maps = (_heat_map(steps, split, objective) for split in steps.splits)
    return tuple(found for found in maps if found is not None)


def _heat_map(steps: Ladder, split: Split, objective: Objective) -> HeatMap | None:
    rungs = [rung for rung in steps.rungs if split in rung.standings and rung.role not in ("published", "bound")]
    instances = list(dict.fromkeys(name for rung in rungs for name in rung.standings[split].instances))
    if not instances:
        return None
    shade = _Shades([score for rung in rungs for score in rung.standings[split].instances.values()], objective)

    def cells(rung: Rung) -> Iterable[HeatCell]:
        for name in instances:
            score = rung.standings[split].instances.get(name)
            if score is None:
                yield HeatCell(text="-", exact=f"{name}: no score", shade=None)
            else:
                exact = f"{visible(name)}: {number(score)} {objective.unit}".strip()
                yield HeatCell(text=short_number(score), exact=exact, shade=shade(score))

    stem = _common_stem(instances)
    short = tuple(visible(name[len(stem) :]) for name in instances)
    numbered = max(map(len, short)) > _LONGEST_NAME
    return HeatMap(
        split=SPLIT_NAMES[split],
        stem=visible(stem),
        columns=tuple(str(place) for place in range(1, len(short) + 1)) if numbered else short,
        names=short if numbered else (),
        rows=tuple((visible(rung_label(rung)), tuple(cells(rung))) for rung in rungs),
    )


class _Shades:
    """Scores to shades, on a logarithmic scale if they span much."""

    def __init__(self, scores: Sequence[float], objective: Objective) -> None:
        low, high = min(scores), max(scores)
        self._log = low > 0 and high / low > LOG_SPAN
        self._low, self._high = self._scaled(low), self._scaled(high)
        self._up = objective.gain(1.0) > objective.gain(0.0)

    def _scaled(self, score: float) -> float:
        return math.log(score) if self._log else score

    def __call__(self, score: float) -> int:
        if self._low == self._high:
            return SHADES // 2
        share = (self._scaled(score) - self._low) / (self._high - self._low)
        return round((share if self._up else 1 - share) * (SHADES - 1))


def _common_stem(names: Sequence[str]) -> str:
    """What all names begin with, up to a separator or up to their numbers; empty for a single name."""
    if len(names) < 2:
        return ""
    first, last = min(names), max(names)
    size = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    while size and first[size - 1].isdigit():
        size -= 1
    return first[:size]
