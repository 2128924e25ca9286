"""Where the wheels lie that an interface declares."""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from thekla.core.errors import SandboxError

__all__ = ["Wheels", "locate_wheels"]


@dataclass(frozen=True, kw_only=True)
class Wheels:
    """Where declared wheels lie.

    Args:
        entries: Top-level name to path, of a package's folder or of a module's file.
        metadata: Folders `*.dist-info`.
        files: All that must be readable.
        modules: What to import beforehand.
    """

    entries: Mapping[str, str] = field(default_factory=dict)
    metadata: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()


def locate_wheels(names: tuple[str, ...]) -> Wheels:
    """The places of the distributions of these names.

    Raises:
        SandboxError: One is not installed.
    """
    entries: dict[str, str] = {}
    metadata: list[str] = []
    files: set[str] = set()
    for name in names:
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            raise SandboxError(
                f"the interface declares the wheel {name!r}, which is not installed; run: pip install {name}"
            ) from None
        tops = {file.parts[0] for file in distribution.files or () if ".." not in file.parts}
        for top in sorted(tops - {"__pycache__", "bin"}):
            place = str(distribution.locate_file(top))
            if not os.path.exists(place) or top.endswith(".pth"):
                continue
            files.add(place)
            if top.endswith(".dist-info"):
                metadata.append(place)
            elif (module := _module_name(top, place)) is not None:
                entries[module] = place
    modules = sorted(entries)
    extra = [f"{module}.random" for module in modules if module == "numpy"]
    return Wheels(entries=entries, metadata=tuple(metadata), files=tuple(sorted(files)), modules=(*modules, *extra))


def _module_name(top: str, place: str) -> str | None:
    if os.path.isdir(place):
        return top if os.path.exists(os.path.join(place, "__init__.py")) else None
    return top.partition(".")[0] if top.endswith((".py", ".so")) else None
