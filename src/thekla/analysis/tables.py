"""Tables of a run as plain text, for the terminal, Markdown and HTML alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from thekla.analysis.ladder import Ladder, Rung, Standing
from thekla.analysis.price import price_of_improvement
from thekla.analysis.readability import readability
from thekla.analysis.reading import RunView
from thekla.analysis.statistics import Interval
from thekla.analysis.wording import SPLIT_NAMES, rung_label, with_unit
from thekla.core.problem import Split
from thekla.core.visible import duration, number, visible

__all__ = [
    "ROLE_NAMES",
    "Table",
    "failures_table",
    "interval_text",
    "ladder_table",
    "ledger_table",
    "measures_table",
    "models_table",
    "operators_table",
    "quarantine_table",
    "readability_table",
    "screening_note",
    "standing_text",
    "summary_table",
]

ROLE_NAMES: Mapping[str, str] = {
    "trivial": "no-op",
    "rule": "simple rule",
    "state_of_the_art": "state of the art",
    "oracle": "oracle (hidden truth)",
    "published": "published figure",
    "bound": "bound",
    "seed": "starting point",
    "winner": "found by this run",
    "leader": "best so far",
    "finalist": "finalist",
}


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of text under a title; columns after the first `left` are numbers and are set to the right."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    left: int = 1


def standing_text(standing: Standing | None) -> str:
    """A standing as one text: score and interval, `failed`, or a dash."""
    if standing is None:
        return "-"
    if standing.score is None:
        return "failed"
    if standing.interval is None:
        return number(standing.score)
    return f"{number(standing.score)} {interval_text(standing.interval)}"


def interval_text(interval: Interval) -> str:
    """An interval with one digit less than a score."""
    return f"[{number(interval.low, digits=4)}, {number(interval.high, digits=4)}]"


def ladder_table(view: RunView, steps: Ladder) -> Table:
    """Rungs by split, with intervals."""
    stated = any(rung.stated is not None for rung in steps.rungs)
    heads = [SPLIT_NAMES[split] for split in steps.splits]
    rows = [_ladder_row(rung, steps.splits, stated=stated) for rung in steps.rungs]
    better = "lower" if view.objective.direction == "minimize" else "higher"
    return Table(
        title="Ladder",
        columns=("policy", "role", *heads, *(("as published",) if stated else ())),
        rows=tuple(rows),
        note=f"{view.objective.name} in {view.objective.unit or 'no unit'}, {better} is better; "
        f"{view.objective.aggregate} over instances, with 95 % bootstrap intervals.",
        left=2,
    )


def _ladder_row(rung: Rung, splits: Iterable[Split], *, stated: bool) -> tuple[str, ...]:
    cells = [standing_text(rung.standings.get(split)) for split in splits]
    last = (number(rung.stated),) if stated else ()
    return (visible(rung_label(rung)), ROLE_NAMES.get(rung.role, rung.role), *cells, *last)


def measures_table(view: RunView, steps: Ladder) -> Table | None:
    """Further objectives and measures on the most telling split; None if there are none."""
    for split in (Split.HOLDOUT, Split.PUBLIC, Split.VALIDATION, Split.TRAIN):
        best = steps.best.standings.get(split) if steps.best else None
        if best is None or not best.measures:
            continue
        names = list(best.measures)
        units = {measure.name: measure.unit for measure in view.settings.measures}
        units |= {objective.name: objective.unit for objective in view.settings.objectives}
        rows = [
            (visible(rung_label(rung)), *(number(standing.measures.get(name)) for name in names))
            for rung in steps.rungs
            if (standing := rung.standings.get(split)) is not None and standing.measures
        ]
        heads = tuple(f"{name} ({units[name]})" if units.get(name) else name for name in names)
        note = f"Means over the {SPLIT_NAMES[split]} instances; measures are shown, not optimised."
        return Table(title="Measures", columns=("policy", *heads), rows=tuple(rows), note=note)
    return None


def failures_table(view: RunView) -> Table:
    """Failures by kind and stage."""
    rows = [(str(row.kind).replace("_", " "), row.stage, str(row.count), number(row.cpu_s)) for row in view.failures]
    return Table(
        title="Failures",
        columns=("kind", "stage", "candidates", "CPU s"),
        rows=tuple(rows),
        note=screening_note(view),
        left=2,
    )


def quarantine_table(view: RunView) -> Table:
    """Scores that are better than a proven bound: none of them was ranked."""
    rows = [
        (
            visible(fact.name),
            fact.stage,
            visible(breach.instance) or "(whole split)",
            breach.objective,
            number(breach.score),
            number(breach.bound),
        )
        for fact in view.quarantined
        for breach in fact.breaches
    ]
    return Table(
        title="Quarantine",
        columns=("program", "stage", "instance", "objective", "score", "bound"),
        rows=tuple(rows),
        note="Better than a proven bound cannot be: the program cheats, or the evaluator or the bound is wrong.",
        left=4,
    )


def screening_note(view: RunView) -> str:
    """What the checks before the simulator saved, in a sentence."""
    screening = view.screening
    found = f"{screening.rejected} programs and {screening.duplicates} duplicates"
    stopped = f"The checks stopped {found} before the train split"
    if screening.saved_cpu_s is None or screening.mean_cpu_s is None:
        return f"{stopped}."
    return (
        f"{stopped}. At {number(screening.mean_cpu_s, digits=3)} CPU s for an average counted evaluation that saved "
        f"{duration(screening.saved_cpu_s)} of CPU."
    )


def operators_table(view: RunView) -> Table:
    """What the generator's operators earned."""
    rows = [
        (
            visible(row.operator),
            str(row.told),
            f"{row.scored / row.told:.0%}".replace("%", " %"),
            str(row.improved),
            str(row.records),
            number(row.best),
        )
        for row in view.operators
    ]
    return Table(
        title="Operators",
        columns=(
            "operator",
            "tried",
            "scored",
            "better than parent",
            "new best",
            f"best ({view.objective.unit})" if view.objective.unit else "best",
        ),
        rows=tuple(rows),
        note="An operator earns credit by a child that beats its best parent, and by a new best of the run; a proposal "
        "that joins several counts for each.",
    )


