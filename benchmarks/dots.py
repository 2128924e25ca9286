"""A figure of what each rung of a ladder reaches: a dot for every instance, a bar for their mean."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

__all__ = ["draw"]

WIDTH, LEFT, RIGHT, TOP, ROW, FOOT = 820, 210, 40, 34, 30, 34  # in pixels


def draw(rows: Mapping[str, Sequence[float]], *, ticks: Mapping[float, str], title: str, note: str, digits: int) -> str:
    """The figure as SVG.

    Args:
        rows: Scores of the instances, by rung.
        ticks: Labels of the axis, by score from its left end to its right end; it may run backwards.
        title: What a reader who cannot see it is told.
        note: Stands above the dots.
        digits: Decimals of the means.
    """
    left, right = next(iter(ticks)), list(ticks)[-1]
    height = TOP + ROW * len(rows) + FOOT

    def x(score: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (score - left) / (right - left)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" '
        f'font-size="13" fill="#777" role="img" aria-label="{title}">',
        f'<text x="{LEFT}" y="16">{note}</text>',
    ]
    for tick, label in ticks.items():
        parts.append(f'<path d="M{x(tick):.1f} {TOP - 8}V{height - 26}" stroke="#777" stroke-opacity=".35"/>')
        parts.append(f'<text x="{x(tick):.1f}" y="{height - 8}" text-anchor="middle">{label}</text>')
    for place, (name, scores) in enumerate(rows.items()):
        y = TOP + ROW * (place + 0.5)
        mean = statistics.fmean(scores)
        parts.append(f'<text x="{LEFT - 64}" y="{y + 4:.1f}" text-anchor="end">{name}</text>')
        parts.append(f'<text x="{LEFT - 14}" y="{y + 4:.1f}" text-anchor="end">{mean:.{digits}f}</text>')
        parts.append(f'<path d="M{x(mean):.1f} {y - 9:.1f}v18" stroke="#d9480f" stroke-width="4"/>')
        parts += [f'<circle cx="{x(s):.1f}" cy="{y:.1f}" r="4" fill="#1c7ed6" fill-opacity=".6"/>' for s in scores]
    return "\n".join([*parts, "</svg>", ""])
