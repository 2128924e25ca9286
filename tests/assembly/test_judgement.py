"""Runs of the toy problem, judged: a verdict on one, and two against each other on shared and on new instances."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from thekla.assembly import RunOptions, compare, run, verdict, view
from thekla.assembly.judgement import Comparison
from thekla.cli.app import execute
from thekla.core.errors import ConfigError
from thekla.core.problem import Instance, Split
from thekla.evaluation.splits import draw_fresh, open_holdout
from thekla.testing.toy import ToyPackage

OPTIONS = RunOptions(
    problem="toy",
    strategy="greedy",
    generator="constants",
    prompts="plain",
    evaluations=12,
    sandbox="trusted",
    workers=1,
)


@pytest.fixture
def two(runs: Path) -> list[str]:
    """A short run, and a longer one that finds more."""
    both = [OPTIONS, OPTIONS.model_copy(update={"evaluations": 30, "seed": 1})]
    return [run(options, runs=runs, observer=lambda progress: None).run_id for options in both]


def test_runs_are_compared_and_judged_on_every_split_and_on_fresh_instances(
    two: list[str], runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = compare(two, runs, fresh=True, sandbox="trusted", workers=1)
    assert [held.split for held in found.contests] == ["fresh", "validation", "train"]
    fresh, validation, train = found.contests
    assert {place.name for place in fresh.places} == {*two, "seed"}
    assert fresh.places[-1].name == "seed"
    assert {place.name for place in train.places} == {place.name for place in validation.places} == set(two)
    met = {instance.id for name in two for instance in _instances(name, runs)}
    assert not met & set(fresh.instances)

    assert execute(["compare", *two, "--runs", str(runs), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert [held["split"] for held in said["contests"]] == ["validation", "train"]
    assert execute(["verdict", two[1], "--runs", str(runs)]) == 0
    word = verdict(two[1], runs).word
    assert capsys.readouterr().out.startswith(f"{two[1]}: {word}\n")
    assert execute(["verdict", two[1], "--runs", str(runs), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["word"], data["split"]) == (word, "holdout")

    assert set(said["tiers"].values()) == {"trusted"}
    assert ["without a sandbox" in warning for warning in said["warnings"]] == [True]
    assert "without a sandbox" in data["reasons"][-1]

    with pytest.raises(ConfigError, match="at least two runs"):
        compare([two[0], two[0]], runs)


def test_runs_of_different_tiers_are_never_compared_in_silence() -> None:
    objective = ToyPackage().problem.objective
    mixed = Comparison(objective=objective, contests=(), tiers={"a": "strict", "b": "process"})
    assert "different sandbox tiers: a strict, b process" in mixed.warnings[0]
    assert "tier `process`" in mixed.warnings[1]
    assert Comparison(objective=objective, contests=(), tiers={"a": "strict", "b": "strict"}).warnings == ()


def _instances(name: str, runs: Path) -> list[Instance]:
    seen = view(name, runs)
    assert seen.holdout is not None
    listed = [instance for instances in seen.settings.instances.values() for instance in instances]
    return [*listed, *seen.holdout.instances]


def test_fresh_instances_follow_from_the_ends_of_runs_and_their_purpose_and_are_no_hold_out() -> None:
    package = ToyPackage()
    one, two = "ab" * 32, "cd" * 32
    drawn = draw_fresh(package, [one, two], "compare")
    assert drawn == draw_fresh(package, [two, one], "compare")
    others = [draw_fresh(package, [one], "compare"), draw_fresh(package, [one, two], "promote")]
    others += [open_holdout(package, one), open_holdout(package, two)]
    assert all(not set(drawn) & set(other) for other in others)
    assert {instance.split for instance in drawn} == {Split.HOLDOUT}


def test_a_problem_with_a_fixed_hold_out_draws_nothing_fresh() -> None:
    package = ToyPackage()
    package.problem = replace(package.problem, fixed_holdout=True)
    with pytest.raises(ConfigError, match="fixed hold-out"):
        draw_fresh(package, ["ab" * 32], "compare")


def test_a_winner_goes_through_the_gate_and_the_exit_code_is_its_answer(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = run(OPTIONS, runs=runs, observer=lambda progress: None).run_id
    pages = [tmp_path / "gate.html", tmp_path / "gate.md"]
    options = ["--runs", str(runs), "--sandbox", "trusted", "--workers", "1", "--json"]
    code = execute(["promote", name, *options, "--html", str(pages[0]), "--markdown", str(pages[1])])
    said = json.loads(capsys.readouterr().out)
    assert code == (0 if said["promoted"] else 1)
    passed = {check["name"]: check["passed"] for check in said["checks"]}
    assert passed["scaling"] is passed["variants"] is None, "the toy problem declares no changed instances"
    assert (passed["simplification"], passed["ablation"]) == (True, True)
    assert said["written"] == [str(page) for page in pages]
    assert said["answer"] in pages[0].read_text(encoding="utf-8")
    assert execute(["promote", name, "--html", str(tmp_path / "none" / "x.html"), *options]) != 0
    assert "does not exist" in capsys.readouterr().err
