"""Where a public file lies on this machine.

Workers build a problem from its name alone, so its loader cannot be handed a folder: this module is the one place of
the problems that looks at the environment, and every function takes it as an argument too.
"""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from thekla.core.errors import ProblemError

from .catalogue import Dataset, dataset

__all__ = [
    "VARIABLE",
    "MissingDataError",
    "cache_folder",
    "content",
    "digest_file",
    "find",
    "path",
    "read",
    "with_digest",
]

VARIABLE = "THEKLA_DATA"
"""Names a folder of public files that is looked into before the user's cache."""


class MissingDataError(ProblemError):
    """A public file is not on this machine."""

    def __init__(self, wanted: Dataset, looked_in: list[Path]) -> None:
        folders = " or ".join(str(folder) for folder in looked_in)
        remedy = f"thekla data fetch {wanted.name}"
        super().__init__(
            f"the public data set {wanted.name!r} is not in {folders}; run: {remedy}"
            + ("" if wanted.is_fetchable else " --from FILE (a copy of your own; no public place serves this form)")
            + f", or let {VARIABLE} name a folder that holds it"
        )
        self.name = wanted.name


def cache_folder() -> Path:
    """Where fetched files go: `data` in the user's cache folder."""
    from platformdirs import user_cache_path

    return user_cache_path("thekla") / "data"


def find(wanted: Dataset, environment: Mapping[str, str] = os.environ) -> Path | None:
    """The file in the folder that `THEKLA_DATA` names, else in the user's cache; None if it is in neither."""
    return next((found for folder in _folders(environment) if (found := folder / wanted.name).is_file()), None)


def path(name: str, environment: Mapping[str, str] = os.environ) -> Path:
    """Where a public file lies; its content has the digest of the catalogue.

    Raises:
        ConfigError: No public file has that name.
        MissingDataError: It is not on this machine.
        ProblemError: What lies there is something else.
    """
    wanted = dataset(name)
    found = find(wanted, environment)
    if found is None:
        raise MissingDataError(wanted, _folders(environment))
    state = found.stat()
    _check(with_digest(wanted, found), found, state.st_size, state.st_mtime_ns)
    return found


def content(name: str, environment: Mapping[str, str] = os.environ) -> bytes:
    """The content of a public file, decompressed.

    Raises:
        ConfigError, MissingDataError, ProblemError: As `path`.
    """
    return read(dataset(name), path(name, environment))


def read(wanted: Dataset, file: Path) -> bytes:
    """What a file holds, decompressed if it is stored so.

    Raises:
        ProblemError: It is damaged.
        OSError: It cannot be read.
    """
    stored = file.read_bytes()
    if not wanted.is_compressed:
        return stored
    try:
        return gzip.decompress(stored)
    except (OSError, EOFError, zlib.error) as error:
        raise ProblemError(
            f"{file} is damaged ({error}); delete it and run: thekla data fetch {wanted.name}"
        ) from error


def with_digest(wanted: Dataset, file: Path) -> Dataset:
    """The data set with the digest that holds here: the catalogue's, or the one that the first fetch left."""
    beside = digest_file(file)
    if wanted.sha256 or not beside.is_file():
        return wanted
    return replace(wanted, sha256=beside.read_text(encoding="ascii").strip())


def digest_file(file: Path) -> Path:
    """Where the digest of a file is kept that the catalogue does not know."""
    return file.with_name(file.name + ".sha256")


def _folders(environment: Mapping[str, str]) -> list[Path]:
    named = environment.get(VARIABLE)
    return [*([Path(named).expanduser()] if named else []), cache_folder()]


@lru_cache(maxsize=64)
def _check(wanted: Dataset, found: Path, size_bytes: int, changed_ns: int) -> None:
    """Compare the digest, once for every state of the file."""
    if objection := wanted.objection(read(wanted, found)):
        raise ProblemError(
            f"{found} is not the public data set {wanted.name!r}: {objection}; "
            f"delete it and run: thekla data fetch {wanted.name}"
        )
