"""Commands say what the house found, on the right stream, with the right exit code."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from thekla import __version__, assembly
from thekla.analysis import RunView, diff_candidates, read_run
from thekla.analysis.description import describe
from thekla.analysis.diff import program_named
from thekla.analysis.front import list_front
from thekla.assembly import (
    DoctorReport,
    DoctorRow,
    DoctorSection,
    LadderRow,
    ProblemRow,
    Progress,
    RunOptions,
    RunResult,
    RunRow,
)
from thekla.cli import main
from thekla.core.errors import ConfigError, ProblemError, ProviderError, SandboxError, StorageError, TheklaError
from thekla.core.evaluation import Failed, FailureKind, Outcome
from thekla.testing.journals import JournalBuilder, example_journal, scored

ESCAPE = "\x1b[31m\u202e"
RUN = "queue-7"


@pytest.fixture(scope="module")
def journal() -> JournalBuilder:
    return example_journal(evaluations=30, winner_text=f"def schedule(pools, queue):\n    return []  # {ESCAPE}\n")


@pytest.fixture(scope="module")
def seen(journal: JournalBuilder) -> RunView:
    return read_run(journal.events, journal.blob)


def progress(**changes: Any) -> Progress:
    facts: dict[str, Any] = {
        **{"run_id": RUN, "phase": "search", "evaluations": 50, "budget": 200, "proposals": 80, "failures": 20},
        **{"duplicates": 3, "best": 90.6, "baseline": 12_999.7, "objective": "latency", "unit": "s"},
        **{"elapsed_s": 20.0, "cost_usd": 0.0},
    }
    return Progress(**{**facts, **changes})


@pytest.fixture(autouse=True)
def house(monkeypatch: pytest.MonkeyPatch, seen: RunView, journal: JournalBuilder) -> dict[str, Any]:
    """The assembly's functions over one made-up run; the arguments of the last call are kept under its name."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("THEKLA_SEED", raising=False)
    calls: dict[str, Any] = {}

    def search(observer: Callable[[Progress], None]) -> RunResult:
        observer(progress())
        observer(progress(phase="closed"))
        return RunResult(run_id=RUN, path=Path("queue-7.thekla"), finished=True, scored=True)

    def run(options: RunOptions, *, runs: Path | None, observer: Callable[[Progress], None]) -> RunResult:
        calls["run"] = (options, runs)
        return search(observer)

    def resume(name: str, *, runs: Path | None, workers: int, observer: Callable[[Progress], None]) -> RunResult:
        calls["resume"] = (name, runs, workers)
        return search(observer)

    def list_runs(runs: Path | None) -> list[RunRow]:
        calls["list"] = runs
        common: dict[str, Any] = {"path": Path("x"), "started_at": "2026-05-28T20:26:40Z", "size_bytes": 4096}
        found: dict[str, Any] = {"problem": "queue", "suite": "default", "objective": "latency", "unit": "s"}
        lost: dict[str, Any] = {"problem": "", "suite": "", "objective": "", "unit": "", "fault": "not a run file"}
        return [
            RunRow(run_id=RUN, status="closed", evaluations=30, best=60.1, **found, **common),
            RunRow(run_id=f"bad{ESCAPE}", status="unreadable", evaluations=0, best=None, **lost, **common),
        ]

    def ladder(
        problem: str, suite: str, split: str, *, sandbox: str, workers: int, arguments: Mapping[str, str]
    ) -> list[LadderRow]:
        calls["ladder"] = (problem, suite, split, sandbox, workers)
        calls["arguments"] = arguments
        names: dict[str, Any] = {"objective": "latency", "unit": "s"}
        return [
            LadderRow(name="idle", role="trivial", score=None, failed="invalid: ends nothing", **names),
            LadderRow(
                name="priority", role="rule", score=90.6276, low=70.0, high=120.0, instances={"t": 90.6}, **names
            ),
            LadderRow(name="exact-size", role="oracle", score=981.0, source="hidden truth", **names),
        ]

    def evaluate(
        problem: str, file: Path, suite: str, split: str, *, sandbox: str, workers: int, arguments: Mapping[str, str]
    ) -> Outcome:
        calls["evaluate"] = (problem, file, suite, split, sandbox, workers)
        calls["arguments"] = arguments
        if "misspelt" in file.read_text():
            return Failed(kind=FailureKind.SYNTAX, stage="check", message="invalid syntax")
        if "broken" in file.read_text():
            return Failed(kind=FailureKind.CRASH, stage="train", message=f"boom {ESCAPE}", traceback="line 1")
        return scored({"t1": 5.0, "t2": 7.0})

    def write_report(name: str, runs: Path | None, *, html: Path | None, markdown: Path | None) -> list[Path]:
        calls["report"] = (name, html, markdown)
        return [path for path in (html, markdown) if path] or [Path("queue-7.html")]

    rows = [DoctorRow(name="strict", value="holds", ok=True), DoctorRow(name="python", value="3.11")]
    report = DoctorReport(sections=[DoctorSection(title="Sandbox", rows=rows)], ok=True)
    problem = ProblemRow(
        name="queue", suites={"default": "all traces"}, objective="latency", unit="s", direction="minimize"
    )
    doubles: Mapping[str, Callable[..., Any]] = {
        "run": run,
        "resume": resume,
        "list_runs": list_runs,
        "ladder": ladder,
        "evaluate": evaluate,
        "write_report": write_report,
        "view": lambda name, runs: seen,
        "front": lambda name, runs: list_front(seen),
        "program": lambda name, candidate, runs: program_named(seen, candidate, journal.blob),
        "describe": lambda name, runs: calls.setdefault("described", name) and describe(seen),
        "diff": lambda name, a, b, runs: diff_candidates(seen, journal.blob, a, b),
        "doctor": lambda runs, models: report,
        "problems": lambda: [problem],
    }
    for name, double in doubles.items():
        monkeypatch.setattr(assembly, name, double)
    return calls


