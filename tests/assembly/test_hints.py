"""A run shows its problem's hints where it stands still, says so, and takes the same steps when it is resumed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from thekla.assembly import Progress, RunOptions, ask, describe, new_problem, reply_of, resume, run, tell
from thekla.assembly.build import build_package
from thekla.cli import main
from thekla.core.errors import ConfigError, ProblemError
from thekla.core.journal import Asked, Started, payload_of
from thekla.core.problem import ProblemRef
from thekla.core.run import HINTED
from thekla.search import Hinted
from thekla.storage import RunFile

pytestmark = pytest.mark.usefixtures("evaluated_here")

HINTS = ("vary one number at a time", "the third number is the largest")
OPTIONS = RunOptions(
    problem="toy",
    suite="hinted",
    generator="constants",
    strategy="greedy",
    prompts="plain",
    evaluations=30,
    sandbox="trusted",
    workers=1,
    in_flight=2,
    arguments={"hints": {"patience": 4}},
)
PROGRAM = "def answer():\n    return [1.0, 1.0, {}, 1.0, 1.0]\n"


def silent(progress: object) -> None:
    """Hears nothing."""


def begun(path: Path) -> tuple[Started, list[Asked], str]:
    """Settings, tickets and the end of the chain of a run."""
    with RunFile.open(path, read_only=True) as store:
        events = list(store.events(store.run_id))
    payloads = [payload_of(event) for event in events]
    assert isinstance(payloads[0], Started)
    return payloads[0], [one for one in payloads if isinstance(one, Asked)], events[-1].chain


def test_hints_are_off_at_first_and_go_on_one_by_one_in_the_journal(runs: Path) -> None:
    path = run(OPTIONS, runs=runs, observer=silent).path
    started, asked, _ = begun(path)
    assert started.components["hints"].arguments == {"patience": 4, "version": "7"}
    assert all(ticket.hints == HINTS[: len(ticket.hints)] for ticket in asked)
    counts = [len(ticket.hints) for ticket in asked]
    assert counts == sorted(counts)
    assert (counts[0], counts[-1]) == (0, 2)
    first = next(ticket.ticket for ticket in asked if ticket.hints)
    assert f"From ticket {first} on" in " ".join(describe(path.stem, runs).caveats)


def test_hints_can_be_left_off(runs: Path) -> None:
    path = run(OPTIONS.model_copy(update={"hints": False}), runs=runs, observer=silent).path
    started, asked, _ = begun(path)
    assert "hints" not in started.components
    assert not any(ticket.hints or HINTED in ticket.route for ticket in asked)
    assert "hints of the problem" not in " ".join(describe(path.stem, runs).caveats)


def test_a_resumed_run_switches_hints_on_where_it_did(runs: Path) -> None:
    class Stopped(Exception):
        """Ends a session in the middle."""

    seen: list[str] = []

    def stop(progress: Progress) -> None:
        seen.append(progress.run_id)
        if progress.evaluations == 20:
            raise Stopped

    *_, whole = begun(run(OPTIONS, runs=runs, observer=silent).path)
    with pytest.raises(Stopped):
        run(OPTIONS, runs=runs, observer=stop)
    *_, again = begun(resume(seen[-1], runs=runs, workers=1, observer=silent).path)
    assert again == whole


def test_under_constraints_too_the_patience_is_of_what_is_better(runs: Path) -> None:
    limits: dict[str, Any] = {"constraints": ("first<=0.8",), "tune": True}
    _, asked, _ = begun(run(OPTIONS.model_copy(update=limits), runs=runs, observer=silent).path)
    trials = [ticket for ticket in asked if ticket.operator == "tune"]
    others = [len(ticket.hints) for ticket in asked if ticket not in trials]
    assert not any(ticket.hints for ticket in trials)
    assert others == sorted(others)
    assert others[-1] > 0


def test_who_answers_from_outside_reads_the_hints_that_are_on(runs: Path) -> None:
    changes: dict[str, Any] = {"generator": "asktell", "prompts": "chat", "arguments": {"hints": {"patience": 2}}}
    name = run(OPTIONS.model_copy(update=changes), runs=runs, observer=silent).run_id
    handed: dict[str, Any] = {"runs": runs, "workers": 1, "observer": silent}
    texts = []
    for number in range(4):
        (offer,), _ = ask(name, n=1, by="me", lease_s=60, **handed)
        texts.append(offer.prompt.text)
        _, reply = reply_of({"program": PROGRAM.format(0.5 - number / 10)}, by="me")
        tell(name, offer.ticket.id, reply, **handed)
    assert HINTS[0] in texts[-1]
    assert HINTS[0] not in texts[0]
    assert HINTS[1] not in texts[0]


def test_wrong_patience_is_refused_before_the_start(runs: Path) -> None:
    wrong = OPTIONS.model_copy(update={"arguments": {"hints": {"patience": 0}}})
    with pytest.raises(ConfigError, match="patience"):
        run(wrong, runs=runs, observer=silent)
    assert not runs.exists()


def test_they_wait_twice_as_long_as_the_default_strategy_does(runs: Path) -> None:
    patient = OPTIONS.model_copy(update={"arguments": {}})
    started, _, _ = begun(run(patient, runs=runs, observer=silent).path)
    assert started.components["hints"].arguments["patience"] == 32
    assert started.components["hints"].version == Hinted.version


def test_a_problem_lists_its_hints_in_its_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "hinting"
    new_problem(folder, kind="answer")
    file = folder / "problem.toml"
    plain = file.read_text()
    file.write_text(f'{plain}\n[hints]\nversion = "2"\ntexts = ["longest first", "then mend"]\n')
    hints = build_package(ProblemRef(name=str(folder), suite="default")).problem.hints
    assert (hints.version, hints.texts) == ("2", ("longest first", "then mend"))
    other = tmp_path / "unversioned"
    new_problem(other, kind="answer")
    (other / "problem.toml").write_text(f'{(other / "problem.toml").read_text()}\n[hints]\ntexts = ["sort"]\n')
    with pytest.raises(ProblemError, match="hints without a version"):
        build_package(ProblemRef(name=str(other), suite="default")).problem  # noqa: B018  # it is read on demand
    assert main(["lint", str(other)]) != 0
    assert "hints without a version" in "".join(capsys.readouterr())
