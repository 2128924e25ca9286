"""The folder beside a run file in which people write what they want; any editor will do.

`hints.md` has a hint on each line, `notes.md` a text, `pinned` and `banned` ids of candidates, one a line. The file
`paused` pauses, and `fork` marks a fork. A file under `inject/NAME/` is a program of NAME, one right under `inject/`
of nobody in particular. The run itself writes but one file here, `question.md` (see `inbox`), and never reads it.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from thekla.core.errors import ConfigError
from thekla.core.journal import Injected, Steered, program_blob
from thekla.core.program import CandidateId, Program

__all__ = ["SteeringFolder"]

SUFFIX = ".steer"
_SOMEBODY = "person"
_MOST_CHARACTERS = 20_000  # of hints or notes: they are in every prompt
_MOST_PROGRAM = 200_000
_BULLET = re.compile(r"^\s*(?:[-*+]|\d+[.)])?\s*")
_NAME = re.compile(r"[\w.@-]{1,64}")


class SteeringFolder:
    """What people have written for a run; nothing is written by reading it.

    Args:
        run_file: The run's file; the folder is beside it and need not exist.
    """

    def __init__(self, run_file: Path) -> None:
        self.path = run_file.with_name(run_file.name.removesuffix(".thekla") + SUFFIX)

    def read(self, before: Steered, put_blob: Callable[[bytes], str]) -> Steered:
        """What the folder says now; what was injected before stays so.

        Args:
            put_blob: Keeps a program that is injected.
        """
        if not self.path.is_dir():
            return before
        pinned = self._lines("pinned")
        return replace(
            before,
            hints=tuple(self._lines("hints.md")),
            notes=self._text("notes.md").strip(),
            pinned=CandidateId(pinned[0]) if pinned else None,
            banned=tuple(CandidateId(one) for one in self._lines("banned")),
            paused=(self.path / "paused").exists(),
            injected=(*before.injected, *self._new_programs(before, put_blob)),
            fork=self._text("fork").strip() or before.fork,
        )

    def add_line(self, name: str, line: str) -> None:
        """A line more at the end of a file of the folder."""
        text = self._text(name)
        self._write(name, f"{text}{'' if not text or text.endswith(chr(10)) else chr(10)}{line}\n")

    def take_line(self, name: str, line: str) -> None:
        """The file without the line.

        Raises:
            ConfigError: It has none.
        """
        kept = [one for one in self._text(name).splitlines() if _BULLET.sub("", one).strip() != line.strip()]
        if len(kept) == len(self._text(name).splitlines()):
            raise ConfigError(f"{self.path / name} has no line {line!r}")
        self._write(name, "".join(f"{one}\n" for one in kept))

    def restate(self, state: Steered) -> None:
        """Write a state down, so that reading it changes nothing."""
        lists = {"hints.md": [f"- {hint}" for hint in state.hints], "banned": state.banned}
        texts = {name: "".join(f"{line}\n" for line in lines) for name, lines in lists.items()}
        texts |= {"notes.md": state.notes, "pinned": state.pinned or "", "fork": state.fork}
        for name, text in texts.items():
            if text:
                self._write(name, text)
        self.pause(state.paused)

    def write(self, name: str, text: str) -> None:
        """A file of the folder with that text."""
        self._write(name, text)

    @property
    def question(self) -> str:
        """What people are asked; empty if they are not."""
        return self._text("question.md").strip()

    def remove(self, name: str) -> None:
        """Take a file of the folder away, and the folder if nothing else is in it."""
        (self.path / name).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # people have written something, or it was never there
            self.path.rmdir()

    def pause(self, paused: bool) -> None:
        """Pause the run, or let it go on."""
        if paused:
            self._write("paused", "")
        else:
            (self.path / "paused").unlink(missing_ok=True)

    def inject(self, program: Program, *, by: str) -> Path:
        """A program that will answer the next ticket; the same program is taken once."""
        if not _NAME.fullmatch(by) or by.startswith("."):
            raise ConfigError(f"{by!r} cannot be a name here; use letters, digits, and . @ _ -")
        name = f"inject/{by}/{program.id[:16]}.py"
        self._write(name, program.text)
        return self.path / name

    def _new_programs(self, before: Steered, put_blob: Callable[[bytes], str]) -> Sequence[Injected]:
        """The programs that were not injected yet, in the order of their files' names."""
        known = {one.program for one in before.injected}
        found = []
        for file in sorted((self.path / "inject").rglob("*.py")):
            text = _read(file, _MOST_PROGRAM)
            if not text.strip():
                continue  # an editor that has not saved yet
            program = Program.from_text(text)
            if program.id not in known:
                known.add(program.id)
                put_blob(program_blob(program))
                by = file.parent.name if file.parent.name != "inject" else _SOMEBODY
                found.append(Injected(by=by, program=program.id))
        return found

    def _lines(self, name: str) -> list[str]:
        """The lines of a file, without bullets, empty lines and headings."""
        lines = (_BULLET.sub("", line, count=1).strip() for line in self._text(name).splitlines())
        return [line for line in lines if line and not line.startswith("#")]

    def _text(self, name: str) -> str:
        return _read(self.path / name, _MOST_CHARACTERS)

    def _write(self, name: str, text: str) -> None:
        """Write a file as a whole, so that a reader sees the old or the new one."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.new")
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)


def _read(path: Path, most: int) -> str:
    """The beginning of a file, empty if there is none; what is no text is shown as such."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(most)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return ""
