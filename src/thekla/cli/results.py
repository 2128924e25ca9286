"""What the commands expect of `thekla.assembly`, as types; the room itself is imported when a command needs it."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeAlias, cast

from thekla.core.evaluation import Outcome
from thekla.core.program import Program
from thekla.core.values import Data

__all__ = [
    "Assembly",
    "DemoResult",
    "Description",
    "DoctorReport",
    "DoctorRow",
    "DoctorSection",
    "LadderRow",
    "Observer",
    "ProblemRow",
    "Progress",
    "RunResult",
    "RunRow",
    "TextTable",
    "View",
    "assembly",
]


class Progress(Protocol):
    """How far a run is."""

    @property
    def run_id(self) -> str: ...
    @property
    def phase(self) -> str: ...
    @property
    def evaluations(self) -> int: ...
    @property
    def budget(self) -> int | None: ...
    @property
    def proposals(self) -> int: ...
    @property
    def failures(self) -> int: ...
    @property
    def duplicates(self) -> int: ...
    @property
    def best(self) -> float | None: ...
    @property
    def baseline(self) -> float | None: ...
    @property
    def objective(self) -> str: ...
    @property
    def unit(self) -> str: ...
    @property
    def elapsed_s(self) -> float: ...
    @property
    def cost_usd(self) -> float: ...


Observer: TypeAlias = Callable[[Any], None]
"""Called with a `Progress`; of any type here, since a callable's argument cannot be a wider protocol."""


class RunResult(Protocol):
    """How a run ended; not `finished` is stopped early and can be resumed."""

    @property
    def run_id(self) -> str: ...
    @property
    def path(self) -> Path: ...
    @property
    def finished(self) -> bool: ...
    @property
    def scored(self) -> bool: ...


class RunRow(Protocol):
    """A run in a list; `started_at` is ISO 8601 text."""

    @property
    def run_id(self) -> str: ...
    @property
    def problem(self) -> str: ...
    @property
    def suite(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def evaluations(self) -> int: ...
    @property
    def best(self) -> float | None: ...
    @property
    def objective(self) -> str: ...
    @property
    def unit(self) -> str: ...
    @property
    def started_at(self) -> str: ...
    @property
    def size_bytes(self) -> int: ...


class ProblemRow(Protocol):
    """A problem of the gallery; `suites` maps a suite's name to its description."""

    @property
    def name(self) -> str: ...
    @property
    def suites(self) -> Mapping[str, str]: ...
    @property
    def objective(self) -> str: ...
    @property
    def unit(self) -> str: ...
    @property
    def direction(self) -> str: ...


class LadderRow(Protocol):
    """A rung on one split; `low` and `high` are its 95 % interval."""

    @property
    def name(self) -> str: ...
    @property
    def role(self) -> str: ...
    @property
    def score(self) -> float | None: ...
    @property
    def failed(self) -> str: ...
    @property
    def low(self) -> float | None: ...
    @property
    def high(self) -> float | None: ...
    @property
    def instances(self) -> Mapping[str, float]: ...
    @property
    def source(self) -> str: ...
    @property
    def objective(self) -> str: ...
    @property
    def unit(self) -> str: ...


class DoctorRow(Protocol):
    """One finding; `ok` is None where nothing is asked of it."""

    @property
    def name(self) -> str: ...
    @property
    def value(self) -> str: ...
    @property
    def ok(self) -> bool | None: ...


class DoctorSection(Protocol):
    """Findings under a title."""

    @property
    def title(self) -> str: ...
    @property
    def rows(self) -> Sequence[DoctorRow]: ...


class DoctorReport(Protocol):
    """What `thekla doctor` found."""

    @property
    def sections(self) -> Sequence[DoctorSection]: ...


class DemoResult(Protocol):
    """What the demo found: the ladder, and its figures as one JSON object."""

    @property
    def ladder(self) -> Sequence[LadderRow]: ...
    @property
    def summary(self) -> Mapping[str, Data]: ...


class TextTable(Protocol):
    """Rows of text; columns from `left` on are numbers."""

    @property
    def title(self) -> str: ...
    @property
    def columns(self) -> Sequence[str]: ...
    @property
    def rows(self) -> Sequence[Sequence[str]]: ...
    @property
    def note(self) -> str: ...
    @property
    def left(self) -> int: ...


class Description(Protocol):
    """A run in sentences and tables, and as plain data."""

    @property
    def headline(self) -> str: ...
    @property
    def warnings(self) -> Sequence[str]: ...
    @property
    def caveats(self) -> Sequence[str]: ...
    @property
    def tables(self) -> Sequence[TextTable]: ...
    @property
    def data(self) -> Mapping[str, Data]: ...


class View(Protocol):
    """The part of a run's view that a command reads itself."""

    @property
    def best_program(self) -> Program | None: ...


class Assembly(Protocol):
    """The functions of `thekla.assembly` that commands call.

    `runs` is the folder of the run files, None for the user's own.
    """

    def load_options(self, path: Path | None = None, **overrides: Any) -> Any:
        """The options in a TOML file, if one is given, with overrides; raises `ConfigError` for unknown ones."""

    def run(self, options: Any, *, runs: Path | None, observer: Observer) -> RunResult:
        """A new run, to its end."""

    def resume(self, run: str, *, runs: Path | None, workers: int, observer: Observer) -> RunResult:
        """An interrupted run, to its end."""

    def list_runs(self, runs: Path | None) -> Sequence[RunRow]:
        """All runs, newest first."""

    def view(self, run: str, runs: Path | None) -> View:
        """A run read from its journal."""

    def describe(self, run: str, runs: Path | None) -> Description:
        """A run described for people and programs."""

    def problems(self) -> Sequence[ProblemRow]:
        """The gallery."""

    def ladder(self, problem: str, suite: str, split: str, *, sandbox: str, workers: int) -> Sequence[LadderRow]:
        """Every baseline and the bound on a split, worst first."""

    def evaluate(self, problem: str, file: Path, suite: str, split: str, *, sandbox: str, workers: int) -> Outcome:
        """A program file on a split."""

    def doctor(self) -> DoctorReport:
        """What this machine offers."""

    def demo(self, *, runs: Path | None, seed: int, observer: Observer) -> DemoResult:
        """The demonstration."""

    def write_report(self, run: str, runs: Path | None, html: Path | None, markdown: Path | None) -> Sequence[Path]:
        """Write the reports that are named; returns their paths."""

    def diff(self, run: str, a: str, b: str, runs: Path | None) -> str:
        """The patch from one program of a run to another."""


def assembly() -> Assembly:
    """The room `thekla.assembly`."""
    return cast(Assembly, importlib.import_module("thekla.assembly"))
