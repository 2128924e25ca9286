"""The environment is what the locks say, whatever happened to it before."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from environment import Interpreter, Plan, Stamp, held_stamp, main, plan, wanted_stamp

WANTED = Stamp(
    interpreter=Interpreter(version="3.11.2", base_prefix="/usr"),
    levels={"run": "r1", "dev": "d1", "docs": "o1"},
    project="p1",
)
NOTHING = Plan(fresh=False, lock=False, project=False)
FROM_NOTHING = Plan(fresh=True, lock=True, project=True)


def held(*levels: str) -> Stamp:
    return replace(WANTED, levels={level: WANTED.levels[level] for level in levels})


def test_environment_that_is_as_wanted_is_left_alone() -> None:
    assert plan(held("run"), WANTED, "run", exact=False) == NOTHING
    assert not plan(held("run"), WANTED, "run", exact=True)


def test_dev_holds_all_of_run_and_not_the_other_way_round() -> None:
    assert plan(held("dev"), WANTED, "run", exact=False) == NOTHING
    assert plan(held("run"), WANTED, "dev", exact=False) == replace(NOTHING, lock=True)


def test_environment_without_a_stamp_is_made_from_nothing() -> None:
    assert plan(None, WANTED, "run", exact=False) == FROM_NOTHING
    assert plan(None, WANTED, "docs", exact=False) == replace(FROM_NOTHING, project=False)


def test_changed_lock_starts_from_nothing_and_changed_metadata_does_not() -> None:
    assert plan(held("dev"), replace(WANTED, levels={**WANTED.levels, "dev": "d2"}), "run", exact=False) == FROM_NOTHING
    assert plan(held("run"), replace(WANTED, levels={**WANTED.levels, "dev": "d2"}), "run", exact=False) == NOTHING
    assert plan(held("dev"), replace(WANTED, project="p2"), "dev", exact=False) == replace(NOTHING, project=True)


def test_other_interpreter_matters_only_when_it_was_named() -> None:
    newer = replace(WANTED, interpreter=Interpreter(version="3.13.0", base_prefix="/opt"))
    assert plan(held("run"), newer, "run", exact=False) == NOTHING
    assert plan(held("run"), newer, "run", exact=True) == FROM_NOTHING


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project that needs no package at all."""
    (tmp_path / "requirements").mkdir()
    for level in WANTED.levels:
        (tmp_path / "requirements" / f"{level}.txt").touch()
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "empty"\nversion = "1"\n')
    return tmp_path


def test_ruined_stamp_counts_as_none(root: Path) -> None:
    venv = root / ".venv"
    assert held_stamp(venv) is None
    venv.mkdir()
    for ruin in ("", "{", "[]", "{}", '{"interpreter": {}, "levels": {}, "project": ""}'):
        (venv / "environment.json").write_text(ruin)
        assert held_stamp(venv) is None


def test_settings_of_tools_do_not_change_what_is_installed(root: Path) -> None:
    before = wanted_stamp(root)
    with (root / "pyproject.toml").open("a") as file:
        file.write("[tool.ruff]\nline-length = 120\n")
    assert wanted_stamp(root) == before
    (root / "pyproject.toml").write_text('[project]\nname = "empty"\nversion = "2"\n')
    assert wanted_stamp(root).project != before.project


@pytest.mark.slow
def test_broken_environment_is_repaired_and_a_good_one_kept(root: Path) -> None:
    command = ["docs", "--root", str(root)]
    venv = root / ".venv"
    venv.mkdir()
    (venv / "half-made").touch()
    assert main(command) == 0
    assert not (venv / "half-made").exists()
    assert subprocess.run([venv / "bin/python", "-c", "pass"], check=False).returncode == 0

    (venv / "kept").touch()
    assert main(command) == 0
    assert (venv / "kept").exists()

    (venv / "bin/python").unlink()
    (venv / "bin/python").symlink_to("/gone")
    assert main(command) == 0
    assert not (venv / "kept").exists()
    held_now = held_stamp(venv)
    assert held_now is not None
    assert held_now.interpreter.version == sys.version


@pytest.mark.slow
def test_failed_installation_is_told_and_leaves_no_stamp(root: Path) -> None:
    (root / "requirements/docs.txt").write_text("=== no requirement\n")
    assert main(["docs", "--root", str(root)]) == 1
    assert held_stamp(root / ".venv") is None
