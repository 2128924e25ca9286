"""The list of public files, as data."""

from __future__ import annotations

import gzip
import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType

from thekla.core.errors import ConfigError

__all__ = ["Dataset", "catalogue", "dataset"]

COMPRESSED = ".gz"


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A public file.

    Args:
        name: Its path below a data folder; stored with gzip if it ends with `.gz`.
        sha256: Digest of the content, in hexadecimal: of what is compressed, not of the compressed bytes. Empty if we
            have never had the file; then the first fetch fixes it for this machine.
        size_bytes: Size of the content; 0 if it is not known.
        source: Who published it, and where, in words.
        licence: What is known of the right to use it.
        url: Serves the content; empty if nothing does.
        archive, recipe: A tar file, and the rule that makes the content from it; empty if there is none.
    """

    name: str
    about: str
    source: str
    licence: str
    sha256: str = ""
    size_bytes: int = 0
    url: str = ""
    archive: str = ""
    recipe: str = ""

    @property
    def is_compressed(self) -> bool:
        """Whether it is stored with gzip."""
        return self.name.endswith(COMPRESSED)

    @property
    def is_fetchable(self) -> bool:
        """Whether `fetch` knows a public place to get it from."""
        return bool(self.url or self.archive)

    def objection(self, content: bytes) -> str:
        """Why `content` is not this file's, in words; empty if it is."""
        found = hashlib.sha256(content).hexdigest()
        if found == self.sha256 or not self.sha256:
            return ""
        return (
            f"its content has SHA-256 {found[:16]}... and {len(content)} bytes; "
            f"expected {self.sha256[:16]}... and {self.size_bytes or 'some'} bytes"
        )

    def stored(self, content: bytes) -> bytes:
        """`content` as it is stored; equal content is stored as equal bytes."""
        return gzip.compress(content, mtime=0) if self.is_compressed else content


@lru_cache(maxsize=1)
def catalogue() -> Mapping[str, Dataset]:
    """All public files by name."""
    data = tomllib.loads(files(__package__).joinpath("catalogue.toml").read_text(encoding="utf-8"))
    return MappingProxyType({name: Dataset(name=name, **entry) for name, entry in data.items()})


def dataset(name: str) -> Dataset:
    """The public file of that name.

    Raises:
        ConfigError: There is none.
    """
    if name not in catalogue():
        raise ConfigError(f"no public data set is called {name!r}; `thekla data list` shows them all")
    return catalogue()[name]
