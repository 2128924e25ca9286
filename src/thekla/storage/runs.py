"""The folder where run files live, and how a run is named and found in it."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from thekla.core.errors import ConfigError, StorageError
from thekla.core.events import Event
from thekla.storage.check import read_ends
from thekla.storage.faults import DamagedRunError, not_a_run_file, os_fault

__all__ = ["LATEST", "SUFFIX", "RunSummary", "RunsFolder", "runs_folder"]

SUFFIX: Final = ".thekla"
LATEST: Final = "latest"
_TIME = "%Y%m%d-%H%M%S"
_ID = re.compile(r".*-(\d{8}-\d{6})-[a-z0-9]+")
_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"  # without l, o, 0, 1: an id is read aloud and typed


@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """A run at a glance.

    Args:
        first: What was run; None in an empty run or an unreadable file.
        fault: Why the file cannot be read; empty if it can.
    """

    run_id: str
    path: Path
    size_bytes: int
    events: int = 0
    first: Event | None = None
    last: Event | None = None
    fault: str = ""


def runs_folder(option: str | None, environment: Mapping[str, str]) -> Path:
    """Where run files live: the option `--runs`, else `THEKLA_RUNS`, else `runs` in the user's data folder."""
    if named := option or environment.get("THEKLA_RUNS"):
        return Path(named).expanduser()
    from platformdirs import user_data_path

    return user_data_path("thekla") / "runs"


class RunsFolder:
    """A folder of run files, one `<run id>.thekla` per run; it is made when the first run is."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def new_id(self, problem: str, now: datetime) -> str:
        """A free id that says what was run and when (UTC), such as `lakehouse-20261122-141530-k3f9`.

        Raises:
            ValueError: `now` has no time zone.
        """
        if now.tzinfo is None:
            raise ValueError(f"the time {now} has no time zone; give one, such as datetime.now(UTC)")
        name = re.sub(r"[^a-z0-9]+", "-", problem.lower()).strip("-") or "run"
        while True:
            run_id = f"{name}-{now.astimezone(UTC):{_TIME}}-{''.join(secrets.choice(_LETTERS) for _ in range(4))}"
            if not self.path_of(run_id).exists():
                return run_id

    def path_of(self, run_id: str) -> Path:
        """Where the file of that run is, or will be."""
        return self.path / f"{run_id}{SUFFIX}"

    def find(self, text: str) -> Path:
        """The run file that `text` means: a path, an id, an unambiguous beginning of one, or `latest`.

        Raises:
            ConfigError: None is meant, or several are.
        """
        if (given := Path(text).expanduser()).is_file():
            return given
        files = self._files()
        if text == LATEST and files:
            return max(files, key=_started)
        found = [file for file in files if file.stem.startswith(text)]
        exact = [file for file in found if file.stem == text]
        match exact or found:
            case [file]:
                return file
            case []:
                known = ", ".join(file.stem for file in sorted(files, key=_started, reverse=True)[:5]) or "none"
                raise ConfigError(f"no run in {self.path} begins with {text!r}; the latest are: {known}")
            case several:
                names = ", ".join(sorted(file.stem for file in several))
                raise ConfigError(f"{text!r} may mean {names}; give more letters")

    def _files(self) -> Sequence[Path]:
        try:
            return [file for file in self.path.glob(f"*{SUFFIX}") if file.is_file()]
        except OSError as error:
            raise os_fault(error, self.path) from error

    def list(self) -> Sequence[RunSummary]:
        """All runs, oldest first, from the first and last event of each; an unreadable one says why."""
        return [_summary(file) for file in sorted(self._files(), key=_started)]


def _summary(path: Path) -> RunSummary:
    size = path.stat().st_size
    try:
        ends = read_ends(path)
    except DamagedRunError as error:
        from thekla.storage.recovery import salvage  # here: it needs the database library, and a list does not

        fault = not_a_run_file(path, error.found) if salvage(path) is None else error
        return RunSummary(run_id=path.stem, path=path, size_bytes=size, fault=str(fault))
    except StorageError as error:
        return RunSummary(run_id=path.stem, path=path, size_bytes=size, fault=str(error))
    return RunSummary(
        run_id=ends.run_id, path=path, size_bytes=size, events=ends.events, first=ends.first, last=ends.last
    )


def _started(path: Path) -> tuple[str, str]:
    """When a run began, as its name says, or else when its file was last written."""
    if named := _ID.fullmatch(path.stem):
        return named.group(1), path.stem
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).strftime(_TIME), path.stem
