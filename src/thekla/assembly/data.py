"""Public data: what there is, what is on this machine, and getting the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from thekla.core.errors import ConfigError, ProblemError
from thekla.problems.datasets import Dataset, MissingDataError, catalogue, dataset, fetch, path

__all__ = ["DataRow", "data_sets", "fetch_data"]


@dataclass(frozen=True, kw_only=True)
class DataRow:
    """A public data set, and where it lies.

    Args:
        state: `here`, `absent`, or `damaged` (something else lies in its place).
        path: Where it lies; empty unless it is here.
        fetchable: Whether a public place serves it.
    """

    name: str
    about: str
    size_bytes: int
    sha256: str
    source: str
    licence: str
    state: str
    path: str
    fetchable: bool


def data_sets() -> list[DataRow]:
    """All public data sets, by name."""
    return [_row(catalogue()[name]) for name in sorted(catalogue())]


def fetch_data(names: Sequence[str] = (), *, source: str = "") -> list[Path]:
    """Get data sets into the user's cache: those named, or all that a public place serves and whose digest is known.

    Args:
        source: An address or a file to take the one named data set from.

    Raises:
        ConfigError: No data set has that name, or a source is given for other than one.
        FetchError: One cannot be had; those before it are kept.
    """
    wanted = [dataset(name) for name in names] or [
        each for each in catalogue().values() if each.is_fetchable and each.sha256
    ]
    if source and len(names) != 1:
        raise ConfigError("a source holds one data set; name the one to take from it")
    return [fetch(each, source=source) for each in wanted]


def _row(each: Dataset) -> DataRow:
    state, where = _found(each)
    return DataRow(
        name=each.name,
        about=each.about,
        size_bytes=each.size_bytes,
        sha256=each.sha256,
        source=each.source,
        licence=each.licence,
        state=state,
        path=where,
        fetchable=each.is_fetchable,
    )


def _found(each: Dataset) -> tuple[str, str]:
    try:
        return "here", str(path(each.name))
    except MissingDataError:
        return "absent", ""
    except ProblemError:
        return "damaged", ""
