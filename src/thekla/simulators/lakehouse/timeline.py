"""What a policy does, drawn: containers over time in the lanes of each pool, and the memory given out and used."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

from .lives import ContainerLife
from .occupancy import held_memory, lanes, last_tick
from .params import Params
from .results import RunResult
from .workload import PriorityClass

__all__ = ["Window", "timeline_svg"]

_WIDTH, _LEFT, _RIGHT = 1160.0, 74.0, 18.0
_TOP, _POOL_GAP, _HEADING, _BETWEEN, _BOTTOM = 8.0, 26.0, 20.0, 8.0, 26.0
_LANES_HEIGHT, _BAR, _LEAST_BAR = 340.0, 12.0, 2.0
_MEMORY_HEIGHT = 84.0
_COLUMNS = 534  # samples of memory: one per two units of width
_MOST_HINTS = 4_000  # containers that say what they are when pointed at; more would make the file heavy
_CLASSES = {
    PriorityClass.QUERY: ("query", "q"),
    PriorityClass.INTERACTIVE: ("interactive", "i"),
    PriorityClass.BATCH_PIPELINE: ("batch", "b"),
}
_LOST = ("OOM", "timeout")

_STYLE = """
.tl{--ink:#1c1c1a;--soft:#62625d;--line:#d9d8d2;--face:#fcfcfb;--query:#2a78d6;--interactive:#1baf7a;--batch:#d99a00;
--lost:#c62f2f;--given:#b9b8b0;--used:#4a4a46;background:var(--face);font:12px system-ui,sans-serif}
@media (prefers-color-scheme:dark){.tl{--ink:#f0efea;--soft:#a5a49d;--line:#3a3a37;--face:#191918;--query:#4a94ee;
--interactive:#27b883;--batch:#dca52c;--lost:#ff6b62;--given:#55554f;--used:#d2d1ca}}
.tl text{fill:var(--soft)}.tl .t{fill:var(--ink);font-weight:600}.tl .g{stroke:var(--line);stroke-width:1}
.tl .q{fill:var(--query)}.tl .i{fill:var(--interactive)}.tl .b{fill:var(--batch)}.tl .l{fill-opacity:.4}
.tl .s{fill-opacity:.18}.tl .x{fill:var(--lost)}.tl .mg{fill:var(--given);fill-opacity:.55}.tl .mu{fill:var(--used)}
.tl .mc{stroke:var(--ink);stroke-dasharray:4 3;stroke-width:1}
""".replace("\n", "")


@dataclass(frozen=True, kw_only=True)
class Window:
    """The part of a simulation that is drawn, in ticks: from `first`, up to and without `end`.

    Raises:
        ValueError: It is empty or begins before the start.
    """

    first: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.first < self.end:
            raise ValueError(f"the window is from tick {self.first} to {self.end}; give a start below its end")

    def x(self, tick: float) -> float:
        """Where a moment lies in the drawing."""
        share = (tick - self.first) / (self.end - self.first)
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * min(1.0, max(0.0, share))

    def shows(self, life: ContainerLife, max_ticks: int) -> bool:
        """Whether any part of a container's life lies in it."""
        return life.start < self.end and last_tick(life, max_ticks) >= self.first


def timeline_svg(result: RunResult, params: Params, *, window: Window | None = None) -> str:
    """The drawing as one SVG element that carries its own style, light and dark.

    A bar is a container: its colour is its class, a pale bar with a red end was killed, a faint end is a suspension.
    Below the lanes of a pool stand its memory given to containers (pale), what they used (dark) and its size (dashed).
    """
    window = window or Window(first=0, end=params.max_ticks)
    parts, top = [_legend(_TOP + 11)], _TOP + 24
    shown = [life for life in result.containers if window.shows(life, params.max_ticks)]
    for number in range(params.num_pools):
        lives = [life for life in shown if life.pool == number]
        panel, top = _pool(number, lives, params, window, top, hints=len(shown) <= _MOST_HINTS)
        parts.append(panel)
    height = top + _BOTTOM
    about = f"Containers over time in {params.num_pools} pools, and their memory"
    return (
        f'<svg class="tl" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH:.0f} {height:.0f}" role="img" '
        f'width="{_WIDTH:.0f}" height="{height:.0f}" '
        f'aria-label="{escape(about)}"><style>{_STYLE}</style>'
        f'<rect width="100%" height="100%" style="fill:var(--face)"/>'
        f"{_seconds_axis(window, params, top, height)}{''.join(parts)}</svg>"
    )


def _legend(y: float) -> str:
    entries = [(shape, name) for name, shape in _CLASSES.values()]
    parts, x = [], _LEFT
    for shape, name in entries:
        parts.append(f'<rect class="{shape}" x="{x:.0f}" y="{y - 9:.0f}" width="22" height="10"/>')
        parts.append(f'<text x="{x + 28:.0f}" y="{y:.0f}">{name}</text>')
        x += 110
    parts.append(
        f'<rect class="b l" x="{x:.0f}" y="{y - 9:.0f}" width="22" height="10"/>'
        f'<rect class="x" x="{x + 20:.0f}" y="{y - 9:.0f}" width="2" height="10"/>'
        f'<text x="{x + 28:.0f}" y="{y:.0f}">killed</text>'
        f'<rect class="b s" x="{x + 110:.0f}" y="{y - 9:.0f}" width="22" height="10"/>'
        f'<text x="{x + 138:.0f}" y="{y:.0f}">being suspended</text>'
        f'<rect class="mg" x="{x + 270:.0f}" y="{y - 9:.0f}" width="22" height="10"/>'
        f'<text x="{x + 298:.0f}" y="{y:.0f}">memory given</text>'
        f'<rect class="mu" x="{x + 410:.0f}" y="{y - 9:.0f}" width="22" height="10"/>'
        f'<text x="{x + 438:.0f}" y="{y:.0f}">memory used</text>'
    )
    return "".join(parts)


def _pool(
    number: int, lives: Sequence[ContainerLife], params: Params, window: Window, top: float, *, hints: bool
) -> tuple[str, float]:
    """A pool's lanes and memory from `top` on, and where they end."""
    placed = lanes(lives, params.max_ticks)
    count = max(placed, default=0) + 1
    bar = max(_LEAST_BAR, min(_BAR, _LANES_HEIGHT / count))
    lost = sum(life.end_kind in _LOST for life in lives)
    heading = f"Pool {number}: {len(lives):,} containers" + (f", {lost:,} killed" if lost else "")
    heading += f"; at most {count:,} at a time" if lives else ""
    parts = [f'<text class="t" x="{_LEFT:.0f}" y="{top + 14:.1f}">{heading}</text>']
    begin = top + _HEADING
    thick = bar - 1 if bar >= 4 else max(1.0, bar)  # a gap between bars, where there is room for one
    for life, lane in zip(lives, placed, strict=True):
        parts += _bars(life, begin + lane * bar, thick, params, window, hints=hints)
    end = begin + count * bar + _BETWEEN
    parts.append(_memory(lives, params, window, end))
    return "".join(parts), end + _MEMORY_HEIGHT + _POOL_GAP


def _bars(
    life: ContainerLife, y: float, height: float, params: Params, window: Window, *, hints: bool
) -> Iterator[str]:
    _, shape = _CLASSES[life.priority]
    worked = params.max_ticks - 1 if life.end is None else life.end
    x, right = window.x(life.start), window.x(worked + 1)
    lost = life.end_kind in _LOST
    width = max(0.6, right - x - (0.8 if right - x > 3 else 0.0))  # a gap to the next one, where there is room for one
    hint = f"<title>{escape(_hint(life, params))}</title>" if hints else ""
    yield (
        f'<rect class="{shape}{" l" if lost else ""}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" '
        f'height="{height:.1f}">{hint}</rect>'
    )
    freed = window.x(last_tick(life, params.max_ticks) + 1)
    if life.end_kind == "suspended" and freed > right:
        yield (
            f'<rect class="{shape} s" x="{right:.1f}" y="{y:.1f}" width="{freed - right:.1f}" height="{height:.1f}"/>'
        )
    if lost and window.first <= worked < window.end:
        mark = min(2.0, width / 2)
        yield f'<rect class="x" x="{x + width - mark:.1f}" y="{y:.1f}" width="{mark:.1f}" height="{height:.1f}"/>'


def _hint(life: ContainerLife, params: Params) -> str:
    name, _ = _CLASSES[life.priority]
    rate = params.ticks_per_second
    last = params.max_ticks if life.end is None else life.end + 1
    ran = ", ".join(f"{run.pipeline_id}/{run.operator}" for run in life.operators[:3])
    more = f" and {len(life.operators) - 3} more" if len(life.operators) > 3 else ""
    return (
        f"{life.id} ({name}): {ran}{more}\n{life.start / rate:g} s to {last / rate:g} s, {life.end_kind}\n"
        f"{life.cpu:g} CPUs, {life.ram_gb:g} GB"
    )


def _memory(lives: Iterable[ContainerLife], params: Params, window: Window, top: float) -> str:
    step = max(1, (window.end - window.first) // _COLUMNS)
    held = held_memory(lives, range(window.first, window.end, step), params.max_ticks)
    capacity = params.ram_gb_per_pool
    most = max([capacity, *(each.given_gb for each in held)])
    bottom = top + _MEMORY_HEIGHT

    def y(memory_gb: float) -> float:
        return bottom - _MEMORY_HEIGHT * memory_gb / most

    def area(shape: str, of: Sequence[float]) -> str:
        steps = [f"M{_LEFT:.1f} {bottom:.1f}"]
        for each, value in zip(held, of, strict=True):
            steps.append(f"H{window.x(each.tick):.1f}V{y(value):.1f}")
        return f'<path class="{shape}" d="{"".join(steps)}H{_WIDTH - _RIGHT:.1f}V{bottom:.1f}Z"/>'

    labels = "".join(
        f'<text x="{_LEFT - 8:.0f}" y="{y(value) + 4:.1f}" text-anchor="end">{value:g} GB</text>'
        for value in (0, capacity)
    )
    return (
        f"{area('mg', [each.given_gb for each in held])}{area('mu', [each.used_gb for each in held])}"
        f'<line class="mc" x1="{_LEFT:.1f}" x2="{_WIDTH - _RIGHT:.1f}" y1="{y(capacity):.1f}" y2="{y(capacity):.1f}"/>'
        f'<line class="g" x1="{_LEFT:.1f}" x2="{_WIDTH - _RIGHT:.1f}" y1="{bottom:.1f}" y2="{bottom:.1f}"/>{labels}'
    )


def _seconds_axis(window: Window, params: Params, bottom: float, height: float) -> str:
    first_s, end_s = window.first / params.ticks_per_second, window.end / params.ticks_per_second
    raw = (end_s - first_s) / 10
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw)
    parts, number = [], int(first_s / step)
    while (second := number * step) <= end_s + 1e-9:
        if second >= first_s:
            x = window.x(second * params.ticks_per_second)
            parts.append(
                f'<line class="g" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP + 22:.1f}" y2="{bottom - _POOL_GAP + 4:.1f}"/>'
                f'<text x="{x:.1f}" y="{height - 30:.1f}" text-anchor="middle">{second:g} s</text>'
            )
        number += 1
    return "".join(parts)
