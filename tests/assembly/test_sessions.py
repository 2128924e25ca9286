"""A run from its options to its end and back, and what others then see of it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from thekla.assembly import (
    Progress,
    RunOptions,
    describe,
    diff,
    evaluate,
    front,
    ladder,
    list_runs,
    problems,
    resume,
    run,
    view,
    write_report,
)
from thekla.assembly.stopping import StopRequest
from thekla.core.errors import ConfigError, StorageError
from thekla.core.evaluation import Failed, Scored
from thekla.storage import RunFile
from thekla.testing.toy import ToyPackage

OPTIONS = RunOptions(
    problem="toy", generator="constants", prompts="plain", evaluations=8, sandbox="trusted", workers=1, seed=2
)


@pytest.fixture(autouse=True)
def _ctrl_c_is_heard() -> Iterator[None]:
    """A shell starts what it puts into the background with SIGINT ignored; here it means what it means in front."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def chain(path: Path) -> str:
    with RunFile.open(path, read_only=True) as store:
        return list(store.events(store.run_id))[-1].chain


class Interrupting:
    """An observer that sends this process a signal when a phase begins."""

    def __init__(self, phase: str, number: signal.Signals = signal.SIGINT) -> None:
        self.seen: list[Progress] = []
        self._phase = phase
        self._number = number

    def __call__(self, progress: Progress) -> None:
        begins = progress.phase == self._phase and self._phase not in {seen.phase for seen in self.seen}
        self.seen.append(progress)
        if begins:
            os.kill(os.getpid(), self._number)


def test_a_run_that_is_stopped_in_any_phase_ends_as_if_it_had_not_been(runs: Path) -> None:
    whole = run(OPTIONS, runs=runs, observer=lambda progress: None)
    assert (whole.finished, whole.scored) == (True, True)
    for phase, number in (("search", signal.SIGINT), ("validation", signal.SIGTERM), ("holdout", signal.SIGINT)):
        interrupting = Interrupting(phase, number)
        with pytest.raises(KeyboardInterrupt):
            run(OPTIONS, runs=runs, observer=interrupting)
        again = resume(interrupting.seen[-1].run_id, runs=runs, workers=1, observer=lambda progress: None)
        assert chain(again.path) == chain(whole.path)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_run_whose_constants_are_tuned_is_resumed_as_if_it_had_not_stopped(runs: Path) -> None:
    options = OPTIONS.model_copy(update={"tune": True, "strategy": "thekla", "evaluations": 12})
    whole = run(options, runs=runs, observer=lambda progress: None)
    interrupting = Interrupting("search")
    with pytest.raises(KeyboardInterrupt):
        run(options, runs=runs, observer=interrupting)
    again = resume(interrupting.seen[-1].run_id, runs=runs, workers=1, observer=lambda progress: None)
    assert chain(again.path) == chain(whole.path)
    assert "tune" in {candidate.operator for candidate in view(whole.run_id, runs).candidates}


def test_a_run_under_constraints_ends_with_a_feasible_program(runs: Path) -> None:
    """The seed, at 1.0, violates the first; the second is on what is computed from the text."""
    limits = {"constraints": ("first<=0.8", "complexity<=100"), "order": "lexicographic"}
    options = OPTIONS.model_copy(update={**limits, "strategy": "thekla", "evaluations": 30})
    whole = run(options, runs=runs, observer=lambda progress: None)
    seen = view(whole.run_id, runs)
    assert [str(one) for one in seen.settings.constraints] == ["first at most 0.8", "complexity at most 100"]
    assert seen.best is not None
    assert isinstance(seen.best.outcome, Scored)
    assert seen.best.outcome.measures["first"] <= 0.8
    points = front(whole.run_id, runs).data
    assert points
    assert [point["scores"].keys() for point in points] == [{"score", "complexity"}] * len(points)  # type: ignore[union-attr]  # a mapping
    with pytest.raises(ConfigError, match="no 'speed' to constrain"):
        run(OPTIONS.model_copy(update={"constraints": ("speed>=1",)}), runs=runs, observer=lambda progress: None)


def test_a_signal_after_the_run_was_closed_comes_too_late(runs: Path) -> None:
    ended = run(OPTIONS, runs=runs, observer=Interrupting("closed", signal.SIGTERM))
    assert ended.finished
    assert [row.status for row in list_runs(runs)] == ["closed"]


def test_a_request_to_stop_is_heard_once_and_leaves_the_handlers_as_they_were() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with StopRequest():
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_signal_that_was_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with StopRequest():
            os.kill(os.getpid(), signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)


