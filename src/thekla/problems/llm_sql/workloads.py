"""Instances of LLM-SQL: every id says all that is needed to make its table again.

* ``star/<profile>/s<seed>``: a generated table and a cache of blocks that is too small for it.
* ``trie/<profile>/s<seed>``: the same, under the published metric.
* ``beer/<id-name|name-id>``: the public table of beers, under the published metric; which of a joined pair comes first.
* ``<movies|bird|pdmx|products>/joined``: the other public tables, under the same metric.
* ``race/<profile>/s<seed>``: the seed of as many tables as a race has turns.
* ``tiny/<blocks|trie>``: a dozen rows.

``/first<n>`` behind a generated or public table is the table of its first n rows, ``/x<n>`` behind a generated one a
table of its kind with n times the rows. ``/renamed<seed>`` behind any but a race means the same under other names of
the columns.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from random import Random

from thekla.core.errors import ConfigError, ProblemError
from thekla.core.problem import Instance, Split
from thekla.core.values import digest_of
from thekla.problems.folder import drawn_seed, near_seed
from thekla.problems.names import RENAMED, first_name, other_name

from .public_tables import BEERS, OTHERS, PUBLIC_TABLES
from .star_schema import PROFILES, generate
from .tables import BlockMetric, Metric, Prompts, Table, TrieMetric, row_lengths

__all__ = [
    "SMOKE_RACE",
    "Scene",
    "drawn_holdout",
    "instance",
    "probes",
    "race_table",
    "relabelled",
    "resized",
    "scene",
    "smoke",
    "splits",
    "varied",
]

GENERATOR_VERSION = 1
"""Raised whenever an id would give another table than before."""

SMOKE_RACE = "race/reviews/s90/first200"
"""A race of a few small tables, which asks only whether a program works."""

_BLOCK_TOKENS = 16  # as in vLLM
_PROBE_ROWS = 250
_TRIE_PROFILES = ("reviews", "loose-attributes", "two-populations")
_RACE_PROFILES = ("reviews", "two-entities", "many-categories")

_FIRST = re.compile(r"/first[1-9]\d{0,4}$")
_SEED = r"s(?P<seed>0|[1-9]\d{0,19})"  # one spelling of a seed, so that two ids are never one table
_GENERATED = re.compile(rf"(?P<family>star|trie|race)/(?P<profile>[a-z-]+)/{_SEED}")
_TINY = ("tiny/blocks", "tiny/trie")
_TIMES = re.compile(r"/x(?P<times>[2-9]|10)$")
# Measured at ten times the rows: 0.85 CPU s at most for any rung, of 2 s; the 26 turns of a race have 8 s together.
_MOST_TIMES = {"star": 10, "trie": 10, "race": 2}
_PROFILES_OF = {"star": tuple(PROFILES), "trie": _TRIE_PROFILES, "race": _RACE_PROFILES}


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A table and how its prompts are judged.

    Args:
        total: Length of all rows.
        original: What is found in the cache if rows and fields stay as they come.
        bound: Most that can be found, proven; None if nothing is known.
    """

    table: Table
    metric: Metric
    total: int
    original: int
    bound: int | None

    @classmethod
    def of(cls, table: Table, metric: Metric) -> Scene:
        """The scene of a table, its anchors computed."""
        return cls(
            table=table,
            metric=metric,
            total=sum(row_lengths(table, metric.length)),
            original=metric.hits(table, Prompts.original(table)),
            bound=metric.bound(table),
        )


def instance(id: str, split: Split) -> Instance:
    """The instance of that id; its digest covers the recipe, the generator's version, or the public table.

    Raises:
        ProblemError: The id names no recipe.
    """
    _require_recipe(id)
    public = PUBLIC_TABLES.get(_whole(id))
    content = str(GENERATOR_VERSION) if public is None else public.digest
    return Instance(id=id, split=split, digest=digest_of({"llm-sql": content, "id": id}))


