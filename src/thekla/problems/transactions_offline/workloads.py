"""Instances of the problem: every id says all that is needed to make its workload again.

``<family>/n<count>/s<seed>`` is drawn from a generator of `thekla.simulators.transactions.FAMILIES`;
``public/W1`` to ``public/W3`` are the three workloads of the public evaluators, which are fetched. With
``/renamed<seed>`` behind it an id means the same workload, its keys under other names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from statistics import fmean

from thekla.core.errors import ProblemError
from thekla.core.problem import Instance, Split
from thekla.core.values import digest_of
from thekla.problems import datasets
from thekla.problems.folder import drawn_seed, near_seed
from thekla.problems.names import RENAMED, first_name, other_name
from thekla.simulators.transactions import (
    FAMILIES,
    Schedule,
    Workload,
    generate,
    makespan,
    makespan_bound,
    new_names,
    parse_workload,
    renamed,
)

__all__ = [
    "PUBLIC_FILE",
    "Reference",
    "drawn_holdout",
    "instance",
    "probes",
    "reference",
    "relabelled",
    "resized",
    "smoke",
    "splits",
    "varied",
    "workload",
]

GENERATOR_VERSION = 1
"""Raised whenever an id would give another workload than before."""

PUBLIC_FILE = "transactions/public_workloads.json"
"""The three public workloads, by their name in `thekla.problems.datasets`."""

_PUBLIC = ("W1", "W2", "W3")
_SIBLINGS = ("smallbank", "taobench", "tpcc")  # the families that the public workloads resemble
_TRAIN_SIZES = (100, 200)
_KEPT_SIZES = (100, 200, 500)
_SMF_SEEDS = 5
_SMF_SAMPLE = 10

_GENERATED = re.compile(r"(?P<family>[a-z]+)/n(?P<count>[1-9]\d{0,3})/s(?P<seed>0|[1-9]\d{0,19})")


_MOST = 9999  # transactions that an id can name


@dataclass(frozen=True, kw_only=True)
class Reference:
    """What a makespan is compared with, in slots.

    Args:
        in_order: Makespan of the transactions as they stand.
        smf: Mean makespan of shortest makespan first, ten sampled per step, over five seeds.
        bound: No order has a smaller makespan.
    """

    in_order: int
    smf: float
    bound: int

    def score(self, makespan: float) -> float:
        """Points: 0 at `smf`, 100 at `bound`, linear in between and beyond."""
        return 100.0 * (self.smf - makespan) / max(1.0, self.smf - self.bound)


def instance(id: str, split: Split) -> Instance:
    """The instance of that id; its digest covers the recipe and the version of the generator.

    Raises:
        ProblemError: The id names no recipe.
    """
    kind, _, _ = _recipe(id)
    made_by = datasets.dataset(PUBLIC_FILE).sha256 if kind == "public" else str(GENERATOR_VERSION)
    return Instance(id=id, split=split, digest=digest_of({"transactions": made_by, "id": id}))


def smoke() -> Instance:
    """The small case that a program meets before any other."""
    return instance("smallbank/n12/s90", Split.TRAIN)


def probes() -> tuple[Instance, ...]:
    """Small cases on which a program that decides like another is told from one that does not."""
    return tuple(instance(f"{family}/n40/s90", Split.TRAIN) for family in ("epinions", "taobench", "tpcc"))


def splits(suite: str) -> Mapping[Split, tuple[Instance, ...]]:
    """The instances of a suite, without its hold-out."""
    if suite == "public":
        train = [f"public/{name}" for name in _PUBLIC]
        validation = [f"{family}/n100/s2000" for family in _SIBLINGS]
    else:
        train = [f"{family}/n{count}/s1000" for family in FAMILIES for count in _TRAIN_SIZES]
        validation = [f"{family}/n{count}/s2000" for family in FAMILIES for count in _KEPT_SIZES]
    ids = {Split.TRAIN: train, Split.VALIDATION: validation}
    return {split: tuple(instance(id, split) for id in of) for split, of in ids.items()}


def drawn_holdout(suite: str, key: bytes) -> tuple[Instance, ...]:
    """The hold-out that a key determines: workloads that nobody can compute without it."""
    families, sizes = (_SIBLINGS, (100,)) if suite == "public" else (tuple(FAMILIES), _KEPT_SIZES)
    return tuple(
        instance(f"{family}/n{count}/s{drawn_seed(key, 'transactions', suite, family, count)}", Split.HOLDOUT)
        for family in families
        for count in sizes
    )


@lru_cache(maxsize=64)
def workload(id: str) -> Workload:
    """The transactions of an instance; equal ids give equal ones in every process.

    Raises:
        ProblemError: The id names no recipe.
        MissingDataError: The public workloads are not on this machine.
    """
    if (found := RENAMED.search(id)) is not None:
        given = workload(id[: found.start()]).transactions
        return Workload(renamed(given, new_names(given, Random(f"transactions/names/{found['seed']}"))))
    family, count, _ = _recipe(id)
    if family == "public":
        texts = json.loads(datasets.content(PUBLIC_FILE))
        return parse_workload(texts[id.removeprefix("public/")])
    # A text seeds alike in every version of Python.
    return generate(family, count, Random(f"transactions/{GENERATOR_VERSION}/{id}"))


@lru_cache(maxsize=256)
def reference(id: str) -> Reference:
    """What makespans on an instance are compared with; raises what `workload` raises."""
    if (found := RENAMED.search(id)) is not None:  # names change no makespan
        return reference(id[: found.start()])
    given = workload(id)
    return Reference(
        in_order=makespan(given.transactions),
        smf=fmean(_smf(given, Random(f"smf/{id}/{number}")) for number in range(_SMF_SEEDS)),
        bound=makespan_bound(given),
    )


def _smf(given: Workload, rng: Random) -> int:
    """Makespan of shortest makespan first; the first of equals among the sampled is taken."""
    schedule = Schedule()
    left = list(given.transactions)
    rng.shuffle(left)
    schedule.append(left.pop())
    while left:
        sampled = rng.sample(range(len(left)), min(_SMF_SAMPLE, len(left)))
        chosen = min(sampled, key=lambda place: schedule.probe(left[place]))
        left[chosen], left[-1] = left[-1], left[chosen]
        schedule.append(left.pop())
    return schedule.makespan


def resized(given: Instance, factor: float) -> Instance | None:
    """A workload of the same family and seed with `factor` times the transactions; None for the public ones.

    None, too, for renamed ones, and beyond 9999 transactions.
    """
    found = _GENERATED.fullmatch(given.id)
    if found is None:
        return None
    count = max(2, round(int(found["count"]) * factor))
    if count > _MOST:
        return None
    return instance(f"{found['family']}/n{count}/s{found['seed']}", given.split)


def varied(given: Instance, *, seed: int) -> Instance | None:
    """A neighbour: the size differs by up to a fifth, and the draw is another; None for the public ones."""
    found = _GENERATED.fullmatch(given.id)
    if found is None:
        return None
    rng = Random(f"transactions/varied/{given.id}/{seed}")
    count = min(_MOST, max(2, round(int(found["count"]) * rng.uniform(0.8, 1.25))))
    return instance(f"{found['family']}/n{count}/s{near_seed(rng)}", given.split)


def relabelled(given: Instance, *, seed: int) -> Instance | None:
    """The same workload, its keys under other names."""
    id = other_name(given.id, seed)
    return None if id is None else instance(id, given.split)


def _recipe(id: str) -> tuple[str, int, int]:
    id = first_name(id)
    if id in {f"public/{name}" for name in _PUBLIC}:
        return "public", 0, 0
    found = _GENERATED.fullmatch(id)
    if found is not None and found["family"] in FAMILIES:
        return found["family"], int(found["count"]), int(found["seed"])
    raise ProblemError(
        f"no instance of transactions-offline is called {id!r}; expected <family>/n<count>/s<seed> with one of the "
        f"families {', '.join(FAMILIES)}, or public/W1 to public/W3"
    )
