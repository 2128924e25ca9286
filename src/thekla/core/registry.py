"""Components by name, found through entry points, so that a plug-in is a package and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from thekla.core.errors import ConfigError
from thekla.core.values import Data

__all__ = ["GROUPS", "Component", "load", "names"]

GROUPS = ("strategies", "generators", "prompts", "problems", "backends", "sandboxes")


@dataclass(frozen=True, kw_only=True)
class Component:
    """A part of a run as the journal names it: enough to make it again."""

    name: str
    version: str
    arguments: Mapping[str, Data] = field(default_factory=dict)


def _found(group: str) -> dict[str, EntryPoint]:
    if group not in GROUPS:
        raise ValueError(f"component group {group!r} is unknown; use one of {', '.join(GROUPS)}")
    return {point.name: point for point in entry_points(group=f"thekla.{group}")}


def names(group: str) -> list[str]:
    """The names that are installed in `group`, sorted."""
    return sorted(_found(group))


def load(group: str, name: str) -> Any:
    """The object (usually a class or a function that builds one) behind a component's name.

    Raises:
        ConfigError: There is no such component, or its package cannot be imported.
    """
    found = _found(group)
    if name not in found:
        known = ", ".join(sorted(found)) or "none is installed"
        raise ConfigError(f"there is no {name!r} among the {group}; known: {known}")
    try:
        return found[name].load()
    except ImportError as error:
        raise ConfigError(f"{group} component {name!r} cannot be imported: {error}") from error