def smoke(suite: str) -> Instance:
    """The tiny case that a program of the suite meets before any real table."""
    return instance({"default": "tiny/blocks", "speed": SMOKE_RACE}.get(suite, "tiny/trie"), Split.TRAIN)


def probes(suite: str) -> tuple[Instance, ...]:
    """Beginnings of tables, on which a program that decides like another is told from one that does not.

    A race has none: programs that decide alike may differ in speed.
    """
    if suite == "speed":
        return ()
    family = "star" if suite == "default" else "trie"
    wholes = (f"{family}/reviews/s90", f"{family}/two-populations/s90")
    return tuple(instance(f"{whole}/first{_PROBE_ROWS}", Split.TRAIN) for whole in wholes)


def splits(suite: str) -> Mapping[Split, tuple[Instance, ...]]:
    """The instances of a suite, without its hold-out.

    Raises:
        ConfigError: There is no such suite.
    """
    if suite == "default":
        ids = {
            Split.TRAIN: [f"star/{profile}/s1000" for profile in PROFILES],
            Split.VALIDATION: [f"star/{profile}/s{seed}" for profile in PROFILES for seed in (2000, 2001)],
        }
    elif suite in ("public", "tables"):
        ids = {
            Split.TRAIN: list(BEERS if suite == "public" else OTHERS),
            Split.VALIDATION: [f"trie/{profile}/s{seed}" for profile in _TRIE_PROFILES for seed in (2000, 2001)],
        }
    elif suite == "speed":
        ids = {
            Split.TRAIN: [f"race/{profile}/s1000" for profile in _RACE_PROFILES],
            Split.VALIDATION: [f"race/{profile}/s2000" for profile in _RACE_PROFILES],
        }
    else:
        raise ConfigError(f"problem 'llm-sql' has no suite {suite!r}; use one of default, public, tables, speed")
    return {split: tuple(instance(id, split) for id in of) for split, of in ids.items()}


def drawn_holdout(suite: str, key: bytes) -> tuple[Instance, ...]:
    """The hold-out that a key determines; that of public tables is generated under the same metric."""
    like_public = [f"trie/{profile}" for profile in _TRIE_PROFILES for _ in range(2)]
    stems: Mapping[str, Sequence[str]] = {
        "default": [f"star/{profile}" for profile in PROFILES for _ in range(2)],
        "public": like_public,
        "tables": like_public,
        "speed": [f"race/{profile}" for profile in _RACE_PROFILES],
    }
    return tuple(
        instance(f"{stem}/s{drawn_seed(key, 'llm-sql', suite, number)}", Split.HOLDOUT)
        for number, stem in enumerate(stems[suite])
    )


def resized(given: Instance, factor: float) -> Instance | None:
    """A table of the same kind with `factor` times the rows, and a cache that holds the same share of it.

    None unless `factor` is whole and within what the limits allow, and for tables that are not generated.
    """
    if factor == 1:
        return given
    found = _GENERATED.fullmatch(given.id)
    id = f"{given.id}/x{factor:g}"
    if found is None or not _TIMES.search(id) or factor > _MOST_TIMES[found["family"]]:
        return None
    return instance(id, given.split)


def varied(given: Instance, *, seed: int) -> Instance | None:
    """Another table of the same profile, or of another one of the suite in one of four times.

    None for public tables, of which there is no other, for tiny and for changed ones.
    """
    found = _GENERATED.fullmatch(given.id)
    if found is None:
        return None
    rng = Random(f"llm-sql/varied/{given.id}/{seed}")
    family, drawn = found["family"], near_seed(rng)
    profile = rng.choice(sorted(_PROFILES_OF[family])) if rng.random() < 0.25 else found["profile"]
    return instance(f"{family}/{profile}/s{drawn}", given.split)


def relabelled(given: Instance, *, seed: int) -> Instance | None:
    """The same table under other names of its columns, which stand in no prompt.

    None if that was done already, and for a race, whose tables differ in every turn.
    """
    id = None if given.id.startswith("race/") else other_name(given.id, seed)
    return None if id is None else instance(id, given.split)


