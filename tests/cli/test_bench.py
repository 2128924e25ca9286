"""The bench command compares what it is asked to, in a table, as JSON and as a figure."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from thekla.cli import main

SMALL = ["bench", "strategies", "greedy", "random+tune", "--problem", "fmin5", "--seeds", "2", "--proposals", "6"]


def test_a_table_names_every_strategy_and_the_figure_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figure = tmp_path / "curves.svg"
    assert main([*SMALL, "--figure", str(figure)]) == 0
    out = capsys.readouterr().out
    assert "random+tune" in out
    assert "mean rank" in out
    assert figure.read_text().startswith("<svg")


def test_ablation_switches_each_mechanism_off_and_then_all(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["bench", "ablation", "--problem", "deceptive", "--seeds", "2", "--proposals", "30"]
    assert main([*arguments, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    mechanisms = ["second_line", "tactics", "complement", "suppress", "diverse_seeds", "frugal", "all"]
    assert [one["mechanism"] for one in found["worths"]] == mechanisms
    assert main(arguments) == 0
    assert "diverse_seeds" in capsys.readouterr().out
    assert main(["bench", "ablation", "greedy"]) != 0
    assert "no mechanism" in capsys.readouterr().err


def test_json_holds_standings_ranks_and_profiles(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SMALL, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {one["contender"] for one in found["standings"]} == set(found["ranks"]) == {"greedy", "random+tune"}
    assert all(len(one["curve"]) == 7 for one in found["standings"])
    assert (found["seeds"], found["proposals"], found["in_flight"]) == (2, 6, 1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nobody"], "no strategy or preset 'nobody'"),
        (["greedy", "--problem", "fmin6"], "no problem 'fmin6'; it has fmin5"),
        (["greedy", "greedy"], "named twice"),
        (["greedy", "--figure", "nowhere/a.svg"], "does not exist"),
    ],
)
def test_what_does_not_exist_is_named(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "strategies", *arguments, "--seeds", "1", "--proposals", "2"]) == 2
    assert said in capsys.readouterr().err
