"""Components by name, found through entry points, so that a plug-in is a package and nothing else.

A problem may also be a folder that is not installed: its name is then its absolute path, and its `__init__.py` offers
`build`, as the entry point would.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any

from thekla.core.errors import ConfigError
from thekla.core.values import Data

__all__ = ["GROUPS", "Component", "load", "module_of", "names"]

GROUPS = ("strategies", "generators", "prompts", "problems", "backends", "sandboxes")


@dataclass(frozen=True, kw_only=True)
class Component:
    """A part of a run as the journal names it: enough to make it again."""

    name: str
    version: str
    arguments: Mapping[str, Data] = field(default_factory=dict)


def _found(group: str) -> Mapping[str, EntryPoint]:
    if group not in GROUPS:
        raise ValueError(f"component group {group!r} is unknown; use one of {', '.join(GROUPS)}")
    return _installed(tuple((path, _changed_ns(path)) for path in sys.path))[group]


@functools.lru_cache(maxsize=4)
def _installed(path: tuple[tuple[str, int], ...]) -> Mapping[str, Mapping[str, EntryPoint]]:
    """The components of each group. All distributions are looked at, so this is kept until a folder changes."""
    return {group: {point.name: point for point in entry_points(group=f"thekla.{group}")} for group in GROUPS}


def _changed_ns(path: str) -> int:
    """When something was last added to a folder or removed from it; 0 if there is no such folder."""
    try:
        return os.stat(path or ".").st_mtime_ns
    except OSError:
        return 0


def names(group: str) -> list[str]:
    """The names that are installed in `group`, sorted."""
    return sorted(_found(group))


def module_of(group: str, name: str) -> str:
    """The dotted name of the module that offers a component; empty for a folder or an unknown name."""
    point = _found(group).get(name)
    return point.module if point is not None else ""


def load(group: str, name: str) -> Any:
    """The object (usually a class or a function that builds one) behind a component's name.

    Raises:
        ConfigError: There is no such component, or its package cannot be imported.
    """
    if group == "problems" and os.path.isabs(name):
        return _built_by_folder(name)
    found = _found(group)
    if name not in found:
        known = ", ".join(sorted(found)) or "none is installed"
        raise ConfigError(f"there is no {name!r} among the {group}; known: {known}")
    try:
        return found[name].load()
    except ImportError as error:
        raise ConfigError(f"{group} component {name!r} cannot be imported: {error}") from error


def _built_by_folder(path: str) -> Any:
    """The function `build` of a problem's folder."""
    try:
        module = _imported(path)
    except (ImportError, SyntaxError, OSError) as error:
        raise ConfigError(f"problem folder {path} cannot be imported: {error}") from error
    build = getattr(module, "build", None)
    if not callable(build):
        raise ConfigError(f"problem folder {path} offers no function `build`; its __init__.py must, see `thekla new`")
    return build


def _imported(path: str) -> ModuleType:
    """The package in a folder, under a name that its path determines."""
    start = os.path.join(path, "__init__.py")
    if not os.path.isfile(start):
        raise ConfigError(f"{path} is no problem folder: it has no __init__.py; `thekla new` makes one that has")
    name = f"thekla_folder_{hashlib.sha256(path.encode()).hexdigest()[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, start, submodule_search_locations=[path])
    if spec is None or spec.loader is None:
        raise ImportError(f"no module can be made of {start}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
