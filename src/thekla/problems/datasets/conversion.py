"""Rules that make a public file from the archive that it was published in.

Sources are searched for what the file must contain, not for a place in the archive: a rule survives a renamed file,
and the digest of the catalogue decides whether it found the right thing.
"""

from __future__ import annotations

import ast
import json
import tarfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from thekla.core.errors import ProblemError

__all__ = ["RECIPES", "Recipe"]

Recipe = Callable[[Path], bytes]
_LARGEST_SOURCE = 2_000_000  # bytes of a single file that a rule looks into


def transaction_workloads(archive: Path) -> bytes:
    """The three workloads, which the published evaluator keeps as JSON in constants of a Python module.

    Raises:
        ProblemError: The archive holds no module with three of them.
    """
    for text in _texts(archive, "problems/txn_scheduling/", ".py"):
        found = [loaded for constant in _strings(text) if (loaded := _workload(constant)) is not None]
        if len(found) == 3:
            return json.dumps({f"W{number}": workload for number, workload in enumerate(found, start=1)}).encode()
    raise ProblemError("the archive holds no module with three workloads; its layout has changed")


def _texts(archive: Path, folder: str, suffix: str) -> Iterator[str]:
    """The texts below a folder of the archive; an archive of a repository has one top folder of any name."""
    with tarfile.open(archive) as tar:
        for member in tar:
            inner = member.name.partition("/")[2]
            if not (member.isfile() and inner.startswith(folder) and inner.endswith(suffix)):
                continue
            file = tar.extractfile(member)
            if file is not None and member.size <= _LARGEST_SOURCE:
                yield file.read().decode("utf-8", errors="replace")


def _strings(text: str) -> Iterator[str]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return
    for statement in tree.body:
        value = statement.value if isinstance(statement, ast.Assign) else None
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield value.value


def _workload(text: str) -> dict[str, str] | None:
    try:
        loaded = json.loads(text)
    except ValueError:
        return None
    return loaded if isinstance(loaded, dict) and "txn0" in loaded else None


RECIPES: Mapping[str, Recipe] = MappingProxyType({"transaction-workloads": transaction_workloads})
"""The rules by the names that the catalogue uses."""
