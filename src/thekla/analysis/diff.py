"""The difference of two programs, line by line."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from thekla.analysis.reading import Blob, RunView
from thekla.core.errors import ConfigError
from thekla.core.journal import program_from_blob
from thekla.core.program import Program

__all__ = ["DiffLine", "diff_candidates", "diff_lines", "program_named", "unified_diff"]

Mark: TypeAlias = Literal["same", "added", "removed", "gap", "file"]


@dataclass(frozen=True, kw_only=True)
class DiffLine:
    """A line of a difference, with its number before and after (None where it is not)."""

    mark: Mark
    before: int | None
    after: int | None
    text: str


def diff_lines(before: Program, after: Program, *, context: int = 3) -> tuple[DiffLine, ...]:
    """What turns one program into the other, with `context` unchanged lines around each change."""
    return tuple(_diff_lines(before, after, context))


def _diff_lines(before: Program, after: Program, context: int) -> Iterator[DiffLine]:
    old, new = dict(before.files), dict(after.files)
    for path in sorted(old.keys() | new.keys()):
        if old.get(path) == new.get(path):
            continue
        if len(old.keys() | new.keys()) > 1:
            yield DiffLine(mark="file", before=None, after=None, text=path)
        yield from _file_lines(_lines(old.get(path, "")), _lines(new.get(path, "")), context)


def _lines(text: str) -> list[str]:
    # Not `splitlines`: that also splits at characters that are part of a line to everybody else.
    lines = text.replace("\r\n", "\n").split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def _file_lines(old: list[str], new: list[str], context: int) -> Iterator[DiffLine]:
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for position, group in enumerate(matcher.get_grouped_opcodes(context)):
        if position or group[0][1] > 0:
            yield DiffLine(mark="gap", before=None, after=None, text="")
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                for i, j in zip(range(i1, i2), range(j1, j2), strict=True):
                    yield DiffLine(mark="same", before=i + 1, after=j + 1, text=old[i])
                continue
            for i in range(i1, i2):
                yield DiffLine(mark="removed", before=i + 1, after=None, text=old[i])
            for j in range(j1, j2):
                yield DiffLine(mark="added", before=None, after=j + 1, text=new[j])


def unified_diff(before: Program, after: Program, *, names: tuple[str, str], context: int = 3) -> str:
    """The difference as a patch; empty if the programs are equal."""
    old, new = dict(before.files), dict(after.files)
    patches: list[str] = []
    for path in sorted(old.keys() | new.keys()):
        lines = difflib.unified_diff(
            _lines(old.get(path, "")),
            _lines(new.get(path, "")),
            fromfile=f"{names[0]}/{path}",
            tofile=f"{names[1]}/{path}",
            n=context,
            lineterm="",
        )
        patches.extend(f"{line}\n" for line in lines)
    return "".join(patches)


def program_named(view: RunView, name: str, blob: Blob) -> Program:
    """The program that a reader means by `name`: `winner`, `seed`, a candidate's id, a program's id or its beginning
    (six characters or more), or a baseline of the ladder.

    Raises:
        ConfigError: No program, or more than one, goes by that name.
    """
    if name in ("winner", "best", "seed"):
        program = view.seed_program if name == "seed" else view.best_program
        if program is None:
            raise ConfigError(f"the run has no {name} yet: nothing has been scored; see thekla show")
        return program
    for baseline in view.settings.baselines:
        if baseline.name == name and baseline.program is not None:
            return baseline.program
    exact = {candidate.program for candidate in view.candidates if candidate.id == name}
    found = exact or {
        candidate.program
        for candidate in view.candidates
        if len(name) >= 6 and candidate.program is not None and candidate.program.startswith(name)
    }
    if len(found) != 1 or None in found:
        kind = "several programs" if found else "no program"
        raise ConfigError(f"{kind} of the run called {name!r}; name a candidate, a baseline, `winner` or `seed`")
    return program_from_blob(blob(str(found.pop())))


def diff_candidates(view: RunView, blob: Blob, before: str = "seed", after: str = "winner") -> str:
    """The patch that turns one program of a run into another, each as `program_named` understands it.

    Raises:
        ConfigError: One of the names means no program.
    """
    programs: Mapping[str, Program] = {name: program_named(view, name, blob) for name in (before, after)}
    return unified_diff(programs[before], programs[after], names=(before, after))
