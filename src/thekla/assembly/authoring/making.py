"""Making a problem: a folder that works as it is, to be changed into another one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from thekla.core.errors import ConfigError

__all__ = ["KINDS", "new_problem"]

KINDS: Mapping[str, str] = {
    "answer": "one call gets the whole instance and returns a solution (jobs on machines)",
    "policy": "the program is called at every decision and knows the past only (evicting pages from a cache)",
}
"""What `new_problem` can make, each with what it is and the example that it starts from."""

_NAME = re.compile(r"[a-z][a-z0-9]*([_-][a-z0-9]+)*")
_PLACEHOLDER = "PROBLEM_NAME"


def new_problem(folder: Path, *, kind: str) -> list[Path]:
    """The files of a new problem in a folder that does not exist yet; the folder's name is the problem's.

    Raises:
        ConfigError: There is no such kind, the name is none for a problem, or the folder exists.
        OSError: The folder cannot be written.
    """
    if kind not in KINDS:
        known = "; ".join(f"{name}: {about}" for name, about in KINDS.items())
        raise ConfigError(f"there is no kind {kind!r}; use one of: {known}")
    if not _NAME.fullmatch(folder.name):
        raise ConfigError(f"{folder.name!r} is no name for a problem; use small letters, digits, - and _")
    if folder.exists():
        raise ConfigError(f"{folder} exists; name a folder that does not, so that nothing of yours is overwritten")
    written = []
    for relative, template in _files(files("thekla.assembly.authoring").joinpath("templates", kind)):
        path = folder / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        text = template.read_text(encoding="utf-8").replace(_PLACEHOLDER, folder.name.replace("_", "-"))
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written


def _files(folder: Traversable, at: str = "") -> Iterator[tuple[str, Traversable]]:
    for entry in sorted(folder.iterdir(), key=lambda each: each.name):
        if entry.is_dir() and entry.name != "__pycache__":
            yield from _files(entry, f"{at}{entry.name}/")
        elif entry.name.endswith((".py", ".md", ".toml")):
            yield f"{at}{entry.name}", entry