COMMANDS: list[list[str]] = [
    ["run", "queue"],
    ["resume", RUN],
    ["list"],
    ["show", RUN],
    ["best", RUN],
    ["best", RUN, "--front"],
    ["diff", RUN],
    ["report", RUN],
    ["problems"],
    ["ladder", "queue"],
    ["doctor"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_json_is_one_line_of_plain_ascii_on_stdout(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command, "--json"]) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert out.isascii()
    assert "\x1b" not in out
    assert json.loads(out)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_no_line_for_people_is_wider_than_the_terminal(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command) == 0
    prose = 200  # sentences are left to the terminal's own wrapping, so that they can be copied whole
    for line in capsys.readouterr().out.split("\n"):
        table = "  " in line.strip() or "─" in line
        assert len(line.rstrip()) <= (80 if table and command[0] not in ("best", "diff") else prose), line


@pytest.mark.parametrize("command", [["show", RUN], ["list"]], ids=["show", "list"])
def test_foreign_text_cannot_act_on_the_terminal(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    main(command)
    captured = capsys.readouterr()
    assert "\x1b" not in captured.out + captured.err
    assert "\u202e" not in captured.out + captured.err


def test_best_gives_a_pipe_the_exact_text(capsys: pytest.CaptureFixture[str], seen: RunView) -> None:
    assert main(["best", RUN]) == 0
    assert seen.best_program is not None
    assert capsys.readouterr().out == seen.best_program.text


def test_any_program_of_the_front_can_be_printed(capsys: pytest.CaptureFixture[str], seen: RunView) -> None:
    assert main(["best", RUN, "--front", "--json"]) == 0
    (point,) = json.loads(capsys.readouterr().out)["front"]
    assert main(["best", RUN, "--candidate", point["candidate"]]) == 0
    assert capsys.readouterr().out.startswith("def schedule")


def test_progress_goes_to_stderr_only(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "queue"]) == 0
    captured = capsys.readouterr()
    assert "50/200 evaluations, best 90.6 s (baseline 12,999.7 s), 20 failed" in captured.err
    assert "about 1 min 00 s left" in captured.err
    assert "evaluations, best" not in captured.out
    assert f"thekla report {RUN}" in captured.out


def test_options_reach_the_run(house: dict[str, Any], tmp_path: Path) -> None:
    config = tmp_path / "options.toml"
    config.write_text('problem = "queue"\nseed = 3\nstrategy = "greedy"\n')
    arguments = ["run", "--config", str(config), "--seed", "9", "--evaluations", "12", "--from", "old-run"]
    arguments += ["--constraint", "misses<=0.1", "--constraint", "load>=2", "--order", "lexicographic"]
    assert main([*arguments, "--in-flight", "4", "--wall-s", "5", "--runs", str(tmp_path)]) == 0
    options, runs = house["run"]
    assert (options.problem, options.seed, options.strategy) == ("queue", 9, "greedy")
    assert (options.evaluations, options.in_flight, options.wall_s, options.from_run) == (12, 4, 5.0, "old-run")
    assert (options.constraints, options.order) == (("misses<=0.1", "load>=2"), "lexicographic")
    assert runs == tmp_path


@pytest.mark.parametrize("command", [["ladder", "queue"], ["evaluate", "queue", "p.py"], ["run", "queue"]])
def test_own_traces_travel_as_arguments_of_the_problem_with_absolute_paths(
    command: list[str], house: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("p.py").write_text("pass\n")
    assert main([*command, "--traces", "mine", "--objective", "p99_query", "--params", "cluster.toml"]) == 0
    found = house["run"][0].reference.arguments if command[0] == "run" else house["arguments"]
    expected = {"traces": str(tmp_path / "mine"), "objective": "p99_query", "params": str(tmp_path / "cluster.toml")}
    assert found == expected


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run"], "name a problem"),
        (["run", "queue", "--sandbox", "none"], "strict or trusted"),
        (["ladder", "queue", "--split", "holdout"], "hold-out"),
        (["ladder", "queue", "--split", "hold-out"], "hold-out"),
        (["ladder", "queue", "--split", "tests"], "unknown"),
        (["evaluate", "queue", "/dev/null", "--split", "holdout"], "hold-out"),
        (["evaluate", "queue", "no-such-file.py"], "is no file"),
        (["report", RUN, "--html", "no/such/folder/x.html"], "does not exist"),
        (["run", "queue", "--evaluations", "0"], "evaluations"),
        (["run", "queue", "--colour", "red"], "--colour"),
        (["dance"], "dance"),
    ],
)
def test_bad_input_is_one_message_and_exit_code_2(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str], house: dict[str, Any]
) -> None:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err
    assert "Traceback" not in captured.err
    assert not {"run", "ladder", "evaluate", "report"} & set(house)


