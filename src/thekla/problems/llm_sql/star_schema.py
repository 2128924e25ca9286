"""Generated tables with the shape of joined star schemas: facts that refer to entities with long texts.

Every row is a fact about one entity of each kind (a film, a shop). An entity's columns depend on it alone, but for
some noise, and a few entities stand in most rows. Beside them are columns of few values, and columns that are nearly
unique. A table may mix two populations of rows, in which different kinds of entities repeat.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from random import Random
from types import MappingProxyType
from typing import TypeVar

from .tables import Column, Table

__all__ = ["PROFILES", "EntityKind", "Profile", "generate"]

T = TypeVar("T")
_LETTERS = "aabcdeeefghiijklmnooprrssttuuvwxyz"
_WORDS = 600


@dataclass(frozen=True, kw_only=True)
class EntityKind:
    """A dimension of the schema: a key, a text, and attributes that depend on the key.

    Args:
        share: Entities per row of the table.
        text: Least and most characters of the text.
        attributes: Distinct values of each attribute.
        skew: Exponent of the Zipf law by which entities are chosen.
    """

    share: float
    text: tuple[int, int]
    attributes: tuple[int, ...] = ()
    skew: float = 1.1


@dataclass(frozen=True, kw_only=True)
class Profile:
    """How a generated table looks.

    Args:
        kinds: Dimensions.
        small: Distinct values of each further column, skewed.
        people: Distinct names per row of the column of user names; 0 for no such column.
        stamped: Whether there is a column of timestamps, all different.
        noise: Chance that an attribute is not the one that its entity has.
        nulls: Chance that an attribute or a value of a small column is missing.
        populations: 1, or 2 if in each half of the rows other kinds of entities repeat.
        cache: Tokens that the cache holds, as a share of the table's.
    """

    doc: str
    kinds: tuple[EntityKind, ...]
    small: tuple[int, ...] = (3, 8)
    people: float = 0.0
    stamped: bool = False
    noise: float = 0.0
    nulls: float = 0.05
    populations: int = 1
    cache: float = 0.1
    rows: int = 2000


PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        "reviews": Profile(
            doc="short texts, ratings and user names, as in the public table of beers",
            kinds=(EntityKind(share=0.08, text=(15, 60), attributes=(70,)),),
            small=(10, 10, 9, 19), people=0.1, stamped=True,
        ),
        "long-texts": Profile(
            doc="an entity's long text is nearly all of a row; the cache holds a hundredth of the table",
            kinds=(EntityKind(share=0.12, text=(250, 600), attributes=(150, 12), skew=1.0),),
            small=(2, 5, 8), people=0.3, cache=0.01,
        ),
        "two-entities": Profile(
            doc="two dimensions whose texts are of equal weight, so that only one of them can lead",
            kinds=(
                EntityKind(share=0.05, text=(80, 240), attributes=(30,), skew=1.0),
                EntityKind(share=0.1, text=(80, 240), attributes=(60,), skew=1.0),
            ),
            small=(4, 7), stamped=True, cache=0.1,
        ),
        "two-populations": Profile(
            doc="in each half of the rows another dimension repeats, so that one order of fields cannot serve both",
            kinds=(
                EntityKind(share=0.03, text=(120, 300), attributes=(20,)),
                EntityKind(share=0.03, text=(120, 300), attributes=(20,)),
            ),
            small=(2, 6), populations=2, cache=0.02,
        ),
        "loose-attributes": Profile(
            doc="attributes that are often not their entity's, or missing",
            kinds=(EntityKind(share=0.06, text=(40, 120), attributes=(25, 9, 5)),),
            small=(3, 4, 12), people=0.5, noise=0.15, nulls=0.12, cache=0.05,
        ),
        "many-categories": Profile(
            doc="eight columns of few values and a message from a template; the cache holds about four rows",
            kinds=(EntityKind(share=0.02, text=(60, 160), attributes=(8,)),),
            small=(2, 3, 4, 6, 9, 14, 20), cache=0.002, nulls=0.02,
        ),
    }
)  # fmt: skip
"""The profiles by name."""


def generate(profile: Profile, rng: Random, *, rows: int = 0) -> Table:
    """A table of the profile; equal states of `rng` give equal tables.

    Args:
        rows: How many rows; the profile's own number if 0.
    """
    rows = rows or profile.rows
    words = ["".join(rng.choice(_LETTERS) for _ in range(rng.randint(2, 9))) for _ in range(_WORDS)]
    halves = [rng.randrange(profile.populations) for _ in range(rows)]
    columns: list[tuple[str, list[str]]] = []
    for number, kind in enumerate(profile.kinds):
        chosen = _chosen(kind, number, halves, rng)
        columns += _dimension(f"kind{number}", kind, profile, chosen, words, rng)
    for number, distinct in enumerate(profile.small):
        columns.append((f"small{number}", _small(distinct, rows, profile.nulls, words, rng)))
    if profile.people:
        names = [
            f"{rng.choice(words)}{rng.choice(words)}{rng.randrange(100)}" for _ in range(int(profile.people * rows))
        ]
        columns.append(("person", _zipf(names, 0.8, rows, rng)))
    if profile.stamped:
        columns.append(("time", _stamps(rows, rng)))
    rng.shuffle(columns)
    # Facts begin with who or when, as most tables do: a text in front would make the original order a good one.
    columns.sort(key=lambda column: column[0] not in ("person", "time"))
    return Table(tuple(Column.of(name, texts) for name, texts in columns))


def _chosen(kind: EntityKind, number: int, halves: Sequence[int], rng: Random) -> list[int]:
    """The entity of each row; where the population is another kind's, one that hardly repeats."""
    entities = range(max(1, round(kind.share * len(halves))))
    repeating = _zipf(entities, kind.skew, len(halves), rng)
    fresh = iter(range(len(entities), len(entities) + len(halves)))
    return [
        entity if half == number % 2 or max(halves) == 0 else next(fresh)
        for entity, half in zip(repeating, halves, strict=True)
    ]


