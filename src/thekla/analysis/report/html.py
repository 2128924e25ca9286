"""The report as one HTML file: no script, no other file, every foreign text escaped."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from thekla.analysis.diff import DiffLine, diff_lines
from thekla.analysis.front import front_table
from thekla.analysis.generalisation import gap_table
from thekla.analysis.ladder import Ladder, ladder
from thekla.analysis.reading import RunView
from thekla.analysis.report.curve import curve_svg
from thekla.analysis.report.front import front_svg
from thekla.analysis.report.heat import heat_maps
from thekla.analysis.tables import (
    ROLE_NAMES,
    interval_text,
    ladder_table,
    ledger_table,
    measures_table,
    models_table,
    operators_table,
    quarantine_table,
    screening_note,
)
from thekla.analysis.wording import SPLIT_NAMES, Findings, better_by, findings, rung_label
from thekla.core.constraints import written
from thekla.core.journal import Started
from thekla.core.program import Program
from thekla.core.visible import duration, number, visible

__all__ = ["Tile", "command_of", "facts_of", "render_html", "tiles"]


@dataclass(frozen=True, kw_only=True)
class Tile:
    """A figure that a reader should see first."""

    label: str
    value: str
    unit: str = ""
    note: str = ""


def render_html(view: RunView, *, run: str) -> str:
    """The report of the run called `run`, complete in one text."""
    steps = ladder(view)
    said = findings(view, steps)
    environment = Environment(
        loader=PackageLoader("thekla.analysis.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["visible"] = visible
    return environment.get_template("report.html.j2").render(
        run=run,
        view=view,
        settings=view.settings,
        steps=steps,
        said=said,
        tiles=tiles(view, steps, said),
        split_names=SPLIT_NAMES,
        role_names=ROLE_NAMES,
        rung_label=rung_label,
        number=number,
        interval_text=interval_text,
        ladder_note=ladder_table(view, steps).note,
        curve=curve_svg(view, steps),
        gap=gap_table(view),
        front=front_svg(view),
        front_table=front_table(view),
        heat_maps=heat_maps(steps, view.objective),
        diff=_diff(view),
        source=_source(view.best_program),
        quarantine=quarantine_table(view),
        failures=_failure_bars(view),
        screening=screening_note(view),
        measures=measures_table(view, steps),
        operators=operators_table(view),
        ledger=ledger_table(view),
        models=models_table(view),
        command=command_of(view),
        facts=facts_of(view, run=run),
        started=_date(view.started_at_s),
    )


def tiles(view: RunView, steps: Ladder, said: Findings) -> tuple[Tile, ...]:
    """The figures at the top: score, seed, evaluations, time, money."""
    found = []
    if said.split is not None and steps.best is not None:
        score = steps.best.standings[said.split].score
        seed = steps.of_role("seed")
        standing = seed.standings.get(said.split) if seed else None
        assert score is not None
        where = SPLIT_NAMES[said.split]
        found.append(Tile(label=f"{where}, found", value=number(score), unit=view.objective.unit))
        if standing is not None and standing.score is not None:
            note = "" if steps.best is seed else f"found: {better_by(view.objective, score, standing.score)}"
            found.append(
                Tile(label=f"{where}, seed", value=number(standing.score), unit=view.objective.unit, note=note)
            )
    ledger = view.ledger
    found.append(Tile(label="evaluations", value=f"{ledger.evaluations:,}", note=f"of {ledger.proposals:,} proposals"))
    money = f"${ledger.cost_usd:,.2f} for generator calls" if ledger.cost_usd else "no money spent"
    if ledger.unpriced_calls:
        money = f"{ledger.unpriced_calls:,} calls without a known price"
    found.append(Tile(label="time", value=duration(ledger.span_s), note=money))
    return tuple(found)


def command_of(view: RunView) -> str:
    """The command that repeats the run."""
    settings = view.settings
    words = ["thekla", "run", settings.problem.name]
    if not settings.problem.arguments:
        words += ["--suite", settings.problem.suite]
    words += [word for name, value in settings.problem.arguments.items() for word in (f"--{name}", str(value))]
    for part in ("preset", "strategy", "generator"):
        if part in settings.components:
            words += [f"--{part}", settings.components[part].name]
    words += _model_of(settings)
    if "tuning" in settings.components:
        words.append("--tune")
    if "novelty" in settings.components:
        words.append("--novelty")
    if settings.budget.evaluations is not None:
        words += ["--evaluations", str(settings.budget.evaluations)]
    if settings.budget.proposals is not None:
        words += ["--proposals", str(settings.budget.proposals)]
    if settings.budget.cost_usd is not None:
        words += ["--cost-usd", f"{settings.budget.cost_usd:g}"]
    if settings.budget.wall_s is not None:
        words += ["--wall-s", f"{settings.budget.wall_s:g}"]
    if settings.race is not None:
        words += ["--race", f"{settings.race.error:g}"]
    if settings.budget.cpu_s is not None:
        words += ["--cpu-s", f"{settings.budget.cpu_s:g}"]
    constrained = {constraint.name for constraint in settings.constraints}
    computed = [one.name for one in settings.objectives if one.source == "program"]
    if computed and (view.objective.tolerance > 0 or not constrained.issuperset(computed)):
        words += ["--readable", "--tolerance", f"{view.objective.tolerance:g}"]
    for constraint in settings.constraints:
        words += ["--constraint", written(constraint)]
    if settings.order != "first":
        words += ["--order", settings.order]
    words += ["--seed", str(settings.seed), "--in-flight", str(settings.in_flight)]
    if "ahead" in settings.components:
        words += ["--ahead", str(settings.components["ahead"].arguments["tickets"])]
    if settings.tier != "strict":
        words += ["--sandbox", settings.tier]
    if settings.imported_from:
        words += ["--from", settings.imported_from]
    return shlex.join(visible(word) for word in words)


def _model_of(settings: Started) -> list[str]:
    """The option that names a single language model; an ensemble needs its file of options."""
    generator = settings.components.get("generator")
    ensemble = generator.arguments.get("ensemble") if generator is not None else None
    if not isinstance(ensemble, list) or len(ensemble) != 1 or not isinstance(ensemble[0], Mapping):
        return []
    return ["--model", str(ensemble[0].get("model", ""))]


def facts_of(view: RunView, *, run: str) -> tuple[tuple[str, str], ...]:
    """What a reader needs to repeat and to recognise the run."""
    settings = view.settings
    instances = ", ".join(f"{len(members)} {split}" for split, members in settings.instances.items())
    if view.holdout is not None:
        instances += (
            f", {len(view.holdout.instances)} hold-out ({'fixed' if view.holdout.fixed else 'drawn at the end'})"
        )
    rows = [
        ("run", run),
        ("problem", f"{settings.problem.name} {settings.problem_version}, suite {settings.problem.suite}"),
        ("instances", instances),
        ("run seed", str(settings.seed)),
        ("tickets in flight", str(settings.in_flight)),
        ("sandbox tier", settings.tier),
        ("Thekla", settings.thekla),
        ("evaluator digest", settings.evaluator),
        ("chain head", view.chain),
        ("events", f"{view.events:,}"),
    ]
    if view.holdout is not None and not view.holdout.fixed:
        rows.insert(-2, ("hold-out key", view.holdout.key))
    for part, component in settings.components.items():
        arguments = json.dumps(component.arguments, ensure_ascii=False, sort_keys=True) if component.arguments else ""
        rows.append((part, f"{component.name} {component.version} {arguments}".strip()))
    best = view.best
    if best is not None and best.program is not None:
        rows.append(("program digest", best.program))
    return tuple((name, visible(value)) for name, value in rows)


def _diff(view: RunView) -> tuple[DiffLine, ...]:
    before, after = view.seed_program, view.best_program
    if before is None or after is None:
        return ()
    return diff_lines(before, after)


def _source(program: Program | None) -> tuple[tuple[str, tuple[str, ...]], ...]:
    if program is None:
        return ()
    return tuple((path, tuple(text.rstrip("\n").replace("\r\n", "\n").split("\n"))) for path, text in program.files)


def _failure_bars(view: RunView) -> tuple[tuple[str, str, int, Markup], ...]:
    most = max((row.count for row in view.failures), default=0)
    return tuple(
        (
            str(row.kind).replace("_", " "),
            row.stage,
            row.count,
            Markup("{:.1f}%").format(100 * row.count / most),
        )
        for row in view.failures
    )


def _date(at_s: float | None) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(at_s)) if at_s is not None else ""
