"""Commands for authors of problems: what they print, write and return."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from thekla.cli import main


@pytest.fixture
def folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    made = tmp_path / "jobs"
    assert main(["new", str(made)]) == 0
    assert f"thekla audit {made}" in capsys.readouterr().out
    return made


def test_audit_prints_json_writes_a_page_and_shows_its_progress(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "audit.html"
    assert main(["audit", str(folder), "--quick", "--json", "--html", str(page)]) == 0
    printed = capsys.readouterr()
    report = json.loads(printed.out)
    assert report["verdict"] == "fit"
    assert "seeds" in [check["check"] for check in report["checks"]]
    assert "1/" in printed.err
    assert "jobs, suite default" in page.read_text()


def test_audit_of_an_unfit_problem_names_fault_and_remedy_and_exits_with_1(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluator = folder / "evaluator.py"
    text = evaluator.read_text()
    evaluator.write_text(
        text.replace("score=jobs.least_s / load_s[last]", "score=jobs.least_s / load_s[last] * tick()")
    )
    with evaluator.open("a") as file:
        file.write("\n\ndef tick() -> float:\n    import random\n\n    return random.random()\n")
    assert main(["audit", str(folder), "--quick"]) == 1
    printed = capsys.readouterr().out
    assert "fatal: shared_random_stream" in printed
    assert "remedy: " in printed
    assert "unfit" in printed


def test_page_in_a_folder_that_does_not_exist_is_refused_before_the_audit(folder: Path) -> None:
    assert main(["audit", str(folder), "--html", str(folder / "nowhere/audit.html")]) == 2
