"""The best-so-far curve as SVG, drawn here so that a report needs no script and no other file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from thekla.analysis.ladder import Ladder
from thekla.analysis.reading import RunView
from thekla.analysis.wording import rung_label
from thekla.core.evaluation import Scored
from thekla.core.problem import Split
from thekla.core.visible import short_number, visible

__all__ = ["LOG_SPAN", "Axis", "curve_svg"]

LOG_SPAN = 20.0
"""From this ratio of the largest to the smallest value on, an axis is logarithmic."""

_WIDTH, _HEIGHT = 760.0, 330.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 58.0, 132.0, 14.0, 44.0
_MOST_DOTS = 600
_LABEL_GAP = 14.0


@dataclass(frozen=True, kw_only=True)
class Axis:
    """A scale from values to pixels; `start` is the pixel of `low`."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    @classmethod
    def over(cls, values: Sequence[float], *, start: float, end: float) -> Axis:
        """The axis that shows all of `values`, logarithmic if they span more than `LOG_SPAN` and are positive."""
        low, high = min(values), max(values)
        if low > 0 and high / low > LOG_SPAN:
            return cls(low=low / 1.15, high=high * 1.15, start=start, end=end, log=True)
        margin = (high - low) * 0.06 or abs(high) * 0.1 or 1.0
        return cls(low=low - margin, high=high + margin, start=start, end=end)

    def at(self, value: float) -> float:
        """The pixel of a value."""
        if self.log:
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def holds(self, value: float) -> bool:
        """Whether a value lies on the axis."""
        return self.low <= value <= self.high

    def ticks(self) -> tuple[float, ...]:
        """Round values on the axis, ascending."""
        return tuple(value for value in (self._log_ticks() if self.log else self._linear_ticks()) if self.holds(value))

    def _log_ticks(self) -> list[float]:
        powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        decades = math.log10(self.high / self.low)
        steps = (1, 2, 5) if decades < 2 else (1, 3) if decades < 3 else (1,)
        return [step * 10.0**power for power in powers for step in steps]

    def _linear_ticks(self) -> list[float]:
        raw = (self.high - self.low) / 5
        power = 10.0 ** math.floor(math.log10(raw))
        step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw)
        first = math.ceil(self.low / step)
        return [round(index * step, 12) for index in range(first, math.floor(self.high / step) + 1)]


def curve_svg(view: RunView, steps: Ladder) -> Markup:
    """Best score on train by counted evaluation, with every score as a dot and the ladder as lines."""
    if not view.curve:
        return Markup("")
    lines = _reference_lines(steps)
    values = [point.score for point in view.curve] + [score for _, _, score in lines]
    y = Axis.over(values, start=_HEIGHT - _BOTTOM, end=_TOP)
    last = max(view.ledger.evaluations, view.curve[-1].evaluation, 1)
    x = Axis(low=0, high=last, start=_LEFT, end=_WIDTH - _RIGHT)
    unit = view.objective.unit
    title = f"Best {view.objective.name} so far{f', in {unit}' if unit else ''}, by counted evaluation"
    parts = [
        Markup('<svg class="curve" viewBox="0 0 {:.0f} {:.0f}" role="img" aria-label="{}">').format(
            _WIDTH, _HEIGHT, title
        ),
        _grid(x, y, view),
        _dots(view, x, y),
        _references(lines, x, y, best=y.at(view.curve[-1].score)),
        _steps(view, x, y, last),
        Markup("</svg>"),
    ]
    return Markup("").join(parts)


def _reference_lines(steps: Ladder) -> list[tuple[str, str, float]]:
    found = []
    for rung in steps.rungs:
        standing = rung.standings.get(Split.TRAIN)
        if rung.name != steps.best_name and rung.role != "finalist" and standing and standing.score is not None:
            found.append((visible(rung_label(rung)), rung.role, standing.score))
    return found


