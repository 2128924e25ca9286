"""Instances of model placement: every id says all that is needed to make its scene again.

Five families:

* ``public/<number>``: the 50 cases of the public evaluator, 0 to 49.
* ``like-public/s<seed>``: further cases from the same distributions.
* ``static/<profile>/s<seed>``: one decision on a larger, fuller cluster.
* ``epochs/<profile>/s<seed>``: twenty decisions while rates drift and moving costs.
* ``tiny/<static|epochs>``: a few GPUs, to catch broken policies at once.

Behind a profile's scene ``/x<n>`` means one with n times the GPUs and shards; behind any id, ``/renamed<seed>`` means
the same scene, its models and nodes under other numbers in the same order.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import lru_cache
from random import Random
from types import MappingProxyType

from thekla.core.errors import MissingExtraError, ProblemError
from thekla.core.problem import Instance, Split
from thekla.core.values import digest_of
from thekla.problems.folder import drawn_seed, near_seed
from thekla.problems.names import RENAMED, other_name
from thekla.simulators.placement import Cluster, Gpu, Shard

__all__ = [
    "EPOCHS",
    "PROFILES",
    "Profile",
    "Scene",
    "drawn_holdout",
    "instance",
    "relabelled",
    "resized",
    "scene",
    "smoke",
    "splits",
    "varied",
]

GENERATOR_VERSION = 1
"""Raised whenever an id would give another scene than before."""

EPOCHS = 20
_PUBLIC_CASES = 50
_MOVE_COST = 0.002  # of pressure per GB moved and GPU: a tenth of all weights costs a few per cent of the pressure
# The drift of a model's rate, on a logarithmic scale, from epoch to epoch.
_MEMORY_OF_RATE = 0.9
_STEP_OF_RATE = 0.3
_BURST_CHANCE = 0.03
_BURST_FACTOR = 3.0
_BURST_EPOCHS = 2
_TRIES = 1000
_GAPS = 10  # numbers to draw from for each that is needed
# GPUs of an enlarged scene. Measured: at 320, one decision takes the slowest rung 8 s of the 16 s of CPU time allowed;
# twenty decisions on 120 take 8 s, on 240 more than 16 s, and their bound half a minute.
_MOST_GPUS = {"static": 320, "epochs": 120}


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What a policy meets.

    Args:
        epochs: The cluster in each epoch; only rates differ.
        move_cost: Pressure that counts for each GB moved, per GPU of the cluster.
    """

    epochs: tuple[Cluster, ...]
    move_cost: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Profile:
    """How a generated cluster looks.

    Args:
        memories_gb: Memory of the GPUs, in turn.
        per_gpu: Shards per GPU on average.
        sizes_gb: Smallest and largest size of a shard.
        fill: Range of the share of the memory that weights take.
        widths: How many GPUs a model needs: one is drawn for each model.
        epochs: Decisions in a row.
    """

    gpus: int
    per_gpu: float
    sizes_gb: tuple[int, int]
    fill: tuple[float, float]
    doc: str
    memories_gb: tuple[float, ...] = (80.0,)
    widths: tuple[int, ...] = (1,)
    epochs: int = 1


_GPUS_PER_NODE = 8

PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        "triples": Profile(gpus=16, per_gpu=3, sizes_gb=(12, 30), fill=(0.82, 0.86), doc="three large models a GPU"),
        "fives": Profile(gpus=16, per_gpu=5, sizes_gb=(8, 19), fill=(0.85, 0.9), doc="five small models a GPU"),
        "fours": Profile(gpus=32, per_gpu=4, sizes_gb=(10, 23), fill=(0.8, 0.85), doc="four models a GPU, 32 GPUs"),
        "large": Profile(gpus=64, per_gpu=5, sizes_gb=(8, 19), fill=(0.84, 0.88), doc="five models a GPU, 64 GPUs"),
        "full": Profile(gpus=32, per_gpu=4, sizes_gb=(10, 26), fill=(0.9, 0.92), doc="hardly any memory left"),
        "mixed": Profile(
            gpus=24, per_gpu=4, sizes_gb=(6, 36), fill=(0.82, 0.86), memories_gb=(40.0, 80.0, 141.0),
            doc="GPUs of 40, 80 and 141 GB",
        ),
        "parallel": Profile(
            gpus=32, per_gpu=4, sizes_gb=(10, 23), fill=(0.8, 0.84), widths=(1, 1, 1, 1, 2, 2, 4),
            doc="models on one, two or four GPUs of a node",
        ),
        "drift-16": Profile(
            gpus=16, per_gpu=4, sizes_gb=(10, 23), fill=(0.78, 0.84), epochs=EPOCHS, doc="rates drift, 16 GPUs",
        ),
        "drift-24": Profile(
            gpus=24, per_gpu=3, sizes_gb=(12, 30), fill=(0.74, 0.8), epochs=EPOCHS, doc="rates drift, 24 GPUs",
        ),
        "drift-mixed": Profile(
            gpus=18, per_gpu=4, sizes_gb=(6, 36), fill=(0.76, 0.82), memories_gb=(40.0, 80.0, 141.0), epochs=EPOCHS,
            doc="rates drift, GPUs of 40, 80 and 141 GB",
        ),
    }
)  # fmt: skip