def _dimension(
    name: str, kind: EntityKind, profile: Profile, chosen: Sequence[int], words: Sequence[str], rng: Random
) -> Iterator[tuple[str, list[str]]]:
    entities = range(max(chosen) + 1)
    keys = [f"{rng.randrange(10**6):06d}" for _ in entities]
    texts = [_text(rng.randint(*kind.text), words, rng) for _ in entities]
    yield f"{name}_key", [keys[entity] for entity in chosen]
    yield f"{name}_text", [texts[entity] for entity in chosen]
    for number, distinct in enumerate(kind.attributes):
        values = [_text(rng.randint(3, 24), words, rng) for _ in range(distinct)]
        own = [rng.choice(values) for _ in entities]
        yield (
            f"{name}_attribute{number}",
            [_loose(own[entity], values, profile.noise, profile.nulls, rng) for entity in chosen],
        )


def _loose(own: str, values: Sequence[str], noise: float, nulls: float, rng: Random) -> str:
    if rng.random() < nulls:
        return ""
    return rng.choice(values) if rng.random() < noise else own


def _small(distinct: int, rows: int, nulls: float, words: Sequence[str], rng: Random) -> list[str]:
    values = [_text(rng.randint(1, 15), words, rng) for _ in range(distinct)]
    return ["" if rng.random() < nulls else value for value in _zipf(values, 1.0, rows, rng)]


def _stamps(rows: int, rng: Random) -> list[str]:
    now = 1_100_000_000
    stamps = []
    for _ in range(rows):
        now += rng.randint(1, 20_000)
        stamps.append(str(now))
    return stamps


def _zipf(items: Sequence[T], skew: float, count: int, rng: Random) -> list[T]:
    weights = list(accumulate((rank + 1) ** -skew for rank in range(len(items))))
    return rng.choices(items, cum_weights=weights, k=count)


def _text(length: int, words: Sequence[str], rng: Random) -> str:
    parts: list[str] = []
    have = 0
    while have < length:
        parts.append(rng.choice(words))
        have += len(parts[-1]) + 1
    return " ".join(parts)[:length]
