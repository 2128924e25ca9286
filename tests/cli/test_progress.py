"""Progress tells how far a run is, quietly."""

import io
from typing import Any

from rich.console import Console

from thekla.assembly import Progress
from thekla.cli.progress import ProgressDisplay, progress_line, time_left_s


def progress(**changes: Any) -> Progress:
    facts: dict[str, Any] = {
        **{"run_id": "r", "phase": "search", "evaluations": 10, "budget": 40, "proposals": 20, "failures": 2},
        **{"duplicates": 0, "best": 5.0, "baseline": 9.0, "objective": "latency", "unit": "s"},
        **{"elapsed_s": 30.0, "cost_usd": 0.0},
    }
    return Progress(**{**facts, **changes})


def test_time_left_follows_the_pace() -> None:
    assert time_left_s(progress()) == 90.0
    assert time_left_s(progress(evaluations=0)) is None
    assert time_left_s(progress(budget=None)) is None
    assert time_left_s(progress(phase="validation")) is None
    assert time_left_s(progress(replayed=True)) is None


def test_line_says_evaluations_best_failures_cost_and_time() -> None:
    line = progress_line(progress(cost_usd=1.5, duplicates=4))
    assert line == (
        "10/40 evaluations, best 5 s (baseline 9 s), 2 failed, 4 duplicates, $1.50, 30 s, about 1 min 30 s left"
    )
    assert "nothing scored yet" in progress_line(progress(best=None))


def test_line_says_how_much_is_judged_while_a_run_closes() -> None:
    line = progress_line(progress(phase="holdout", judged=3, to_judge=8))
    assert line.startswith("holdout, 3/8 judged, 10 evaluations, ")
    assert progress_line(progress(phase="closed")).startswith("closed, 10 evaluations, ")


def test_without_a_terminal_lines_are_few() -> None:
    stream = io.StringIO()
    with ProgressDisplay(Console(file=stream, width=80)) as display:
        for second in range(100):
            display(progress(elapsed_s=float(second)))
        display(progress(elapsed_s=99.5, phase="validation"))
    assert len(stream.getvalue().splitlines()) == 11
    assert display.run_id == "r"


def test_terminal_display_fits_80_columns_and_leaves_nothing_behind() -> None:
    stream = io.StringIO()
    console = Console(file=stream, width=80, force_terminal=True, legacy_windows=False, color_system=None)
    with ProgressDisplay(console) as display:
        display(progress(unit="s" * 90, objective="o"))
    shown = [line for part in stream.getvalue().split("\x1b") for line in part.split("\n")]
    assert max(map(len, shown)) <= 90  # an escape's own letters included