_TINY: Mapping[str, Profile] = MappingProxyType(
    {
        "tiny/static": Profile(
            gpus=8, per_gpu=3, sizes_gb=(6, 20), fill=(0.6, 0.7), memories_gb=(80.0, 40.0), widths=(1, 2), doc="tiny",
        ),
        "tiny/epochs": Profile(gpus=4, per_gpu=3, sizes_gb=(8, 24), fill=(0.6, 0.7), epochs=4, doc="tiny"),
    }
)  # fmt: skip
_SMOKE = {"default": "tiny/static", "epochs": "tiny/epochs", "public": "like-public/s90"}
_SEED = r"s(?P<seed>0|[1-9]\d{0,19})"  # one spelling of a seed, so that two ids are never one scene
_PUBLIC = re.compile(r"public/(?P<case>0|[1-9]\d?)")
_LIKE_PUBLIC = re.compile(rf"like-public/{_SEED}")
_GENERATED = re.compile(rf"(?P<family>static|epochs)/(?P<profile>[a-z0-9-]+)/{_SEED}(/x(?P<times>[2-9]|[1-9]\d))?")


def instance(id: str, split: Split) -> Instance:
    """The instance of that id; its digest covers the recipe and the version of the generator.

    Raises:
        ProblemError: The id names no recipe.
    """
    _maker(id)
    return Instance(id=id, split=split, digest=digest_of({"placement": GENERATOR_VERSION, "id": id}))


def smoke(suite: str) -> Instance:
    """The tiny case that a policy of the suite meets first."""
    return instance(_SMOKE[suite], Split.TRAIN)


def splits(suite: str) -> Mapping[Split, tuple[Instance, ...]]:
    """The instances of a suite, without its hold-out. Suite `public` trains on the public cases, as published."""
    if suite == "public":
        ids = {
            Split.TRAIN: [f"public/{case}" for case in range(_PUBLIC_CASES)],
            Split.VALIDATION: [f"like-public/s{seed}" for seed in range(2000, 2010)],
        }
    else:
        stems = _stems(suite)
        ids = {
            Split.TRAIN: [f"{stem}/s1000" for stem in stems],
            Split.VALIDATION: [f"{stem}/s{seed}" for stem in stems for seed in (2000, 2001)],
        }
    return {split: tuple(instance(id, split) for id in of) for split, of in ids.items()}


def drawn_holdout(suite: str, key: bytes) -> tuple[Instance, ...]:
    """The hold-out that a key determines: two scenes of every profile, or ten cases like the public ones."""
    stems = ["like-public"] * 10 if suite == "public" else [stem for stem in _stems(suite) for _ in range(2)]
    return tuple(
        instance(f"{stem}/s{drawn_seed(key, 'placement', suite, number)}", Split.HOLDOUT)
        for number, stem in enumerate(stems)
    )


def resized(given: Instance, factor: float) -> Instance | None:
    """A scene of the same profile with `factor` times the GPUs and shards.

    None unless `factor` is whole, beyond 320 GPUs (120 where rates drift), and for cases like the public ones: their
    points are relative to an optimum that is found for that size only.
    """
    if factor == 1:
        return given
    found = _GENERATED.fullmatch(given.id)
    profile = found and PROFILES.get(found["profile"])
    if found is None or profile is None or found["times"] or factor < 1 or not float(factor).is_integer():
        return None
    if factor * profile.gpus > _MOST_GPUS[found["family"]]:
        return None
    return instance(f"{given.id}/x{factor:g}", given.split)


def varied(given: Instance, *, seed: int) -> Instance | None:
    """Another draw of the same profile, or of another one of its family in one of four times.

    For a case of the public evaluator, or like it, another from their distributions. None for changed and tiny ones.
    """
    rng = Random(f"placement/varied/{given.id}/{seed}")
    drawn = near_seed(rng)
    if _PUBLIC.fullmatch(given.id) or _LIKE_PUBLIC.fullmatch(given.id):
        return instance(f"like-public/s{drawn}", given.split)
    found = _GENERATED.fullmatch(given.id)
    if found is None or found["times"]:
        return None
    stem = rng.choice(_stems(found["family"])) if rng.random() < 0.25 else f"{found['family']}/{found['profile']}"
    return instance(f"{stem}/s{drawn}", given.split)