def test_unknown_option_of_a_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "options.toml"
    config.write_text('problem = "queue"\nsede = 3\n')
    assert main(["run", "--config", str(config)]) == 2
    assert "sede" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("no problem is called 'x'"), 2),
        (ProblemError("broken folder"), 2),
        (StorageError("truncated file"), 2),
        (PermissionError(13, "Permission denied", "/runs"), 2),
        (SandboxError("no Landlock; try thekla doctor"), 3),
        (ProviderError("no answer"), 1),
        (TheklaError("something else"), 1),
        (RuntimeError("a bug"), 1),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_errors_have_their_exit_codes_and_no_traceback(
    error: Exception, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(assembly, "run", fails)
    assert main(["run", "queue"]) == code
    said = capsys.readouterr().err
    assert said.startswith("thekla: error: ")
    assert said.count("\n") == 1
    assert main(["--debug", "run", "queue"]) == code
    assert "Traceback" in capsys.readouterr().err


def test_interrupt_says_how_to_resume(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def stopped(options: RunOptions, *, runs: Path | None, observer: Callable[[Progress], None]) -> RunResult:
        observer(progress())
        raise KeyboardInterrupt

    monkeypatch.setattr(assembly, "run", stopped)
    assert main(["run", "queue", "--runs", str(tmp_path)]) == 130
    assert f"thekla resume {RUN} --runs {tmp_path}" in capsys.readouterr().err.replace("\n", " ")


def test_a_run_is_called_by_the_name_of_its_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], house: dict[str, Any]
) -> None:
    result = RunResult(run_id=RUN, path=Path("backup/copied.thekla"), finished=True, scored=True)
    monkeypatch.setattr(assembly, "resume", lambda name, *, runs, workers, observer: result)
    assert main(["resume", "copied", "--runs", "backup"]) == 0
    assert house["described"] == "backup/copied.thekla"
    assert "thekla show copied --runs backup" in capsys.readouterr().out


