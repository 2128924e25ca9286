"""What an editor saves is what is read, whatever it looks like on the way."""

from __future__ import annotations

from pathlib import Path

import pytest

from thekla.core.errors import ConfigError
from thekla.core.journal import Steered
from thekla.core.program import Program
from thekla.steering import SteeringFolder


@pytest.fixture
def folder(tmp_path: Path) -> SteeringFolder:
    return SteeringFolder(tmp_path / "toy-1.thekla")


def read(folder: SteeringFolder, before: Steered | None = None) -> Steered:
    return folder.read(before or Steered(), lambda data: "")


def test_without_a_folder_everything_stays_as_it_was(folder: SteeringFolder) -> None:
    before = Steered(hints=("a",), paused=True)
    assert read(folder, before) == before


def test_markdown_of_any_style_gives_the_same_hints(folder: SteeringFolder) -> None:
    folder.write("hints.md", "# Hints\n\n- sort first\n* keep  spaces\n 3. third \n")
    assert read(folder).hints == ("sort first", "keep  spaces", "third")
    folder.take_line("hints.md", "sort first")
    assert read(folder).hints == ("keep  spaces", "third")
    with pytest.raises(ConfigError, match="no line 'sort first'"):
        folder.take_line("hints.md", "sort first")


def test_a_state_that_is_written_down_reads_as_itself(folder: SteeringFolder) -> None:
    state = Steered(hints=("one", "two"), notes="long\ntext", banned=("t1", "t2"), paused=True, fork="run@3")  # type: ignore[arg-type]  # ids are texts
    folder.restate(state)
    assert read(folder) == state
    folder.restate(Steered(hints=("one",)))
    assert not read(folder).paused


def test_a_program_is_injected_once_however_often_it_is_saved(folder: SteeringFolder) -> None:
    kept: list[bytes] = []
    program = Program.from_text("x = 1\n")
    folder.inject(program, by="ada")

    def keep(data: bytes) -> str:
        kept.append(data)
        return ""

    once = folder.read(Steered(), keep)
    folder.write("inject/again.py", "x = 1\n")
    folder.write("inject/empty.py", "\n")
    assert read(folder, once) == once
    folder.write("inject/again.py", "x = 2\n")
    twice = read(folder, once)
    assert [one.by for one in twice.injected] == ["ada", "person"]
    assert len(kept) == 1
    with pytest.raises(ConfigError, match="cannot be a name"):
        folder.inject(program, by="../ada")


def test_files_that_are_no_text_or_folders_do_no_harm(folder: SteeringFolder) -> None:
    folder.write("notes.md", "ok")
    (folder.path / "hints.md").mkdir()
    (folder.path / "banned").write_bytes(b"\xff\xfe\n")
    assert read(folder).notes == "ok"
    assert read(folder).hints == ()