def relabelled(given: Instance, *, seed: int) -> Instance | None:
    """The same scene, its models and nodes under other, larger numbers with gaps; None if that was done already.

    Numbers keep their order, by which the published algorithms break ties, and GPUs and shards their places, to which
    an answer refers.
    """
    id = other_name(given.id, seed)
    return None if id is None else instance(id, given.split)


@lru_cache(maxsize=256)
def scene(id: str) -> Scene:
    """What an instance's id describes; equal ids give equal scenes in every process.

    Raises:
        ProblemError: The id names no recipe.
        MissingExtraError: A public case needs numpy's legacy generator, and numpy is not installed.
    """
    return _maker(id)()


def _stems(suite: str) -> Sequence[str]:
    """The stems of a suite or a family, which are called alike where it matters."""
    family = "epochs" if suite == "epochs" else "static"
    return [f"{family}/{name}" for name, profile in PROFILES.items() if _family(profile) == family]


def _family(profile: Profile) -> str:
    return "epochs" if profile.epochs > 1 else "static"


def _maker(id: str) -> Callable[[], Scene]:
    """What makes the scene of an id."""
    if (renamed := RENAMED.search(id)) is not None:
        whole, names = _maker(id[: renamed.start()]), Random(f"placement/names/{renamed['seed']}")
        return lambda: _renamed(whole(), names)
    # A text seeds alike in every version of Python, and nothing else of ours has a say in it.
    rng = Random(f"placement/{GENERATOR_VERSION}/{id}")
    if id in _TINY:
        return lambda: _generated(_TINY[id], rng)
    if (found := _GENERATED.fullmatch(id)) is not None:
        profile = PROFILES.get(found["profile"])
        if profile is not None and _family(profile) == found["family"]:
            larger = replace(profile, gpus=int(found["times"] or 1) * profile.gpus)
            return lambda: _generated(larger, rng)
    if _LIKE_PUBLIC.fullmatch(id) is not None:
        return lambda: _whole_models(*_public_case(lambda low, high: rng.randrange(low, high)))
    if (found := _PUBLIC.fullmatch(id)) is not None and int(found["case"]) < _PUBLIC_CASES:
        case = int(found["case"])
        return lambda: _public_scenes()[case]
    raise ProblemError(
        f"no placement instance is called {id!r}; expected public/<0-49>, like-public/s<seed>, "
        f"static/<profile>/s<seed> or epochs/<profile>/s<seed> with one of the profiles {', '.join(PROFILES)}, or one "
        f"of {', '.join(_TINY)}"
    )


def _public_case(draw: Callable[[int, int], int]) -> tuple[int, list[tuple[int, int, int]]]:
    """A number of GPUs, and size, rate and latency objective of twice as many models; upper ends are exclusive."""
    gpus = draw(5, 10)
    return gpus, [(draw(10, 30), draw(1, 10), draw(5, 10)) for _ in range(2 * gpus)]


def _whole_models(gpus: int, models: Sequence[tuple[int, int, int]]) -> Scene:
    shards = (
        Shard(model=number, size_gb=float(size), rate=float(rate), slo_s=float(slo))
        for number, (size, rate, slo) in enumerate(models)
    )
    return Scene(epochs=(Cluster(gpus=(Gpu(memory_gb=80.0),) * gpus, shards=tuple(shards)),))


@lru_cache(maxsize=1)
def _public_scenes() -> tuple[Scene, ...]:
    """The cases of the public evaluator: one stream, seeded with 42, drawn in their order."""
    try:
        from numpy.random import RandomState
    except ModuleNotFoundError as error:
        raise MissingExtraError("the public cases of placement", extra="problems", package="numpy") from error
    stream = RandomState(42)
    return tuple(
        _whole_models(*_public_case(lambda low, high: int(stream.randint(low, high)))) for _ in range(_PUBLIC_CASES)
    )


def _generated(profile: Profile, rng: Random) -> Scene:
    """The first drawn cluster that placing by falling size on the emptiest GPU can fill, so that none is infeasible."""
    for _ in range(_TRIES):
        cluster = _drawn(profile, rng)
        if _fits_by_size(cluster):
            break
    else:
        raise ProblemError(f"no cluster of {_TRIES} drawn for {profile.doc!r} could be placed; lower its fill")
    epochs = tuple(_drifted(cluster, profile.epochs, rng))
    return Scene(epochs=epochs, move_cost=_MOVE_COST if profile.epochs > 1 else 0.0)


