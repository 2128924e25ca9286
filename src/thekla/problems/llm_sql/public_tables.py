"""The public tables, which are no part of Thekla: which file holds each, and what the published evaluators join.

They join the columns of a group into one field, the last of the row, in the order given here. Texts are taken as they
stand in the file, where the published evaluators write numbers as pandas does.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from thekla.core.errors import ProblemError
from thekla.problems import datasets

from .tables import Column, Table

__all__ = ["BEERS", "OTHERS", "PUBLIC_TABLES", "PublicTable"]


@dataclass(frozen=True, kw_only=True)
class PublicTable:
    """A table in the catalogue of data sets.

    Args:
        file: Its name there.
        joined: Groups of columns that become one field each.
    """

    file: str
    joined: tuple[tuple[str, ...], ...]

    @property
    def digest(self) -> str:
        """SHA-256 of the content; empty if the first fetch fixes it."""
        return datasets.dataset(self.file).sha256

    def table(self) -> Table:
        """The table, its groups joined.

        Raises:
            MissingDataError: It is not on this machine.
            ProblemError: The file there is not the one that was published.
        """
        return joined_table(self.file, datasets.content(self.file), self.joined)


def joined_table(name: str, content: bytes, groups: tuple[tuple[str, ...], ...]) -> Table:
    """The table of a CSV file with a header, each group of columns joined into one behind the others.

    Raises:
        ProblemError: It is no such file, or lacks a column of a group.
    """
    try:
        head, *rows = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
        texts = dict(zip(head, map(list, zip(*rows, strict=True)), strict=True))
    except (UnicodeDecodeError, csv.Error, ValueError) as error:
        raise ProblemError(f"{name} is no table with a header and rows of equal width: {error}") from error
    together = [column for group in groups for column in group]
    if absent := [column for column in together if column not in texts]:
        raise ProblemError(
            f"{name} has no column {', '.join(absent)}; it has {', '.join(texts)}, so it is not the published table"
        )
    alone = [Column.of(column, of) for column, of in texts.items() if column not in together]
    merged = [
        Column.of("+".join(group), ["".join(parts) for parts in zip(*map(texts.__getitem__, group), strict=True)])
        for group in groups
    ]
    return Table((*alone, *merged))


def _beer(first: str, second: str) -> PublicTable:
    return PublicTable(file="llm_sql/beer.csv.gz", joined=((f"beer/{first}", f"beer/{second}"),))


BEERS: Mapping[str, PublicTable] = MappingProxyType(
    {"beer/id-name": _beer("beerId", "name"), "beer/name-id": _beer("name", "beerId")}
)
"""The table of beers by instance: published programs differ in which of the joined pair comes first."""

OTHERS: Mapping[str, PublicTable] = MappingProxyType(
    {
        "movies/joined": PublicTable(
            file="llm_sql/movies.csv.gz", joined=(("movieinfo", "movietitle", "rottentomatoeslink"),)
        ),
        "bird/joined": PublicTable(file="llm_sql/BIRD.csv.gz", joined=(("PostId", "Body"),)),
        "pdmx/joined": PublicTable(
            file="llm_sql/PDMX.csv.gz",
            joined=(
                ("path", "metadata"),
                ("hasmetadata", "isofficial", "isuserpublisher", "isdraft", "hasannotations", "subsetall"),
            ),
        ),
        "products/joined": PublicTable(file="llm_sql/products.csv.gz", joined=(("product_title", "parent_asin"),)),
    }
)
"""The other published tables, by instance: we never had them."""

PUBLIC_TABLES: Mapping[str, PublicTable] = MappingProxyType({**BEERS, **OTHERS})
"""All of them, by instance."""