def _grid(x: Axis, y: Axis, view: RunView) -> Markup:
    parts = []
    for value in y.ticks():
        parts.append(
            Markup(
                '<line class="grid" x1="{0:.1f}" x2="{1:.1f}" y1="{2:.1f}" y2="{2:.1f}"/>'
                '<text class="tick" x="{3:.1f}" y="{4:.1f}" text-anchor="end">{5}</text>'
            ).format(x.start, x.end, y.at(value), x.start - 8, y.at(value) + 4, short_number(value))
        )
    for value in x.ticks():
        if value == int(value):
            parts.append(
                Markup('<text class="tick" x="{:.1f}" y="{:.1f}" text-anchor="middle">{}</text>').format(
                    x.at(value), y.start + 18, short_number(value)
                )
            )
    scale = ", logarithmic" if y.log else ""
    better = "down" if view.objective.direction == "minimize" else "up"
    parts.append(
        Markup(
            '<line class="axis" x1="{0:.1f}" x2="{1:.1f}" y1="{2:.1f}" y2="{2:.1f}"/>'
            '<text class="name" x="{1:.1f}" y="{3:.1f}" text-anchor="end">counted evaluations</text>'
            '<text class="name" x="{0:.1f}" y="{3:.1f}">{4} is better{5}</text>'
        ).format(x.start, x.end, y.start, y.start + 36, better, scale)
    )
    return Markup("").join(parts)


def _dots(view: RunView, x: Axis, y: Axis) -> Markup:
    name = view.objective.name
    scores = [
        (candidate.evaluation, candidate.outcome.scores[name])
        for candidate in view.candidates
        if isinstance(candidate.outcome, Scored)
    ]
    shown = [(at, score) for at, score in scores if y.holds(score)]
    every = max(1, math.ceil(len(shown) / _MOST_DOTS))
    return Markup("").join(
        Markup('<circle class="dot" cx="{:.1f}" cy="{:.1f}" r="1.8"/>').format(x.at(at), y.at(score))
        for at, score in shown[::every]
    )


def _references(lines: Sequence[tuple[str, str, float]], x: Axis, y: Axis, *, best: float) -> Markup:
    """Lines of the ladder with labels at the right, pushed apart where they would overlap (and off the best's)."""
    placed: list[float] = []
    parts = []
    for label, role, score in sorted(lines, key=lambda line: y.at(line[2])):
        at = text_at = y.at(score)
        if abs(text_at - best) < _LABEL_GAP:
            text_at = best - _LABEL_GAP if at <= best else best + _LABEL_GAP
        if placed and text_at - placed[-1] < _LABEL_GAP:
            text_at = placed[-1] + _LABEL_GAP
            if abs(text_at - best) < _LABEL_GAP:
                text_at = best + _LABEL_GAP
        placed.append(text_at)
        kind = "bound" if role in ("bound", "oracle") else "rung"
        short = label if len(label) <= 18 else f"{label[:17]}…"
        parts.append(
            Markup(
                '<line class="{0}" x1="{1:.1f}" x2="{2:.1f}" y1="{3:.1f}" y2="{3:.1f}"/>'
                '<text class="label" x="{4:.1f}" y="{5:.1f}">{6}</text>'
            ).format(kind, x.start, x.end, at, x.end + 8, text_at + 4, short)
        )
    return Markup("").join(parts)


def _steps(view: RunView, x: Axis, y: Axis, last: int) -> Markup:
    path, marks = [], []
    for index, point in enumerate(view.curve):
        at_x, at_y = x.at(point.evaluation), y.at(point.score)
        path.append(f"M{at_x:.1f} {at_y:.1f}" if index == 0 else f"H{at_x:.1f}V{at_y:.1f}")
        marks.append(Markup('<circle class="mark" cx="{:.1f}" cy="{:.1f}" r="2.6"/>').format(at_x, at_y))
    path.append(f"H{x.at(last):.1f}")
    best = view.curve[-1].score
    return Markup(
        '<path class="best" d="{}"/>{}<text class="label strong" x="{:.1f}" y="{:.1f}">best: {}</text>'
    ).format("".join(path), Markup("").join(marks), x.end + 8, y.at(best) + 4, short_number(best))
