"""The medians of a summary as curves: one panel for each problem, as SVG that stands alone."""

from __future__ import annotations

from markupsafe import Markup

from thekla.analysis.report.curve import Axis
from thekla.core.visible import short_number, visible
from thekla.laboratory.summary import Standing, Summary

__all__ = ["summary_svg"]

_WIDTH, _PANEL, _TOP, _LEFT, _RIGHT, _GAP = 720.0, 240.0, 30.0, 56.0, 190.0, 46.0
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#8c564b")  # Okabe & Ito
_DASHES = ("", "6 3", "2 2")
_MOST_POINTS = 240


def summary_svg(summary: Summary) -> str:
    """Median best score by proposal; contenders in the order of their mean ranks."""
    order = list(summary.ranks)
    problems = list(dict.fromkeys(standing.problem for standing in summary.standings))
    height = len(problems) * (_PANEL + _GAP) + _TOP
    parts = [
        Markup(
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {:.0f} {:.0f}" font-family="sans-serif" '
            'font-size="11"><rect width="100%" height="100%" fill="#fff"/>'
        ).format(_WIDTH, height)
    ]
    for number, problem in enumerate(problems):
        standings = {one.contender: one for one in summary.standings if one.problem == problem}
        top = _TOP + number * (_PANEL + _GAP)
        parts.append(_panel(problem, [standings[name] for name in order], top, summary))
    return str(Markup("").join([*parts, Markup("</svg>\n")]))


def _panel(problem: str, standings: list[Standing], top: float, summary: Summary) -> Markup:
    x = Axis(low=0, high=summary.proposals, start=_LEFT, end=_WIDTH - _RIGHT)
    y = Axis.over([score for one in standings for score in one.curve], start=top + _PANEL, end=top)
    parts = [
        Markup('<text x="{:.1f}" y="{:.1f}" font-weight="bold">{}: median of {} seeds</text>').format(
            _LEFT, top - 8, visible(problem), summary.seeds
        )
    ]
    for value in y.ticks():
        parts.append(
            Markup(
                '<path d="M{:.1f} {:.1f}H{:.1f}" stroke="#ddd"/><text x="{:.1f}" y="{:.1f}" text-anchor="end">{}</text>'
            ).format(x.start, y.at(value), x.end, x.start - 6, y.at(value) + 4, short_number(value))
        )
    for value in x.ticks():
        parts.append(
            Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="middle">{}</text>').format(
                x.at(value), y.start + 15, short_number(value)
            )
        )
    for number, one in enumerate(standings):
        colour, dash = _COLOURS[number % len(_COLOURS)], _DASHES[number // len(_COLOURS) % len(_DASHES)]
        at = top + 8 + 15 * number
        parts.append(
            Markup(
                '<path d="{}" fill="none" stroke="{}" stroke-width="1.6" stroke-dasharray="{}"/>'
                '<path d="M{:.1f} {:.1f}h18" stroke="{}" stroke-width="2" stroke-dasharray="{}"/>'
                '<text x="{:.1f}" y="{:.1f}">{} {}</text>'
            ).format(
                _path(one.curve, x, y), colour, dash, x.end + 10, at - 4, colour, dash, x.end + 33, at,
                visible(one.contender), short_number(one.median),
            )
        )  # fmt: skip
    return Markup("").join(parts)


def _path(curve: tuple[float, ...], x: Axis, y: Axis) -> str:
    every = max(1, len(curve) // _MOST_POINTS)
    steps = [*range(0, len(curve), every), len(curve) - 1]
    return "M" + "L".join(f"{x.at(step):.1f} {y.at(curve[step]):.1f}" for step in steps)
