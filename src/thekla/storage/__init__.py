"""Storage: append-only events, content-addressed blobs, and facts that are written once.

Names are resolved on first use, so that reading the package does not load SQLAlchemy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from thekla.storage.faults import DamagedRunError
    from thekla.storage.memory import MemoryRun
    from thekla.storage.recovery import Recovery
    from thekla.storage.runs import RunsFolder, RunSummary, runs_folder
    from thekla.storage.sqlite import RunFile, recover

__all__ = [
    "DamagedRunError",
    "MemoryRun",
    "Recovery",
    "RunFile",
    "RunSummary",
    "RunsFolder",
    "recover",
    "runs_folder",
]

_HOMES = {
    "DamagedRunError": "faults",
    "MemoryRun": "memory",
    "Recovery": "recovery",
    "RunFile": "sqlite",
    "RunSummary": "runs",
    "RunsFolder": "runs",
    "recover": "sqlite",
    "runs_folder": "runs",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