def ledger_table(view: RunView) -> Table:
    """Money and time spent."""
    ledger = view.ledger
    cost = f"${ledger.cost_usd:,.4f}" if ledger.cost_usd or ledger.unpriced_calls else "none"
    if ledger.unpriced_calls:
        cost = f"at least {cost} ({ledger.unpriced_calls} calls without a known price)"
    rows = [
        ("proposals", f"{ledger.proposals:,}"),
        ("counted evaluations", f"{ledger.evaluations:,}"),
        ("duplicates, not evaluated again", f"{ledger.duplicates:,}"),
        ("first event to last, pauses included", duration(ledger.span_s)),
        ("CPU of the search's evaluations", duration(ledger.search_cpu_s)),
        ("CPU of judging finalists and ladder", duration(ledger.judging_cpu_s)),
        ("largest memory of a guest", f"{number(ledger.peak_memory_mb, digits=3)} MB"),
        ("cost of generator calls", cost),
    ]
    if ledger.unknown_usd:
        rows.append(("cost of calls without a whole answer", f"at most ${ledger.unknown_usd:,.4f}"))
    rows += price_rows(view)
    if ledger.input_tokens or ledger.output_tokens:
        rows.append(("tokens in, out", f"{ledger.input_tokens:,}, {ledger.output_tokens:,}"))
    return Table(title="Ledger", columns=("what", "spent"), rows=tuple(rows))


def price_rows(view: RunView) -> list[tuple[str, str]]:
    """What one percent of improvement over the seed on train cost, in money, evaluations and CPU."""
    price = price_of_improvement(view)
    if price is None:
        return []
    paid = "" if price.cost_usd is None else f"${price.cost_usd:,.4f}, "
    used = f"{number(price.evaluations, digits=2)} evaluations, {duration(price.cpu_s)} of CPU"
    return [("for one percent better than the seed (train)", f"{paid}{used}")]


def readability_table(view: RunView) -> Table:
    """How readable the best program is, beside the seed it began with."""
    rows = []
    for name, candidate in (("seed", view.seed), ("best", view.best)):
        program = view.programs.get(candidate.program) if candidate is not None and candidate.program else None
        found = readability(program) if program is not None else None
        if found is not None:
            rows.append(
                (
                    name,
                    str(found.lines),
                    str(found.functions),
                    str(found.longest_function),
                    str(found.deepest),
                    number(found.explained, digits=2),
                    str(found.bare_numbers),
                )
            )
    return Table(
        title="Readability",
        columns=("program", "lines", "functions", "longest", "deepest", "words per line", "bare numbers"),
        rows=tuple(rows),
        note="Lines of code; the longest function in lines, and blocks within blocks in the deepest; lines of comments "
        "and docstrings for each line of code; numbers without a name.",
    )


def summary_table(view: RunView, steps: Ladder) -> Table:
    """The run in a few lines."""
    settings = view.settings
    best = steps.best
    rows = [
        ("problem", f"{settings.problem.name}, suite {settings.problem.suite}, version {settings.problem_version}"),
        *((name, visible(str(value))) for name, value in settings.problem.arguments.items()),
        ("status", f"{view.status}{f' ({view.stop_reason})' if view.stop_reason else ''}"),
        ("sandbox", settings.tier),
        ("seed", str(settings.seed)),
        ("best", visible(rung_label(best)) if best else "none scored"),
        ("events", f"{view.events:,}"),
    ]
    if view.holdout is not None:
        how = "fixed" if view.holdout.fixed else "drawn then"
        rows.insert(-1, ("hold-out", f"opened at the end: {len(view.holdout.instances)} instances, {how}"))
    if view.curve:
        rows.insert(-1, ("best on train", with_unit(view.curve[-1].score, view.objective)))
    return Table(title="Run", columns=("what", "value"), rows=tuple(rows), left=2)


def models_table(view: RunView) -> Table:
    """What each language model was asked, what it cost, and how many of its answers held a program."""
    rows = []
    for calls in view.models:
        spent = calls.spending
        known = "no price known" if spent.cost_usd is None else f"${spent.cost_usd:,.4f}"
        rows.append(
            (
                visible(calls.who),
                f"{calls.answers:,}",
                f"{calls.programs / calls.answers:.0%}",
                f"{spent.calls:,}",
                f"{spent.input_tokens:,}",
                f"{spent.output_tokens:,}",
                f"{known} + at most ${spent.unknown_usd:,.4f}" if spent.unknown_usd else known,
                duration(spent.wall_s),
            )
        )
    return Table(
        title="Models",
        columns=("role and model", "answers", "programs", "requests", "tokens in", "tokens out", "cost", "waited"),
        rows=tuple(rows),
        note="An answer may take several requests: repetitions after faults, more room, a repair.",
    )
