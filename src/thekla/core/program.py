"""Programs, and candidates: programs with a lineage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NewType

from thekla.core.values import digest_of

__all__ = ["Candidate", "CandidateId", "Program", "ProgramId"]

ProgramId = NewType("ProgramId", str)
CandidateId = NewType("CandidateId", str)

MAIN = "program.py"


@dataclass(frozen=True, kw_only=True)
class Program:
    """An immutable source tree; equal text is an equal program.

    Args:
        files: Pairs of relative path and text, sorted by path; the entry file is `program.py`.
    """

    files: tuple[tuple[str, str], ...]
    language: str = "python"
    id: ProgramId = field(init=False, compare=False)

    def __post_init__(self) -> None:
        paths = [path for path, _ in self.files]
        if not paths or paths != sorted(set(paths)):
            raise ValueError(f"program files must be sorted, distinct and at least one; found {paths}")
        for path in paths:
            if path.startswith("/") or ".." in path.split("/") or "\\" in path:
                raise ValueError(f"program file {path!r} must be a relative path inside the program")
        identity = digest_of({"language": self.language, "files": [list(pair) for pair in self.files]})
        object.__setattr__(self, "id", ProgramId(identity))

    @classmethod
    def from_text(cls, text: str) -> Program:
        """A program of the one file `program.py`."""
        return cls(files=((MAIN, text),))

    @classmethod
    def from_files(cls, files: Mapping[str, str]) -> Program:
        """A program of several files."""
        return cls(files=tuple(sorted(files.items())))

    @property
    def text(self) -> str:
        """The text of the entry file (of the only file, if there is one)."""
        files = dict(self.files)
        return files[MAIN] if MAIN in files else self.files[0][1]

    def with_text(self, text: str) -> Program:
        """The same tree with another entry file."""
        name = MAIN if MAIN in dict(self.files) else self.files[0][0]
        return Program(
            files=tuple((path, text if path == name else old) for path, old in self.files), language=self.language
        )


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A program with its lineage.

    Args:
        id: Unique within a run; the id of the ticket that it answers.
        operator: What made it: `seed`, `import`, or the generator's own name for the edit.
        generation: 0 for a seed, else one more than the oldest parent's.
    """

    id: CandidateId
    program: Program
    parents: tuple[CandidateId, ...] = ()
    operator: str = "seed"
    generation: int = 0