def test_run_without_a_score_ends_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    result = RunResult(run_id=RUN, path=Path("x"), finished=True, scored=False)
    monkeypatch.setattr(assembly, "run", lambda options, *, runs, observer: result)
    assert main(["run", "queue"]) == 1


def test_evaluation_of_a_file_prints_scores_or_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = tmp_path / "good.py", tmp_path / "bad.py"
    good.write_text("fine")
    bad.write_text("broken")
    assert main(["evaluate", "queue", str(good)]) == 0
    assert "latency" in capsys.readouterr().out
    assert main(["evaluate", "queue", str(good), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["scores"] == {"latency": 6.0}
    assert main(["evaluate", "queue", str(bad)]) == 1
    captured = capsys.readouterr()
    assert "failed (crash in train): boom" in captured.out
    assert "\x1b" not in captured.out + captured.err
    assert main(["evaluate", "queue", str(bad), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["failed"]["kind"] == "crash"
    bad.write_text("misspelt")
    assert main(["evaluate", "queue", str(bad)]) == 2
    assert "syntax in check" in capsys.readouterr().out


def test_no_text_of_a_program_passes_for_a_line_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    forged = "no\nthekla: closed, 99 % better\n\x1b[2J<script>"
    failed = Failed(kind=FailureKind.CRASH, stage="train", message=forged, traceback=forged)
    monkeypatch.setattr(assembly, "evaluate", lambda *_, **__: failed)
    program = tmp_path / "program.py"
    program.write_text("")
    assert main(["evaluate", "queue", str(program)]) == 1
    captured = capsys.readouterr()
    assert [line for line in captured.out.splitlines() if not line.startswith("  ")] == ["failed (crash in train): no"]
    assert all(line.startswith("  ") for line in captured.err.splitlines())


@pytest.mark.parametrize(
    ("command", "tier", "risk"),
    [
        (["evaluate", "queue", "PROGRAM", "--json"], "trusted", "without a sandbox"),
        (["run", "queue"], "trusted", "without a sandbox"),
        (["ladder", "queue"], "process", "may read"),
        (["ladder", "queue"], "strict", ""),
    ],
)
def test_the_risk_of_a_tier_is_said_by_every_command_that_runs_programs(
    command: list[str], tier: str, risk: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "good.py"
    program.write_text("fine")
    assert main([str(program) if word == "PROGRAM" else word for word in [*command, "--sandbox", tier]]) == 0
    warned = [line for line in capsys.readouterr().err.splitlines() if line.startswith("Warning: programs")]
    assert len(warned) == bool(risk)
    assert all(risk in line for line in warned)


def test_ladder_marks_oracles_and_gives_the_reason_of_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ladder", "queue"]) == 0
    out = capsys.readouterr().out
    assert "oracle (hidden truth)" in out
    assert "latency (s)" in out
    assert "idle: invalid: ends nothing" in out


@pytest.mark.parametrize(("holds", "code"), [(True, 1), (False, 3)])
def test_doctor_ends_with_a_code_that_says_what_is_wrong(
    holds: bool, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows: Sequence[DoctorRow] = [DoctorRow(name="numpy", value="not installed", ok=False)]
    report = DoctorReport(sections=[DoctorSection(title="Installation", rows=rows)], ok=holds)
    monkeypatch.setattr(assembly, "doctor", lambda runs, models: report)
    assert main(["doctor"]) == code


def test_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"thekla {__version__}\n"


@pytest.mark.parametrize("command", ["run", "resume", "list", "best", "evaluate", "demo", "doctor"])
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    assert "Usage: thekla" in capsys.readouterr().out


def test_an_interrupt_before_a_command_has_begun_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*arguments: object, **options: object) -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr("thekla.assembly.list_runs", interrupted)
    assert main(["list"]) == 130
    assert capsys.readouterr() == ("", "thekla: interrupted\n")
