"""A simulation as a drawing, a page, or an event log."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from thekla.assembly.lakehouse.running import LakehouseRun, class_rows
from thekla.core.errors import ConfigError
from thekla.core.visible import visible
from thekla.simulators.lakehouse import Window, perfetto_trace, timeline_svg

__all__ = ["Pictures", "draw_timeline"]

_SUFFIXES = (".svg", ".html")


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """Where a timeline goes.

    Args:
        output: An SVG or HTML file, by its suffix.
        perfetto: The event log, as JSON.
        from_s, until_s: The part that is drawn, in seconds; to the end if `until_s` is None.

    Raises:
        ConfigError: No file is named, or its suffix is unknown.
    """

    output: Path | None
    perfetto: Path | None = None
    from_s: float = 0.0
    until_s: float | None = None

    def __post_init__(self) -> None:
        if self.output is None and self.perfetto is None:
            raise ConfigError("name a file to write: --output FILE.html, --output FILE.svg or --perfetto FILE.json")
        if self.output is not None and self.output.suffix not in _SUFFIXES:
            raise ConfigError(f"--output {self.output} is neither .svg nor .html; give it one of these endings")


def draw_timeline(done: LakehouseRun, pictures: Pictures) -> list[Path]:
    """Write what was asked for; returns the files.

    Raises:
        ConfigError: The window is empty.
    """
    written = []
    if pictures.output is not None:
        svg = timeline_svg(done.result, done.settings.params, window=_window(done, pictures))
        text = svg if pictures.output.suffix == ".svg" else _page(done, svg)
        pictures.output.write_text(text, encoding="utf-8")
        written.append(pictures.output)
    if pictures.perfetto is not None:
        log = perfetto_trace(done.result, done.trace, done.settings.params)
        pictures.perfetto.write_text(json.dumps(log, allow_nan=False, separators=(",", ":")), encoding="utf-8")
        written.append(pictures.perfetto)
    return written


def _window(done: LakehouseRun, pictures: Pictures) -> Window:
    params = done.settings.params
    first = int(pictures.from_s * params.ticks_per_second)
    end = params.max_ticks
    if pictures.until_s is not None:
        end = min(end, int(pictures.until_s * params.ticks_per_second))
    try:
        return Window(first=first, end=end)
    except ValueError as error:
        raise ConfigError(f"nothing is to be drawn from {pictures.from_s:g} s on: {error}") from error


def _page(done: LakehouseRun, svg: str) -> str:
    environment = Environment(
        loader=PackageLoader("thekla.assembly.lakehouse", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["visible"] = visible
    params, fault = done.settings.params, done.result.fault
    columns, rows = class_rows(done)
    return environment.get_template("timeline.html.j2").render(
        title=f"{done.scheduler} on {done.trace.name}",
        facts=(
            f"{params.duration:g} s at {params.ticks_per_second:,} ticks per second; pools: {params.num_pools} x "
            f"{params.cpus_per_pool:g} CPUs and {params.ram_gb_per_pool:g} GB; rules {done.compat}."
        ),
        fault=f"At {fault.tick / params.ticks_per_second:g} s, {fault.kind}: {fault.message}" if fault else "",
        columns=columns,
        rows=rows,
        hints="<title>" in svg,
        drawing=Markup(svg),  # made by ours, with every foreign text escaped
    )