def _renamed(given: Scene, rng: Random) -> Scene:
    models = _other_numbers({shard.model for shard in given.epochs[0].shards}, rng)
    nodes = _other_numbers({gpu.node for gpu in given.epochs[0].gpus}, rng)
    epochs = (
        Cluster(
            gpus=tuple(replace(gpu, node=nodes[gpu.node]) for gpu in cluster.gpus),
            shards=tuple(replace(shard, model=models[shard.model]) for shard in cluster.shards),
        )
        for cluster in given.epochs
    )
    return replace(given, epochs=tuple(epochs))


def _other_numbers(numbers: Set[int], rng: Random) -> dict[int, int]:
    """None of the numbers stays, and their order does."""
    above = max(numbers) + 1
    drawn = rng.sample(range(above, above + _GAPS * len(numbers)), len(numbers))
    return dict(zip(sorted(numbers), sorted(drawn), strict=True))


def _drawn(profile: Profile, rng: Random) -> Cluster:
    gpus = tuple(
        Gpu(memory_gb=profile.memories_gb[number % len(profile.memories_gb)], node=number // _GPUS_PER_NODE)
        for number in range(profile.gpus)
    )
    widths: list[int] = []
    while sum(widths) < profile.per_gpu * profile.gpus:
        widths.append(rng.choice(profile.widths))
    wanted = rng.uniform(*profile.fill) * sum(gpu.memory_gb for gpu in gpus)
    sizes = _sizes(widths, profile.sizes_gb, wanted, rng)
    shards: list[Shard] = []
    for model, (width, size) in enumerate(zip(widths, sizes, strict=True)):
        rate, slo = rng.randrange(1, 10), rng.randrange(5, 10)  # of each part; the distributions of the public cases
        shards += [Shard(model=model, size_gb=float(size), rate=float(rate), slo_s=float(slo))] * width
    return Cluster(gpus=gpus, shards=tuple(shards))


def _sizes(widths: Sequence[int], limits: tuple[int, int], wanted: float, rng: Random) -> list[int]:
    """Whole sizes per part, uniform at first, then grown or shrunk one by one until the total is as wanted."""
    low, high = limits
    sizes = [rng.randint(low, high) for _ in widths]
    total = sum(size * width for size, width in zip(sizes, widths, strict=True))
    while abs(wanted - total) > max(widths):
        model = rng.randrange(len(widths))
        step = 1 if wanted > total else -1
        if low <= sizes[model] + step <= high:
            sizes[model] += step
            total += step * widths[model]
    return sizes


def _fits_by_size(cluster: Cluster) -> bool:
    """Whether shards by falling size, those of wide models first, all find room on the GPU with most free memory."""
    free = [gpu.memory_gb for gpu in cluster.gpus]
    models: dict[int, list[Shard]] = {}
    for shard in cluster.shards:
        models.setdefault(shard.model, []).append(shard)
    for parts in sorted(models.values(), key=lambda each: (-len(each), -each[0].size_gb)):
        nodes: dict[int, list[int]] = {}
        for number, gpu in enumerate(cluster.gpus):
            nodes.setdefault(gpu.node, []).append(number)
        emptiest = [sorted(on, key=lambda number: -free[number])[: len(parts)] for on in nodes.values()]
        chosen = max(emptiest, key=lambda on: (len(on), min(free[number] for number in on)))
        for number in chosen:
            free[number] -= parts[0].size_gb
        if len(chosen) < len(parts) or min(free[number] for number in chosen) <= 0:
            return False
    return True


def _drifted(cluster: Cluster, epochs: int, rng: Random) -> Iterator[Cluster]:
    """The cluster in each epoch: log rates follow an autoregression of order one, with bursts now and then."""
    yield cluster
    models = sorted({shard.model for shard in cluster.shards})
    drift = dict.fromkeys(models, 0.0)
    burst = dict.fromkeys(models, 0)
    for _ in range(epochs - 1):
        for model in models:
            drift[model] = _MEMORY_OF_RATE * drift[model] + rng.gauss(0, _STEP_OF_RATE)
            burst[model] = _BURST_EPOCHS if rng.random() < _BURST_CHANCE else max(0, burst[model] - 1)
        shards = (
            replace(
                shard, rate=shard.rate * math.exp(drift[shard.model]) * (_BURST_FACTOR if burst[shard.model] else 1)
            )
            for shard in cluster.shards
        )
        yield Cluster(gpus=cluster.gpus, shards=tuple(shards))