def test_only_a_closed_run_of_the_same_problem_starts_another(runs: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(OPTIONS, runs=runs, observer=Interrupting("search"))
    (row,) = list_runs(runs)
    assert row.status == "interrupted"
    with pytest.raises(ConfigError, match=f"thekla resume {row.run_id}"):
        run(OPTIONS.model_copy(update={"from_run": row.run_id}), runs=runs, observer=lambda progress: None)
    resume(row.run_id, runs=runs, workers=1, observer=lambda progress: None)
    with pytest.raises(ConfigError, match="of problem 'toy', not 'lakehouse'"):
        run(RunOptions(problem="lakehouse", from_run=row.run_id), runs=runs, observer=lambda progress: None)
    assert len(list_runs(runs)) == 1


def test_a_budget_that_the_seeds_alone_use_up_is_refused_before_the_start(runs: Path) -> None:
    first = run(OPTIONS, runs=runs, observer=lambda progress: None)
    with pytest.raises(ConfigError, match=r"the 1 seed programs of 'toy' are.*give at least --evaluations 2"):
        run(OPTIONS.model_copy(update={"evaluations": 1}), runs=runs, observer=lambda progress: None)
    least = OPTIONS.model_copy(update={"evaluations": 2})
    searched = view(run(least, runs=runs, observer=lambda progress: None).run_id, runs)
    assert [one.operator for one in searched.candidates] == ["seed", "constant"]
    with pytest.raises(ConfigError, match=r"1 seed programs .* and the \d+ programs of --from are"):
        run(least.model_copy(update={"from_run": first.run_id}), runs=runs, observer=lambda progress: None)
    assert len(list_runs(runs)) == 2


def test_a_run_is_not_resumed_by_another_evaluator(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(OPTIONS, runs=runs, observer=Interrupting("search"))
    (row,) = list_runs(runs)
    changed = ToyPackage()
    changed.evaluator_digest = "f" * 64
    monkeypatch.setattr("thekla.assembly.sessions.build_package", lambda reference: changed)
    with pytest.raises(ConfigError, match="scores of the two must not mix"):
        resume(row.run_id, runs=runs, workers=1, observer=lambda progress: None)


def test_a_run_can_be_read_listed_and_reported(runs: Path) -> None:
    ended = run(OPTIONS, runs=runs, observer=lambda progress: None)
    (runs / "letter.thekla").write_bytes(b"Dear Thekla, " * 1000)
    rows = {row.run_id: row for row in list_runs(runs)}
    assert rows[ended.run_id].status == "closed"
    assert rows[ended.run_id].evaluations == 8
    assert "not a run file" in rows["letter"].fault
    seen = view(ended.run_id, runs)
    assert seen.best_program is not None
    assert describe(ended.run_id, runs).headline
    assert diff(ended.run_id, "seed", "winner", runs).startswith("---")
    html, markdown = runs / "report.html", runs / "report.md"
    assert write_report(ended.run_id, runs, html=html, markdown=markdown) == [html, markdown]
    first = html.read_bytes(), markdown.read_bytes()
    write_report(ended.run_id, runs, html=html, markdown=markdown)
    assert (html.read_bytes(), markdown.read_bytes()) == first
    with pytest.raises(StorageError, match="cannot be written"):
        write_report(ended.run_id, runs, html=runs / "no" / "report.html", markdown=None)
    assert sorted(path.name for path in runs.iterdir() if path.suffix == ".part") == []


def test_the_gallery_shows_plug_ins_and_scores_without_a_run(tmp_path: Path) -> None:
    assert {"lakehouse", "toy"} <= {row.name for row in problems()}
    rows = {row.name: row for row in ladder("toy", sandbox="trusted", workers=1)}
    assert list(rows) == ["ones", "near", "optimum", "bound"]
    scores = [row.score for row in rows.values()]
    assert scores == sorted(score for score in scores if score is not None)
    program = tmp_path / "program.py"
    program.write_text("def answer():\n    return [0.5, 4.0, 10.0, 0.1, 2.0]\n")
    outcome = evaluate("toy", program, sandbox="trusted", workers=1)
    assert isinstance(outcome, Scored)
    assert outcome.scores["score"] == rows["near"].score
    program.write_text("def answer():\n    return [0.5]\n")
    assert isinstance(evaluate("toy", program, sandbox="trusted", workers=1), Failed)
    with pytest.raises(ConfigError, match="sealed"):
        ladder("toy", split="holdout", sandbox="trusted", workers=1)
    with pytest.raises(ConfigError, match="no split is called 'test'"):
        ladder("toy", split="test", sandbox="trusted", workers=1)
