"""Where run files are."""

from __future__ import annotations

import os
from pathlib import Path

from thekla.storage.runs import RunsFolder, runs_folder

__all__ = ["folder"]


def folder(runs: Path | None) -> RunsFolder:
    """The one place of run files: the option, else `THEKLA_RUNS`, else the user's data directory."""
    return RunsFolder(runs_folder(str(runs) if runs is not None else None, os.environ))
