"""`thekla ask` and `thekla tell`, as a script uses them."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from thekla.cli import main

pytestmark = pytest.mark.usefixtures("evaluated_here")

PROGRAM = "def answer():\n    return [0.4, 4.0, 10.0, 0.1, 2.0]\n"


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("THEKLA_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


@pytest.fixture
def name(runs: Path, capsys: pytest.CaptureFixture[str]) -> str:
    options = "--generator asktell --strategy greedy --evaluations 3 --sandbox trusted --by ada"
    assert main(["run", "toy", *options.split()]) == 0
    (file,) = runs.glob("*.thekla")
    assert f"ask with: thekla ask {file.stem}" in capsys.readouterr().err
    return file.stem


def answer(capsys: pytest.CaptureFixture[str], *command: str) -> Any:
    capsys.readouterr()
    assert main([*command, "--json"]) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    return json.loads(out)


def test_a_script_asks_and_tells_in_json_to_the_end(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (ticket,) = answer(capsys, "ask", name, "--by", "bot")["tickets"]
    assert "Return five positive numbers" in ticket["prompt"]
    assert ticket["parents"][0]["files"]["program.py"].startswith("def answer")
    assert "every ticket is on lease" in told_on_stderr(capsys, "ask", name)
    file = tmp_path / "answer.json"
    file.write_text(json.dumps({"ticket": ticket["ticket"], "program": PROGRAM, "by": "bot", "cost_usd": 0.25}))
    heard = answer(capsys, "tell", name, "--json-file", str(file))
    assert heard["failed"] is None
    assert heard["told"]
    assert (heard["run"]["status"], heard["run"]["evaluations"], heard["run"]["cost_usd"]) == ("open", 2, 0.25)
    assert answer(capsys, "tell", name, "--stop")["run"]["status"] == "closed"


def told_on_stderr(capsys: pytest.CaptureFixture[str], *command: str) -> str:
    capsys.readouterr()
    assert main(list(command)) == 0
    return capsys.readouterr().err


def test_files_go_out_and_come_back(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["ask", name, "--out", str(tmp_path / "out")]) == 0
    folder = tmp_path / "out" / "t1"
    assert capsys.readouterr().out.strip() == str(folder)
    assert sorted(path.name for path in folder.iterdir()) == ["program", "prompt.md", "ticket.json"]
    (folder / "program" / "program.py").write_text(PROGRAM)
    assert main(["tell", name, "t1", str(folder / "program")]) == 0
    captured = capsys.readouterr()
    assert "That is better" in captured.out
    assert "2/3 evaluations" in captured.err
    monkeypatch.setattr("sys.stdin", io.StringIO(PROGRAM.replace("0.4", "0.45")))
    assert main(["tell", name, "t2", "-"]) == 0
    assert "closed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["t1"], "give one of a program"),
        (["t1", "none.py"], "there is no program 'none.py'"),
        (["t1", "--decline", "no", "--answer", "x"], "give one of a program"),
        (["--decline", "no"], "name the ticket"),
        (["t7", "--decline", "no"], "no ticket 't7' waits"),
    ],
)
def test_what_is_no_answer_is_refused_with_what_to_do(
    options: list[str], reason: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tell", name, *options]) == 2
    assert reason in capsys.readouterr().err


def test_a_dry_run_says_what_a_run_would_cost_and_makes_none(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = "toy --dry-run --generator constants --evaluations 30 --sandbox trusted"
    assert main(["run", *options.split()]) == 0
    out = capsys.readouterr().out
    assert "ended by: evaluations" in out
    assert "time" in out
    assert answer(capsys, "run", *options.split())["forecast"]["evaluations"]["expected"] == 30
    assert not list(runs.glob("*"))
