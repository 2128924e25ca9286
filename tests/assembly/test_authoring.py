"""A new problem works as it is, is looked over, audited and searched by its path, and refused once it is broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from thekla import assembly
from thekla.assembly import KINDS, RunOptions, Severity
from thekla.assembly.auditing import AUDITS, require_fit
from thekla.assembly.build import build_package
from thekla.cli import main
from thekla.core.errors import ConfigError, ProblemError
from thekla.engine import Progress


def silent(progress: Progress) -> None:
    """Shows nothing."""


def made(folder: Path, kind: str = "answer") -> Path:
    assembly.new_problem(folder, kind=kind)
    return folder


def options(folder: Path) -> RunOptions:
    return RunOptions(problem=str(folder), evaluations=4, workers=1, in_flight=2)


def broken(folder: Path) -> Path:
    """The problem with a referee that gives a program which raises the score of the worst assignment."""
    evaluator = made(folder) / "evaluator.py"
    text = evaluator.read_text()
    asked = '    answer = guest.call("assign", list(jobs.sizes_s), jobs.machines)\n'
    careless = (
        '    try:\n        answer = guest.call("assign", list(jobs.sizes_s), jobs.machines)\n'
        "    except Exception:\n        answer = [0] * len(jobs.sizes_s)\n"
    )
    assert asked in text
    evaluator.write_text(text.replace(asked, careless))
    return folder


@pytest.mark.parametrize("kind", ["answer", pytest.param("policy", marks=pytest.mark.slow)])
def test_new_problem_is_named_after_its_folder_and_passes_the_quick_audit(kind: str, tmp_path: Path) -> None:
    folder = made(tmp_path / "my_problem", kind)
    report = assembly.audit(str(folder), budget_s=300.0, quick=True)
    assert report.problem == "my-problem"
    assert report.verdict == "fit"
    assert assembly.lint(str(folder)) == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_new_problem_passes_the_whole_audit_without_a_warning(kind: str, tmp_path: Path) -> None:
    report = assembly.audit(str(made(tmp_path / "whole", kind)), budget_s=600.0)
    assert [*report.of(Severity.FATAL), *report.of(Severity.WARNING)] == []
    assert report.verdict == "fit"


def test_folder_is_searched_by_its_path_and_its_verdict_is_kept(tmp_path: Path) -> None:
    folder, runs = made(tmp_path / "jobs"), tmp_path / "runs"
    ended = assembly.run(options(folder), runs=runs, observer=silent)
    assert ended.finished
    assert ended.run_id.startswith("jobs-")
    assert assembly.describe(ended.run_id, runs).data["problem"] == str(folder)
    (verdict,) = (runs / AUDITS).iterdir()
    written = verdict.stat().st_mtime_ns
    reference = options(folder).reference
    require_fit(build_package(reference), reference, tier="strict", cache=runs / AUDITS)
    assert [each.stat().st_mtime_ns for each in (runs / AUDITS).iterdir()] == [written]


def test_quick_audit_that_runs_out_of_time_says_so_and_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("thekla.assembly.auditing._QUICK_S", 0.0)
    reference = options(made(tmp_path / "slow")).reference
    require_fit(build_package(reference), reference, tier="strict", cache=tmp_path / AUDITS)
    assert "left out: seeds, twins" in caplog.text
    assert not (tmp_path / AUDITS).exists()


def test_broken_problem_is_not_searched_unless_told(tmp_path: Path) -> None:
    folder, runs = broken(tmp_path / "careless"), tmp_path / "runs"
    with pytest.raises(ProblemError, match=r"skipped_failures.*--unaudited"):
        assembly.run(options(folder), runs=runs, observer=silent)
    assert assembly.list_runs(runs) == []
    forced = options(folder).model_copy(update={"audited": False, "evaluations": 3})
    assert assembly.run(forced, runs=runs, observer=silent).finished


@pytest.mark.slow
def test_referee_whose_score_hangs_on_the_order_of_a_set_is_unfit(tmp_path: Path) -> None:
    evaluator = made(tmp_path / "unordered") / "evaluator.py"
    text = evaluator.read_text()
    score = "score=jobs.least_s / load_s[last],"
    assert score in text
    first = "next(iter({str(each) for each in range(1000)}))"
    evaluator.write_text(text.replace(score, f"score=jobs.least_s / load_s[last] - 1e-6 * float({first}),"))
    report = assembly.audit(str(evaluator.parent), budget_s=300.0, quick=True)
    assert [finding.fault for finding in report.of(Severity.FATAL)] == ["process_decides_score"]


def test_new_problem_overwrites_nothing_and_has_a_sensible_name(tmp_path: Path) -> None:
    folder = made(tmp_path / "once")
    with pytest.raises(ConfigError, match="exists"):
        assembly.new_problem(folder, kind="answer")
    with pytest.raises(ConfigError, match="no name"):
        assembly.new_problem(tmp_path / "Not A Name", kind="answer")
    with pytest.raises(ConfigError, match="policy"):
        assembly.new_problem(tmp_path / "other", kind="poem")


def test_lint_says_what_fails_and_what_is_missing(tmp_path: Path) -> None:
    folder = made(tmp_path / "lacking")
    (folder / "baselines/longest_first.py").write_text("def assign(sizes):\n    return []\n")
    (folder / "statement.md").write_text("Do it.\n")
    rows = assembly.lint(str(folder))
    assert [row.where for row in rows if row.certain] == ["rung longest-first"]
    assert any("incomplete_statement" in row.message for row in rows if not row.certain)


def test_lint_of_a_program_needs_its_problem_and_tells_by_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = made(tmp_path / "jobs")
    program = tmp_path / "mine.py"
    program.write_text("def assign(sizes):\n    return []\n")
    assert main(["lint", str(program)]) == 2
    assert "--problem" in capsys.readouterr().err
    assert main(["lint", str(program), "--problem", str(folder)]) == 1
    assert "must accept 2" in capsys.readouterr().out
    assert main(["lint", str(folder / "seeds/in_turn.py"), "--problem", str(folder)]) == 0


def test_folder_that_is_no_problem_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no __init__\.py"):
        assembly.audit(str(tmp_path), budget_s=10.0)
    (tmp_path / "__init__.py").write_text("import nothing_of_this_name\n")
    with pytest.raises(ConfigError, match="nothing_of_this_name"):
        assembly.audit(str(tmp_path), budget_s=10.0)
    (tmp_path / "__init__.py").write_text("built = 1\n")
    with pytest.raises(ConfigError, match="`build`"):
        assembly.audit(str(tmp_path), budget_s=10.0)
