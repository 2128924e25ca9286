"""Presets: settings of a run under a name, as data, one TOML file each.

A file holds `about` (one sentence, with the source of its figures), `version` (grows with every change of meaning) and
the table `options` with entries of `RunOptions`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from thekla.core.errors import ConfigError

__all__ = ["Preset", "load_preset", "preset_names"]

_SUFFIX = ".toml"


@dataclass(frozen=True, kw_only=True)
class Preset:
    """Named settings; `options` are entries of `RunOptions`, not checked yet."""

    name: str
    version: str
    about: str
    options: Mapping[str, Any]


def preset_names() -> list[str]:
    """The presets that there are, sorted."""
    found = (entry.name for entry in files(__package__).iterdir())
    return sorted(name.removesuffix(_SUFFIX) for name in found if name.endswith(_SUFFIX))


def load_preset(name: str) -> Preset:
    """The preset of that name.

    Raises:
        ConfigError: There is none.
    """
    if name not in preset_names():
        raise ConfigError(f"there is no preset {name!r}; known: {', '.join(preset_names()) or 'none'}")
    entries = tomllib.loads(files(__package__).joinpath(name + _SUFFIX).read_text(encoding="utf-8"))
    return Preset(name=name, version=entries["version"], about=entries["about"], options=entries["options"])
