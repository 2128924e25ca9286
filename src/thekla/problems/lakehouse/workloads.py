"""Instances of the lakehouse: every id says all that is needed to make its trace again.

Four families:

* ``loop/b<burst>/s<seed>``: the published loop's generator; seeds 10 and 11 are the ten public traces.
* ``varied/<profile>/s<seed>``: the profiles below, which differ in load, burstiness, classes, shapes and pools.
* ``<benchmark>/<split>/<profile>-<seed>``: a named benchmark of the simulator, such as ``thekla-2026a``, which never
  changes and has a hold-out of its own.
* ``tiny/<one-pool|two-pools>``: a handful of pipelines that end within 30 s, to catch broken policies at once.

Behind a trace of the first two, ``/x<n>`` means n traces like it at once, on pools n times as large; behind any id,
``/renamed<seed>`` means the same with its pipelines' ids drawn anew.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from random import Random
from types import MappingProxyType
from typing import Literal

from thekla.core.errors import ConfigError, MissingExtraError, ProblemError
from thekla.core.problem import Instance, Split
from thekla.core.values import digest_of
from thekla.problems.folder import drawn_seed, near_seed
from thekla.problems.names import RENAMED, first_name
from thekla.simulators.lakehouse import (
    Compat,
    Estimator,
    OperatorSpec,
    Params,
    PipelineSpec,
    PriorityClass,
    Trace,
    Work,
    loop_trace,
)
from thekla.simulators.lakehouse import suite as benchmark
from thekla.simulators.lakehouse.suites import SUITES as BENCHMARKS
from thekla.simulators.lakehouse.suites import SuiteSplit
from thekla.simulators.lakehouse.workload import CPU_SCALINGS, SCAN_GB_PER_SECOND

from .changes import enlarged, renamed, superposed

__all__ = [
    "BENCHMARKS",
    "PROFILES",
    "Profile",
    "Scene",
    "drawn_holdout",
    "instance",
    "neighbour",
    "probes",
    "published_holdout",
    "relabelled",
    "resized",
    "scene",
    "smoke",
    "splits",
]

GENERATOR_VERSION = 1
"""Raised whenever an id would give another trace than before."""

_BURSTS = range(5)
_PUBLIC_SEEDS = (10, 11)
_PROBE_S = 60  # a tenth of a trace
_CPUS_OF_LOAD = 4.0  # size at which `Profile.load` counts an operator's time


def _no_estimator() -> None:
    """No hints: the rule of all listed instances."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A trace and the lakehouse that it meets.

    Args:
        compat: Whose rules hold.
        new_estimator: Makes the estimator of one simulation; by default there is none.
    """

    trace: Trace
    params: Params
    compat: Compat = "eudoxia-pin"
    new_estimator: Callable[[], Estimator | None] = _no_estimator


@dataclass(frozen=True, kw_only=True)
class Profile:
    """How a varied trace looks.

    Args:
        load: True work that arrives, as a share of what the pools can do: an operator counts its time on 4 CPUs times
            the larger of its shares of memory and of 4 CPUs.
        burst: Mean pipelines per batch (geometric); batches fall uniformly over the first nine tenths.
        classes: Shares of queries, interactive and batch pipelines.
        operators: Median operators of an interactive pipeline; a batch pipeline has twice as many.
        tail: Deviation of the logarithm of that number and of the sizes; the larger, the heavier the tail.
        shapes: Weights of chains, of fans into the last operator and of fans out of the first.
        pools: Pools that share 64 CPUs and 500 GB.
        doc: The profile in one line.
    """

    load: float
    burst: float
    classes: tuple[float, float, float]
    operators: float
    tail: float
    shapes: tuple[float, float, float]
    pools: int
    doc: str


PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        "calm-chains": Profile(
            load=0.7, burst=1.5, classes=(0.2, 0.3, 0.5), operators=5, tail=0.25, shapes=(1, 0, 0), pools=1,
            doc="moderate load without bursts, chains only",
        ),
        "bursty-chains": Profile(
            load=1.1, burst=25, classes=(0.2, 0.3, 0.5), operators=5, tail=0.25, shapes=(1, 0, 0), pools=1,
            doc="batches of 25 pipelines, a little more than the pools can do",
        ),
        "heavy-fans": Profile(
            load=1.8, burst=6, classes=(0.1, 0.3, 0.6), operators=6, tail=0.35, shapes=(0.2, 0.4, 0.4), pools=1,
            doc="nearly twice what the pools can do, parallel operators",
        ),
        "long-tails": Profile(
            load=1.2, burst=4, classes=(0.3, 0.3, 0.4), operators=4, tail=0.8, shapes=(0.6, 0.2, 0.2), pools=1,
            doc="lengths and sizes with heavy tails",
        ),
        "query-rush": Profile(
            load=1.0, burst=30, classes=(0.75, 0.15, 0.1), operators=5, tail=0.4, shapes=(0.5, 0.25, 0.25), pools=1,
            doc="mostly queries, in large batches",
        ),
        "two-pools": Profile(
            load=1.3, burst=8, classes=(0.15, 0.25, 0.6), operators=6, tail=0.4, shapes=(0.4, 0.3, 0.3), pools=2,
            doc="two pools of half the size, mostly batch",
        ),
    }
)  # fmt: skip

_VARIED_SECONDS = 300
# 100: on the public traces the score is within 0.005 % of that at 1000, and a policy that is killed and tries again on
# every tick, as some do, costs a tenth.
_TICKS_PER_SECOND = 100

# (CPU seconds on one CPU, scaling, GB read) of the seven operator prototypes of Eudoxia's generator, from those that
# mostly scan to those that mostly compute; its own draw never leaves the first row.
_PROTOTYPES: tuple[tuple[float, str, float], ...] = (
    (1, "const", 55),
    (2, "sqrt", 55),
    (5, "linear3", 45),
    (15, "linear3", 37.5),
    (20, "linear7", 30),
    (40, "linear7", 20),
    (80, "squared", 10),
)
# Weights of the prototypes by class: queries scan a little and compute a little, batch holds the extremes.
_PROTOTYPE_WEIGHTS: Mapping[PriorityClass, tuple[float, ...]] = MappingProxyType(
    {
        PriorityClass.QUERY: (0, 1, 3, 4, 2, 0, 0),
        PriorityClass.INTERACTIVE: (1, 2, 3, 3, 2, 1, 0),
        PriorityClass.BATCH_PIPELINE: (3, 2, 1, 1, 2, 3, 2),
    }
)
_LARGEST_SHARE = 0.8  # of a pool's memory: every operator fits somewhere, though not beside another of its kind

# One spelling of a seed, so that two ids are never one trace.
_SEED = r"s(?P<seed>0|[1-9]\d{0,19})"
_LOOP = re.compile(rf"loop/b(?P<burst>\d)/{_SEED}")
_FIRST = re.compile(r"/first[1-9]\d{0,3}$")  # only the first seconds of a trace
_COPIES = re.compile(r"/x(?P<copies>[2-9]|10)$")
_VARIED = re.compile(rf"varied/(?P<profile>[a-z-]+)/{_SEED}")
_TINY = {"tiny/one-pool": 1, "tiny/two-pools": 2}


def instance(id: str, split: Split) -> Instance:
    """The instance of that id; its digest covers the recipe and the version of the generator.

    Raises:
        ProblemError: The id names no recipe.
    """
    _recipe(id)
    return Instance(id=id, split=split, digest=digest_of({"lakehouse": GENERATOR_VERSION, "id": id}))


def smoke(suite: str) -> Instance:
    """The tiny case that a program of the suite meets before any real trace."""
    pools = "two-pools" if suite == "default" or suite in BENCHMARKS else "one-pool"
    return instance(f"tiny/{pools}", Split.TRAIN)


def probes(suite: str) -> tuple[Instance, ...]:
    """Beginnings of traces, on which a program that behaves like another is told from one that does not."""
    wholes: Sequence[str] = ("loop/b2/s90",)
    if suite == "default":
        wholes = ("varied/long-tails/s90", "varied/two-pools/s90")
    elif suite in BENCHMARKS:
        wholes = _benchmark_ids(suite, "train")[:2]
    return tuple(instance(f"{whole}/first{_PROBE_S}", Split.TRAIN) for whole in wholes)


def splits(suite: str) -> Mapping[Split, tuple[Instance, ...]]:
    """The instances of a suite, without its hold-out.

    Raises:
        ConfigError: There is no such suite.
    """
    of_suites: Mapping[str, Mapping[Split, Sequence[str]]] = {
        "default": {
            Split.TRAIN: [f"varied/{profile}/s1000" for profile in PROFILES],
            Split.VALIDATION: [f"varied/{profile}/s{seed}" for profile in PROFILES for seed in (2000, 2001)],
        },
        "public": {Split.TRAIN: _public_ids(), Split.VALIDATION: _loop_ids(range(200, 210))},
        "siblings": {
            Split.TRAIN: _loop_ids(range(100, 105)),
            Split.VALIDATION: _loop_ids(range(200, 210)),
            Split.PUBLIC: _public_ids(),
        },
    }
    if suite in BENCHMARKS:
        of_suites = {
            suite: {Split.TRAIN: _benchmark_ids(suite, "train"), Split.VALIDATION: _benchmark_ids(suite, "validation")}
        }
    if suite not in of_suites:
        known = ", ".join((*of_suites, *BENCHMARKS))
        raise ConfigError(f"problem 'lakehouse' has no suite {suite!r}; use one of {known}")
    return {split: tuple(instance(id, split) for id in ids) for split, ids in of_suites[suite].items()}


def drawn_holdout(suite: str, key: bytes) -> tuple[Instance, ...]:
    """The hold-out that a key determines: seeds that nobody can compute without the key, disjoint from all listed."""
    if suite == "default":
        stems = [f"varied/{profile}" for profile in PROFILES for _ in range(2)]
    else:
        stems = [f"loop/b{burst}" for burst in _BURSTS for _ in range(2)]
    seeds = [drawn_seed(key, "lakehouse", suite, number) for number in range(len(stems))]
    return tuple(instance(f"{stem}/s{seed}", Split.HOLDOUT) for stem, seed in zip(stems, seeds, strict=True))


def published_holdout(suite: str) -> tuple[Instance, ...]:
    """The hold-out that a named benchmark publishes; nothing for a suite that draws one."""
    if suite not in BENCHMARKS:
        return ()
    return tuple(instance(id, Split.HOLDOUT) for id in _benchmark_ids(suite, "holdout"))


def _benchmark_ids(suite: str, split: SuiteSplit) -> list[str]:
    return [f"{suite}/{name}" for name in benchmark(suite).names(split)]


def neighbour(given: Instance, *, seed: int) -> Instance | None:
    """Another draw whose burstiness differs by a degree at most, or of the same profile (of another one in four times).

    None for other instances, as those of a user.
    """
    rng = Random(f"lakehouse/neighbour/{given.id}/{seed}")
    drawn = near_seed(rng)
    if (found := _LOOP.fullmatch(given.id)) is not None:
        burst = min(max(int(found["burst"]) + rng.choice((-1, 0, 1)), _BURSTS[0]), _BURSTS[-1])
        return instance(f"loop/b{burst}/s{drawn}", given.split)
    if (found := _VARIED.fullmatch(given.id)) is not None:
        profile = rng.choice(sorted(PROFILES)) if rng.random() < 0.25 else found["profile"]
        return instance(f"varied/{profile}/s{drawn}", given.split)
    return None


def resized(given: Instance, factor: float) -> Instance | None:
    """`factor` traces like it at once, on as many pools that are `factor` times as large: its load stays what it is.

    None unless `factor` is a whole number up to ten, and for traces without further ones of their kind: those of a
    named benchmark or of a user, and the tiny ones.
    """
    if factor == 1:
        return given
    id = f"{given.id}/x{factor:g}"
    if _COPIES.search(id) and (_LOOP.fullmatch(given.id) or _VARIED.fullmatch(given.id)):
        return instance(id, given.split)
    return None


def relabelled(given: Instance, *, seed: int) -> Instance | None:
    """The same trace, its pipelines under other ids; None if that was done already."""
    return None if RENAMED.search(given.id) else instance(f"{given.id}/renamed{seed}", given.split)


def _public_ids() -> list[str]:
    """The ten traces of the published loop, in its order."""
    return [f"loop/b{burst}/s{seed}" for burst in _BURSTS for seed in _PUBLIC_SEEDS]


def _loop_ids(seeds: Sequence[int]) -> list[str]:
    """One trace per seed, over the five degrees of burstiness in turn."""
    return [f"loop/b{number % len(_BURSTS)}/s{seed}" for number, seed in enumerate(seeds)]


@lru_cache(maxsize=64)
def scene(id: str) -> Scene:
    """What an instance's id describes; equal ids give equal scenes in every process.

    Raises:
        ProblemError: The id names no recipe.
        MissingExtraError: The published loop's generator needs numpy, and it is not installed.
    """
    if (found := RENAMED.search(id)) is not None:
        setting = scene(id[: found.start()])
        return replace(setting, trace=renamed(setting.trace, Random(f"lakehouse/names/{found['seed']}")))
    if (found := _COPIES.search(id)) is not None:
        return _multiplied(id[: found.start()], int(found["copies"]))
    whole, _, first_s = id.partition("/first")
    if first_s:
        setting = scene(whole)
        return replace(setting, params=replace(setting.params, duration=int(first_s)))
    family, name, seed = _recipe(id)
    if family == "tiny":
        return _tiny(pools=_TINY[id])
    if family == "benchmark":
        published = benchmark(name)
        trace = published.trace(id.removeprefix(f"{name}/"))
        return Scene(trace=trace, params=published.params, compat="thekla")
    if family == "varied":
        # A text seeds alike in every version of Python, and nothing else of ours has a say in it.
        return _varied(PROFILES[name], Random(f"lakehouse/{GENERATOR_VERSION}/{id}"), id)
    try:
        return Scene(trace=loop_trace(int(name), seed), params=Params())
    except ModuleNotFoundError as error:
        raise MissingExtraError("the trace generator of the lakehouse", extra="problems", package="numpy") from error


def _multiplied(whole: str, copies: int) -> Scene:
    """The trace and others drawn like it, all at once."""
    stem = whole.rpartition("/")[0]
    seeds = [near_seed(Random(f"lakehouse/copies/{whole}/{number}")) for number in range(1, copies)]
    scenes = [scene(each) for each in (whole, *(f"{stem}/s{seed}" for seed in seeds))]
    return replace(
        scenes[0],
        trace=superposed([each.trace for each in scenes], f"{whole}/x{copies}"),
        params=enlarged(scenes[0].params, copies),
    )


def _recipe(id: str) -> tuple[Literal["loop", "varied", "benchmark", "tiny"], str, int]:
    id = first_name(id)
    if (found := _COPIES.search(id)) is not None:
        id = id[: found.start()]
        if not (_LOOP.fullmatch(id) or _VARIED.fullmatch(id)):
            raise ProblemError(f"lakehouse instance {id!r} cannot be had several times; only loop and varied ones can")
    id = _FIRST.sub("", id)
    if id in _TINY:
        return "tiny", "", 0
    if (found := _LOOP.fullmatch(id)) is not None:
        return "loop", found["burst"], int(found["seed"])
    if (found := _VARIED.fullmatch(id)) is not None and found["profile"] in PROFILES:
        return "varied", found["profile"], int(found["seed"])
    name, _, rest = id.partition("/")
    if name in BENCHMARKS and rest in benchmark(name).digests:
        return "benchmark", name, 0
    raise ProblemError(
        f"no lakehouse instance is called {id!r}; expected loop/b<0-9>/s<seed>, varied/<profile>/s<seed> with one of "
        f"the profiles {', '.join(PROFILES)}, a trace of {', '.join(BENCHMARKS)}, or one of {', '.join(_TINY)}"
    )


def _varied(profile: Profile, rng: Random, name: str) -> Scene:
    params = Params(
        duration=_VARIED_SECONDS,
        ticks_per_second=_TICKS_PER_SECOND,
        num_pools=profile.pools,
        cpus_per_pool=64 // profile.pools,
        ram_gb_per_pool=500 // profile.pools,
    )
    largest_gb = _LARGEST_SHARE * params.ram_gb_per_pool
    pipelines: list[tuple[PriorityClass, tuple[OperatorSpec, ...]]] = []
    offered = 0.0
    while offered < profile.load * params.duration:
        priority = rng.choices(tuple(PriorityClass), weights=profile.classes)[0]
        operators = _draw_operators(profile, priority, largest_gb, rng)
        pipelines.append((priority, operators))
        offered += sum(_share_seconds(operator.work) for operator in operators)
    return Scene(
        trace=Trace(
            name=name,
            pipelines=tuple(
                PipelineSpec(id=f"p{number}", arrival_seconds=at, priority=priority, operators=operators)
                for number, ((priority, operators), at) in enumerate(
                    zip(pipelines, _draw_arrivals(profile, len(pipelines), rng), strict=True), start=1
                )
            ),
        ),
        params=params,
    )


def _share_seconds(work: Work) -> float:
    """Seconds for which the work fills all pools together, on `_CPUS_OF_LOAD` CPUs."""
    seconds = work.storage_read_gb / SCAN_GB_PER_SECOND
    seconds += CPU_SCALINGS[work.cpu_scaling](work.cpu_seconds, _CPUS_OF_LOAD)
    return max(work.peak_memory_gb / 500, _CPUS_OF_LOAD / 64) * seconds


def _draw_arrivals(profile: Profile, count: int, rng: Random) -> list[float]:
    """Arrival seconds in order, whole hundredths: uniform batches of geometric size."""
    sizes: list[int] = []
    while sum(sizes) < count:
        sizes.append(1 + int(math.log(1 - rng.random()) / math.log(1 - 1 / profile.burst)))
    sizes[-1] -= sum(sizes) - count
    last = int(0.9 * _VARIED_SECONDS * _TICKS_PER_SECOND)
    instants = sorted(rng.randrange(last) for _ in sizes)
    return [instant / _TICKS_PER_SECOND for instant, size in zip(instants, sizes, strict=True) for _ in range(size)]


def _draw_operators(
    profile: Profile, priority: PriorityClass, largest_gb: float, rng: Random
) -> tuple[OperatorSpec, ...]:
    if priority is PriorityClass.QUERY:
        count = 1
    else:
        median = profile.operators * (2 if priority is PriorityClass.BATCH_PIPELINE else 1)
        count = min(40, max(1, round(median * math.exp(rng.gauss(0, profile.tail)))))
    shape = rng.choices(("chain", "in", "out"), weights=profile.shapes)[0]
    # Operators of a pipeline resemble each other: they share half of the deviation of their sizes.
    common = rng.gauss(0, profile.tail / 2)
    return tuple(
        OperatorSpec(
            name=f"op{position + 1}",
            parents=_parents(shape, position, count),
            work=_draw_work(priority, common + rng.gauss(0, profile.tail / 2), largest_gb, rng),
        )
        for position in range(count)
    )


def _parents(shape: str, position: int, count: int) -> tuple[int, ...]:
    if position == 0:
        return ()
    if shape == "chain":
        return (position - 1,)
    if shape == "in":
        return tuple(range(position)) if position == count - 1 else ()
    return (0,)


def _draw_work(priority: PriorityClass, log_size: float, largest_gb: float, rng: Random) -> Work:
    """A prototype whose input and memory are scaled; half of the operators hold a working set of another size."""
    cpu_seconds, scaling, read_gb = rng.choices(_PROTOTYPES, weights=_PROTOTYPE_WEIGHTS[priority])[0]
    read_gb = round(min(largest_gb, max(1.0, read_gb * math.exp(log_size))), 1)
    memory_gb: float | None = None
    if rng.random() < 0.5:
        memory_gb = round(min(largest_gb, max(1.0, read_gb * rng.choice((0.5, 1.5, 2.0)))), 1)
    return Work(cpu_seconds=cpu_seconds, cpu_scaling=scaling, storage_read_gb=read_gb, memory_gb=memory_gb)


def _tiny(*, pools: int) -> Scene:
    """Six pipelines of all classes and shapes, one with an operator that needs two thirds of a pool."""
    small = Work(cpu_seconds=2, cpu_scaling="linear3", storage_read_gb=10)
    large = Work(cpu_seconds=1, cpu_scaling="const", storage_read_gb=20, memory_gb=160.0)
    rows: tuple[tuple[float, PriorityClass, str, tuple[Work, ...]], ...] = (
        (0.0, PriorityClass.BATCH_PIPELINE, "chain", (small, large, small)),
        (0.0, PriorityClass.QUERY, "chain", (small,)),
        (0.5, PriorityClass.INTERACTIVE, "out", (small, small, large)),
        (0.5, PriorityClass.QUERY, "chain", (large,)),
        (4.0, PriorityClass.BATCH_PIPELINE, "in", (small, small, small, small)),
        (12.0, PriorityClass.INTERACTIVE, "chain", (small, small)),
    )
    pipelines = tuple(
        PipelineSpec(
            id=f"p{number}",
            arrival_seconds=at,
            priority=priority,
            operators=tuple(
                OperatorSpec(name=f"op{i + 1}", parents=_parents(shape, i, len(works)), work=work)
                for i, work in enumerate(works)
            ),
        )
        for number, (at, priority, shape, works) in enumerate(rows, start=1)
    )
    return Scene(
        trace=Trace(name="tiny", pipelines=pipelines),
        params=Params(duration=30, ticks_per_second=20, num_pools=pools, cpus_per_pool=16, ram_gb_per_pool=240),
    )
