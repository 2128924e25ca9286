"""The front as SVG: every scored program by its first two objectives, and the step line of those that none beats."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from thekla.analysis.front import FrontPoint, front_of, points_of
from thekla.analysis.reading import RunView
from thekla.analysis.report.curve import Axis
from thekla.core.problem import Objective
from thekla.core.visible import short_number, visible

__all__ = ["front_svg"]

_WIDTH, _HEIGHT = 760.0, 330.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 70.0, 24.0, 14.0, 44.0
_MOST_DOTS = 600


def front_svg(view: RunView) -> Markup:
    """The figure; empty for a run with one objective, or without a feasible program."""
    found = front_of(view)
    if len(view.settings.objectives) < 2 or not found:
        return Markup("")
    first, second = view.settings.objectives[:2]
    others = points_of(view)[-_MOST_DOTS:]
    shown = [*others, *found]
    x = Axis.over([_of(first, point) for point in shown], start=_LEFT, end=_WIDTH - _RIGHT)
    y = Axis.over([_of(second, point) for point in shown], start=_HEIGHT - _BOTTOM, end=_TOP)
    title = f"{first.name} against {second.name}: {len(found)} programs that none beats"
    parts = [
        Markup('<svg class="curve" viewBox="0 0 {:.0f} {:.0f}" role="img" aria-label="{}"><title>{}</title>').format(
            _WIDTH, _HEIGHT, visible(title), visible(title)
        ),
        *_axes(x, y, first, second),
        *(_dot(point, x, y, first, second, feasible=point.beyond == 0) for point in others),
        Markup('<path class="best" d="{}"/>').format(_steps(found, x, y, first, second)),
        *(_mark(point, x, y, first, second) for point in found),
        Markup("</svg>"),
    ]
    return Markup("").join(parts)


def _of(objective: Objective, point: FrontPoint) -> float:
    return point.outcome.scores[objective.name]


def _axes(x: Axis, y: Axis, first: Objective, second: Objective) -> list[Markup]:
    parts = [
        Markup(
            '<path class="grid" d="M{:.1f} {:.1f}H{:.1f}"/>'
            '<text class="tick" x="{:.1f}" y="{:.1f}" text-anchor="end">{}</text>'
        ).format(x.start, y.at(value), x.end, x.start - 6, y.at(value) + 4, short_number(value))
        for value in y.ticks()
    ]
    parts += [
        Markup('<text class="tick" x="{:.1f}" y="{:.1f}" text-anchor="middle">{}</text>').format(
            x.at(value), y.start + 16, short_number(value)
        )
        for value in x.ticks()
    ]
    parts.append(
        Markup('<text class="name" x="{:.1f}" y="{:.1f}" text-anchor="middle">{}</text>').format(
            (x.start + x.end) / 2, _HEIGHT - 6, visible(_label(first))
        )
    )
    parts.append(
        Markup('<text class="name" transform="translate(14 {:.1f}) rotate(-90)" text-anchor="middle">{}</text>').format(
            (y.start + y.end) / 2, visible(_label(second))
        )
    )
    return parts


def _label(objective: Objective) -> str:
    return (
        f"{objective.name}, {objective.unit} ({'lower' if objective.direction == 'minimize' else 'higher'} is better)"
    )


def _dot(point: FrontPoint, x: Axis, y: Axis, first: Objective, second: Objective, *, feasible: bool) -> Markup:
    at = x.at(_of(first, point)), y.at(_of(second, point))
    if feasible:
        return Markup('<circle class="dot" cx="{:.1f}" cy="{:.1f}" r="2.2"/>').format(*at)
    return Markup('<path class="rung" d="M{:.1f} {:.1f}l4 4m0 -4l-4 4"/>').format(at[0] - 2, at[1] - 2)


def _mark(point: FrontPoint, x: Axis, y: Axis, first: Objective, second: Objective) -> Markup:
    words = f"{point.candidate.id}: {short_number(_of(first, point))}, {short_number(_of(second, point))}"
    return Markup('<circle class="mark" cx="{:.1f}" cy="{:.1f}" r="4"><title>{}</title></circle>').format(
        x.at(_of(first, point)), y.at(_of(second, point)), visible(words)
    )


def _steps(found: Sequence[FrontPoint], x: Axis, y: Axis, first: Objective, second: Objective) -> str:
    """A step line through the points that are on the front of the first two objectives."""
    line: list[FrontPoint] = []
    for point in found:  # best on the first objective first
        if not line or second.gain(_of(second, point)) > second.gain(_of(second, line[-1])):
            line.append(point)
    places = [(x.at(_of(first, point)), y.at(_of(second, point))) for point in line]
    path = f"M{places[0][0]:.1f} {places[0][1]:.1f}"
    return path + "".join(f"H{at_x:.1f}V{at_y:.1f}" for at_x, at_y in places[1:])
