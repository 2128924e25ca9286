"""People are asked where a search stands still, and left alone where it does not."""

from __future__ import annotations

from pathlib import Path

from thekla.core.journal import Steered
from thekla.core.progress import Progress
from thekla.steering import Inbox, SteeringFolder


def progress(evaluations: int, best: float | None, *, phase: str = "search", replayed: bool = False) -> Progress:
    return Progress(
        run_id="toy-1",
        phase=phase,
        evaluations=evaluations,
        budget=100,
        proposals=evaluations,
        failures=0,
        duplicates=0,
        best=best,
        baseline=10.0,
        objective="latency",
        unit="s",
        elapsed_s=0.0,
        cost_usd=0.0,
        replayed=replayed,
    )


def watched(tmp_path: Path) -> tuple[Inbox, SteeringFolder, list[Progress]]:
    heard: list[Progress] = []
    folder = SteeringFolder(tmp_path / "toy-1.thekla")
    return Inbox(heard.append, folder, patience=10), folder, heard


def test_people_are_asked_once_the_patience_is_used_up_and_until_it_gets_better(tmp_path: Path) -> None:
    inbox, folder, heard = watched(tmp_path)
    for evaluations in range(1, 11):
        inbox(progress(evaluations, 10.0))
    assert not folder.path.exists()
    inbox(progress(11, 9.95))  # better by less than a hundredth
    assert "stood still for 10 evaluations" in folder.question
    assert "latency 9.95 s" in folder.question
    assert "thekla steer hint toy-1" in folder.question
    inbox(progress(12, 9.0))
    assert folder.question == ""
    assert not folder.path.exists()
    assert [one.still for one in heard] == [0] * 10 + [10, 0]


def test_the_question_is_renewed_after_another_patience(tmp_path: Path) -> None:
    inbox, folder, _ = watched(tmp_path)
    for evaluations in (1, 11, 12, 20):
        inbox(progress(evaluations, 10.0))
    assert "still for 10 evaluations" in folder.question
    inbox(progress(21, 10.0))
    assert "still for 20 evaluations" in folder.question


def test_what_people_have_written_stays_and_is_all_that_the_run_reads(tmp_path: Path) -> None:
    inbox, folder, _ = watched(tmp_path)
    inbox(progress(1, 10.0))
    inbox(progress(11, 10.0))
    assert folder.read(Steered(), lambda data: "") == Steered()
    folder.add_line("hints.md", "- sort first")
    inbox(progress(11, 10.0, phase="validation"))
    assert [path.name for path in folder.path.iterdir()] == ["hints.md"]


def test_nobody_is_asked_while_a_run_goes_through_what_it_has_recorded(tmp_path: Path) -> None:
    inbox, folder, _ = watched(tmp_path)
    inbox(progress(1, None, replayed=True))
    inbox(progress(2, 10.0, replayed=True))
    inbox(progress(30, 10.0, replayed=True))
    assert folder.question == ""
    inbox(progress(31, 10.0))
    assert "still for 29 evaluations" in folder.question
