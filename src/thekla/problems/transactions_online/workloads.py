"""Instances of the problem: ``<track>/<family>/n<count>/s<seed>``, which says all that is needed to make it again.

The track is `known` (transactions are announced as they are) or `predicted` (a tenth of the keys is announced wrongly);
the family is one of `thekla.simulators.transactions.FAMILIES`. With ``/renamed<seed>`` behind it an id means the same
arrivals, their keys under other names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from statistics import fmean

from thekla.core.errors import ProblemError
from thekla.core.problem import Instance, Split
from thekla.core.values import digest_of
from thekla.problems.folder import drawn_seed, near_seed
from thekla.problems.names import RENAMED, first_name, other_name
from thekla.simulators.transactions import (
    FAMILIES,
    Transaction,
    Workload,
    generate,
    makespan_bound,
    mispredicted,
    new_names,
    renamed,
    smf_in_window,
)

__all__ = [
    "Arrivals",
    "Reference",
    "arrivals",
    "drawn_holdout",
    "instance",
    "probes",
    "reference",
    "relabelled",
    "resized",
    "smoke",
    "splits",
    "varied",
]

GENERATOR_VERSION = 1
"""Raised whenever an id would give other arrivals than before."""

_TRACKS = {"known": 0.0, "predicted": 0.1}
"""Share of the keys that are announced wrongly; a precision and a recall of 0.9 are the specification's."""

_TRACK_OF_SUITE = {"default": "known", "predicted": "predicted"}
_TRAIN_COUNT = 200
_KEPT_COUNT = 500
_SMF_SAMPLE = 5
_SMF_SEEDS = 5

_MOST = 9999  # transactions that an id can name
_ID = re.compile(r"(?P<track>[a-z]+)/(?P<family>[a-z]+)/n(?P<count>[1-9]\d{0,3})/s(?P<seed>0|[1-9]\d{0,19})")


@dataclass(frozen=True, kw_only=True)
class Arrivals:
    """Transactions in the order of their arrival.

    Args:
        hints: What is announced of each.
    """

    workload: Workload
    hints: tuple[Transaction, ...]


@dataclass(frozen=True, kw_only=True)
class Reference:
    """What a makespan is compared with, in slots.

    Args:
        smf: Mean makespan of shortest makespan first, five sampled from the window per pick, over five seeds.
        bound: No order of all transactions, were they known beforehand, has a smaller makespan.
    """

    smf: float
    bound: int


def instance(id: str, split: Split) -> Instance:
    """The instance of that id; its digest covers the recipe and the version of the generator.

    Raises:
        ProblemError: The id names no recipe.
    """
    _recipe(id)
    return Instance(id=id, split=split, digest=digest_of({"transactions-online": GENERATOR_VERSION, "id": id}))


def smoke(suite: str) -> Instance:
    """The small case that a policy meets before any other."""
    return instance(f"{_TRACK_OF_SUITE[suite]}/smallbank/n25/s90", Split.TRAIN)


def probes(suite: str) -> tuple[Instance, ...]:
    """Small cases on which a policy that decides like another is told from one that does not."""
    families = ("epinions", "taobench", "tpcc")
    return tuple(instance(f"{_TRACK_OF_SUITE[suite]}/{family}/n50/s90", Split.TRAIN) for family in families)


def splits(suite: str) -> Mapping[Split, tuple[Instance, ...]]:
    """The instances of a suite, without its hold-out."""
    seeds = {Split.TRAIN: (_TRAIN_COUNT, (1000, 1001)), Split.VALIDATION: (_KEPT_COUNT, (2000, 2001))}
    return {
        split: tuple(
            instance(f"{_TRACK_OF_SUITE[suite]}/{family}/n{count}/s{seed}", split) for family in FAMILIES for seed in of
        )
        for split, (count, of) in seeds.items()
    }


def drawn_holdout(suite: str, key: bytes) -> tuple[Instance, ...]:
    """The hold-out that a key determines: arrivals that nobody can compute without it."""
    track = _TRACK_OF_SUITE[suite]
    return tuple(
        instance(
            f"{track}/{family}/n{_KEPT_COUNT}/s{drawn_seed(key, 'transactions-online', suite, family, number)}",
            Split.HOLDOUT,
        )
        for family in FAMILIES
        for number in range(2)
    )


@lru_cache(maxsize=64)
def arrivals(id: str) -> Arrivals:
    """What arrives on an instance; equal ids give equal arrivals in every process.

    Raises:
        ProblemError: The id names no recipe.
    """
    if (found := RENAMED.search(id)) is not None:
        return _renamed(arrivals(id[: found.start()]), Random(f"transactions-online/names/{found['seed']}"))
    track, family, count = _recipe(id)
    # A text seeds alike in every version of Python.
    rng = Random(f"transactions-online/{GENERATOR_VERSION}/{id}")
    workload = generate(family, count, rng)
    share = _TRACKS[track]
    return Arrivals(workload=workload, hints=mispredicted(workload, share, rng) if share else workload.transactions)


@lru_cache(maxsize=256)
def reference(id: str) -> Reference:
    """What makespans on an instance are compared with; raises what `arrivals` raises."""
    if (found := RENAMED.search(id)) is not None:  # names change no makespan
        return reference(id[: found.start()])
    given = arrivals(id)
    makespans = (
        smf_in_window(given.workload, given.hints, sampled=_SMF_SAMPLE, rng=Random(f"smf/{id}/{number}"))
        for number in range(_SMF_SEEDS)
    )
    return Reference(smf=fmean(makespans), bound=makespan_bound(given.workload))


def resized(given: Instance, factor: float) -> Instance | None:
    """Arrivals of the same family with `factor` times the transactions; the window stays as wide as it is.

    None for renamed ones, and beyond 9999 transactions.
    """
    found = _ID.fullmatch(given.id)
    if found is None:
        return None
    count = max(2, round(int(found["count"]) * factor))
    if count > _MOST:
        return None
    return instance(f"{found['track']}/{found['family']}/n{count}/s{found['seed']}", given.split)


def varied(given: Instance, *, seed: int) -> Instance | None:
    """A neighbour: another draw whose size differs by up to a quarter; None for renamed ones."""
    found = _ID.fullmatch(given.id)
    if found is None:
        return None
    rng = Random(f"transactions-online/varied/{given.id}/{seed}")
    count = min(_MOST, max(2, round(int(found["count"]) * rng.uniform(0.8, 1.25))))
    return instance(f"{found['track']}/{found['family']}/n{count}/s{near_seed(rng)}", given.split)


def relabelled(given: Instance, *, seed: int) -> Instance | None:
    """The same arrivals, their keys under other names; None if that was done already."""
    id = other_name(given.id, seed)
    return None if id is None else instance(id, given.split)


def _renamed(given: Arrivals, rng: Random) -> Arrivals:
    """One name for a key, wherever it is announced or used."""
    names = new_names((*given.workload.transactions, *given.hints), rng)
    return Arrivals(workload=Workload(renamed(given.workload.transactions, names)), hints=renamed(given.hints, names))


def _recipe(id: str) -> tuple[str, str, int]:
    found = _ID.fullmatch(first_name(id))
    if found is not None and found["track"] in _TRACKS and found["family"] in FAMILIES:
        return found["track"], found["family"], int(found["count"])
    raise ProblemError(
        f"no instance of transactions-online is called {id!r}; expected <track>/<family>/n<count>/s<seed> with one of "
        f"the tracks {', '.join(_TRACKS)} and one of the families {', '.join(FAMILIES)}"
    )