@lru_cache(maxsize=32)
def scene(id: str) -> Scene:
    """What an instance's id describes; equal ids give equal scenes in every process.

    Raises:
        ProblemError: The id names no recipe.
        MissingDataError: A public table is not on this machine.
    """
    _require_recipe(id)
    if (renamed := RENAMED.search(id)) is not None:
        setting = scene(id[: renamed.start()])
        return replace(setting, table=_renamed(setting.table, Random(f"llm-sql/names/{renamed['seed']}")))
    whole, _, first = id.partition("/first")
    table = _table(whole)
    if first:
        table = table.head(int(first))
    return Scene.of(table, _metric(whole, table))


@lru_cache(maxsize=4)
def race_table(id: str, turn: int) -> Table:
    """The table of one turn of a race.

    Raises:
        ProblemError: The id names no race.
    """
    whole, _, first = id.partition("/first")
    found = _GENERATED.fullmatch(_TIMES.sub("", whole))
    if found is None or found["family"] != "race":
        raise ProblemError(f"instance {id!r} is no race; expected race/<profile>/s<seed>")
    profile = PROFILES[found["profile"]]
    return generate(profile, _random(f"{whole}/{turn}"), rows=int(first or _times(whole) * profile.rows))


def _require_recipe(id: str) -> None:
    plain = first_name(id)
    whole = _whole(id)
    found = _GENERATED.fullmatch(_TIMES.sub("", plain) if whole == plain else whole)
    generated = found is not None and found["profile"] in PROFILES and (plain == id or found["family"] != "race")
    if not (generated or whole in _TINY or whole in PUBLIC_TABLES):
        raise ProblemError(
            f"no instance of llm-sql is called {id!r}; expected star, trie or race/<profile>/s<seed> with one of the "
            f"profiles {', '.join(PROFILES)}, or one of {', '.join((*PUBLIC_TABLES, *_TINY))}"
        )


def _whole(id: str) -> str:
    """The id without what stands behind a table for its beginning or for other names."""
    return _FIRST.sub("", RENAMED.sub("", id))


def _table(whole: str) -> Table:
    if whole in PUBLIC_TABLES:
        return PUBLIC_TABLES[whole].table()
    if whole in _TINY:
        return generate(PROFILES["two-entities"], _random("tiny"), rows=12)
    family, profile, seed = _TIMES.sub("", whole).split("/")
    if family == "race":
        raise ProblemError(f"instance {whole!r} is a race of many tables; ask race_table for one of them")
    times = _times(whole)
    name = f"{profile}/{seed}" if times == 1 else f"{profile}/{seed}/x{times}"
    return generate(PROFILES[profile], _random(name), rows=times * PROFILES[profile].rows)


def _times(whole: str) -> int:
    found = _TIMES.search(whole)
    return int(found["times"]) if found is not None else 1


def _renamed(table: Table, rng: Random) -> Table:
    """The columns in their places, under the names of numbers that say nothing of what they hold."""
    names = [f"column{number}" for number in range(len(table.columns))]
    rng.shuffle(names)
    return Table(tuple(replace(column, name=name) for column, name in zip(table.columns, names, strict=True)))


def _metric(whole: str, table: Table) -> Metric:
    family, name = whole.split("/")[:2]
    if family == "trie" or whole in PUBLIC_TABLES or whole == "tiny/trie":
        return TrieMetric()
    share = PROFILES[name].cache if name in PROFILES else 0.5
    total = sum(row_lengths(table, BlockMetric(block=_BLOCK_TOKENS, capacity=None).length))
    return BlockMetric(block=_BLOCK_TOKENS, capacity=int(share * total))


def _random(name: str) -> Random:
    # A text seeds alike in every version of Python, and nothing else of ours has a say in it.
    return Random(f"llm-sql/{GENERATOR_VERSION}/{name}")
