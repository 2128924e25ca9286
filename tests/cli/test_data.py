"""`thekla data`: what is here, what is absent, and how to get it."""

import json
from pathlib import Path

import pytest

from thekla.cli import main
from thekla.problems.datasets import catalogue


@pytest.fixture(autouse=True)
def empty_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("THEKLA_DATA", raising=False)
    return tmp_path


def listed(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, object]]:
    assert main(["data", "list", "--json"]) == 0
    return {row["name"]: row for row in json.loads(capsys.readouterr().out)}


def test_list_shows_every_data_set_and_what_is_absent(capsys: pytest.CaptureFixture[str]) -> None:
    rows = listed(capsys)
    assert set(rows) == set(catalogue())
    assert {row["state"] for row in rows.values()} == {"absent"}
    assert main(["data", "list"]) == 0
    assert "absent; needs --from" in capsys.readouterr().out


def test_list_tells_something_else_in_its_place(
    empty_machine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("THEKLA_DATA", str(empty_machine))
    (empty_machine / "transactions").mkdir()
    (empty_machine / "transactions/public_workloads.json").write_bytes(b"{}")
    assert listed(capsys)["transactions/public_workloads.json"]["state"] == "damaged"


def test_copy_that_is_not_the_data_set_is_refused(empty_machine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (empty_machine / "copy").write_bytes(b"{}")
    asked = ["data", "fetch", "transactions/public_workloads.json", "--from", str(empty_machine / "copy")]
    assert main(asked) == 2
    assert "SHA-256" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing"], "no public data set is called 'nothing'"),
        (["--from", "copy"], "name the one to take from it"),
        (["spot/golden_costs.json.gz"], "no public place serves"),
    ],
)
def test_fetch_of_what_cannot_be_had_says_why(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "fetch", *arguments]) == 2
    assert said in capsys.readouterr().err
