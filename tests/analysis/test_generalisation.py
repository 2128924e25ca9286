"""The gap along a run compares what leaders gained on train with what is left of it on validation."""

from __future__ import annotations

import pytest

from thekla.analysis import describe, read_run
from thekla.analysis.generalisation import gap_along, gap_table
from thekla.analysis.ladder import ladder
from thekla.core.journal import Judged
from thekla.core.problem import Split
from thekla.core.program import Program
from thekla.testing.journals import JournalBuilder, scored, settings


def test_gain_kept_is_the_share_of_the_train_gain_that_validation_shows() -> None:
    journal = JournalBuilder()
    journal.state(settings())
    train = {"s0": 100.0, "t1": 80.0, "t2": 50.0, "t3": 40.0, "t4": 90.0}
    validation = {"s0": 200.0, "t1": 160.0, "t2": 150.0, "t3": 220.0}
    journal.seed(Program.from_text("pass\n"), scored({"a": train["s0"]}), ticket="s0")
    for name in ("t1", "t2", "t3", "t4"):
        journal.try_program(name, Program.from_text(f"pass  # {name}\n"), scored({"a": train[name]}), parents=["s0"])
    for name, score in validation.items():
        role = "seed" if name == "s0" else "finalist" if name == "t3" else "milestone"
        outcome = scored({"v": score})
        journal.state(Judged(name=name, role=role, split=Split.VALIDATION, program=None, outcome=outcome))
    view = read_run(journal.events, journal.blob)
    points = gap_along(view)
    assert [(point.candidate, point.evaluation) for point in points] == [("s0", 1), ("t1", 2), ("t2", 3), ("t3", 4)]
    assert points[0].kept is None
    assert [point.kept for point in points[1:]] == [pytest.approx(1.0), pytest.approx(0.5), pytest.approx(-1 / 6)]
    assert [row[-1] for row in gap_table(view).rows] == ["-", "100 %", "50 %", "-17 %"]
    assert {"s0", "t3"} <= {rung.name for rung in ladder(view).rungs}
    assert not {"t1", "t2"} & {rung.name for rung in ladder(view).rungs}, "a milestone is no rung"
    assert "Generalisation along the run" in {table.title for table in describe(view).tables}


def test_a_run_that_judged_nobody_has_no_gap() -> None:
    journal = JournalBuilder()
    journal.state(settings())
    journal.seed(Program.from_text("pass\n"), scored({"a": 1.0}), ticket="s0")
    assert gap_along(read_run(journal.events, journal.blob)) == ()
