"""Instances of expert placement: every id says all that is needed to make its loads again.

* ``varied/<profile>/s<seed>``: models of a few layers that differ in size, skew, drift and shifts.
* ``calibrated/s<seed>``: 58 layers of 256 experts on 32 GPUs, calibrated to published figures; seed 0 is the one with
  which our figures were measured.
* ``log/public``: the public log, which is no part of Thekla (`problems.datasets`), in windows of 100 steps.
* ``speed/<profile>/s<seed>``: unrelated pairs of windows, for turns of a race.
* ``tiny/windows`` and ``tiny/pairs``: to catch broken programs at once.

Behind one that is drawn ``/x<n>`` means a model with n times the experts on n times the GPUs; behind any id,
``/renamed<seed>`` means the same loads, its layers in another order.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from random import Random
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from thekla.core.errors import ProblemError
from thekla.core.problem import Instance, Split
from thekla.core.values import digest_of
from thekla.problems import datasets
from thekla.problems.folder import drawn_seed, near_seed
from thekla.problems.names import RENAMED, other_name
from thekla.simulators.moe import Layout, LoadModel, Phase, read_log, windows

__all__ = [
    "PROFILES",
    "PUBLIC_LOG",
    "SPEED_TURNS",
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
"""Raised whenever an id would give other loads than before."""

SPEED_TURNS = 22
"""Pairs of windows in an instance of suite `speed`: two to warm up and 20 that count."""

PUBLIC_LOG = "log/public"
"""Id of the instance that is the public log."""

_LOG_FILE = "moe/expert-load.json"

Integers = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What a balancer meets: after each window but the last a plan is made, and the next window meets it.

    Args:
        windows: Tokens by layer and expert. In a race, windows 2 i and 2 i + 1 belong together, and no others.
        move_cost: Balance that counts for moving every slot once.
    """

    layout: Layout
    windows: tuple[Integers, ...]
    move_cost: float


@dataclass(frozen=True, kw_only=True)
class Profile:
    """A model on GPUs, and how its loads come about."""

    layout: Layout
    loads: LoadModel
    doc: str


_MOVE_COST = 0.05  # fetching all experts anew in every window is worth five points of balance
_CALIBRATED_TOKENS = 20_000 * 8 * 100


def _phases(*rows: tuple[str, int, float], tokens: int) -> tuple[Phase, ...]:
    return tuple(Phase(field=field, windows=count, noise=noise, tokens=tokens) for field, count, noise in rows)


def _profile(
    doc: str, *, experts: int, slots: int, gpus: int, spread: float, layers: int = 4, shift: float = 0.66,
    noise: float = 0.15, group_spread: float = 0.25, phases: tuple[Phase, ...] = (),
) -> Profile:  # fmt: skip
    tokens = 100_000 * experts // 16
    usual = _phases(("A", 6, noise), ("B", 5, noise), tokens=tokens)
    return Profile(
        layout=Layout(layers=layers, experts=experts, slots=slots, gpus=gpus, nodes=gpus // 8, groups=8),
        loads=LoadModel(
            layers=layers, experts=experts, group_size=experts // 8, spread=spread, group_spread=group_spread,
            fields={"A": 1.0, "B": shift, "C": shift**2}, phases=phases or usual,
        ),
        doc=doc,
    )  # fmt: skip


PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        "small": _profile("64 experts on 16 GPUs", experts=64, slots=80, gpus=16, spread=1.0),
        "skewed": _profile("64 experts on 32 GPUs, heavy tails", experts=64, slots=96, gpus=32, spread=1.3),
        "noisy": _profile("windows differ much", experts=128, slots=160, gpus=32, spread=0.9, noise=0.3),
        "shifting": _profile(
            "three regimes, weakly correlated", experts=128, slots=144, gpus=16, spread=1.0, shift=0.4,
            phases=_phases(("A", 4, 0.15), ("B", 4, 0.15), ("C", 4, 0.15), tokens=800_000),
        ),
        "steady": _profile(
            "little noise, small shift", experts=256, slots=288, gpus=32, spread=1.1, noise=0.05, shift=0.9,
        ),
        "wide": _profile("256 experts on 64 GPUs", experts=256, slots=320, gpus=64, spread=0.8),
    }
)  # fmt: skip

_CALIBRATED = Profile(
    layout=Layout(layers=58, experts=256, slots=288, gpus=32, nodes=4, groups=8),
    loads=LoadModel(
        layers=58, experts=256, group_size=32, spread=1.0, group_spread=0.25,
        fields={"A": 1.0, "B": 0.66, "Z": 0.92},
        phases=(
            *_phases(("Z", 1, 0.15), tokens=_CALIBRATED_TOKENS // 4),
            *_phases(("A", 8, 0.15), ("B", 3, 0.3), tokens=_CALIBRATED_TOKENS),
        ),
    ),
    doc="as published: a warm-up, a steady regime, a shift",
)  # fmt: skip
_SPEED: Mapping[str, Profile] = MappingProxyType(
    {
        "deep": replace(_CALIBRATED, doc="58 layers of 256 experts on 32 GPUs"),
        "narrow": _profile("58 layers of 64 experts on 16 GPUs", experts=64, slots=80, gpus=16, spread=1.0, layers=58),
    }
)
_TINY = _profile("tiny", experts=16, slots=24, gpus=8, spread=1.0, layers=2)
_SEED = r"s(?P<seed>0|[1-9]\d{0,19})"  # one spelling of a seed, so that two ids are never one scene
_VARIED = re.compile(rf"varied/(?P<profile>[a-z]+)/{_SEED}")
_RACE = re.compile(rf"speed/(?P<profile>[a-z]+)/{_SEED}")
_PUBLISHED = re.compile(rf"calibrated/{_SEED}")
_TIMES = re.compile(r"/x(?P<times>[2-9]|10)$")
# At ten times the size the windows of the calibrated model no longer fit into a message. At twice the size a race takes
# the slowest rung 5.6 s of the 10 s of CPU time allowed.
_MOST_TIMES = {"varied": 10, "calibrated": 5, "speed": 2}


def instance(id: str, split: Split) -> Instance:
    """The instance of that id; its digest covers the recipe and the version of the generator.

    Raises:
        ProblemError: The id names no recipe.
    """
    _maker(id)
    return Instance(id=id, split=split, digest=digest_of({"expert-placement": GENERATOR_VERSION, "id": id}))


def smoke(suite: str) -> Instance:
    """The tiny case that a program of the suite meets first."""
    return instance("tiny/pairs" if suite == "speed" else "tiny/windows", Split.TRAIN)


_STEMS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "default": tuple(f"varied/{name}" for name in PROFILES),
        "calibrated": ("calibrated",),
        "public": ("calibrated",),
        "tensors": ("calibrated",),
        "speed": tuple(f"speed/{name}" for name in _SPEED),
    }
)


def splits(suite: str) -> Mapping[Split, tuple[Instance, ...]]:
    """The instances of a suite, without its hold-out; suite `public` is searched on the one log that there is."""
    train, validation = ((0,), (1, 2)) if suite in ("calibrated", "public", "tensors") else ((1000,), (2000, 2001))
    found = {
        split: tuple(instance(f"{stem}/s{seed}", split) for stem in _STEMS[suite] for seed in seeds)
        for split, seeds in ((Split.TRAIN, train), (Split.VALIDATION, validation))
    }
    return {**found, Split.TRAIN: (instance(PUBLIC_LOG, Split.TRAIN),)} if suite == "public" else found


def drawn_holdout(suite: str, key: bytes) -> tuple[Instance, ...]:
    """The hold-out that a key determines: two instances of every kind in the suite."""
    stems = [stem for stem in _STEMS[suite] for _ in range(2)]
    return tuple(
        instance(f"{stem}/s{drawn_seed(key, 'expert-placement', suite, number)}", Split.HOLDOUT)
        for number, stem in enumerate(stems)
    )


def resized(given: Instance, factor: float) -> Instance | None:
    """A model with `factor` times the experts in each layer, on `factor` times the slots, GPUs and nodes.

    None unless `factor` is whole and within what the limits allow, and for loads that are not drawn. The layers stay
    as many: each is placed for itself, so that more of them ask nothing new.
    """
    if factor == 1:
        return given
    id = f"{given.id}/x{factor:g}"
    if not _TIMES.search(id) or not _drawn(given.id) or factor > _MOST_TIMES[given.id.partition("/")[0]]:
        return None
    return instance(id, given.split)


def varied(given: Instance, *, seed: int) -> Instance | None:
    """Another draw of the same model, or of another one of the suite in one of four times; of the calibrated one, its
    own. None for the public log, of which there is no other, for tiny and for changed ones.
    """
    if not _drawn(given.id):
        return None
    rng = Random(f"expert-placement/varied/{given.id}/{seed}")
    drawn, stem = near_seed(rng), given.id.rpartition("/")[0]
    stems = next(of for of in _STEMS.values() if stem in of)
    return instance(f"{rng.choice(stems) if rng.random() < 0.25 else stem}/s{drawn}", given.split)


def relabelled(given: Instance, *, seed: int) -> Instance | None:
    """The same loads, the numbers of the layers drawn anew; None if that was done already.

    Experts keep theirs: a number is the place in a row of loads, by which every rung breaks ties, so that other ones
    would change honest scores by chance.
    """
    id = other_name(given.id, seed)
    return None if id is None else instance(id, given.split)


def _drawn(id: str) -> bool:
    return any(pattern.fullmatch(id) for pattern in (_VARIED, _RACE, _PUBLISHED))


@lru_cache(maxsize=32)
def scene(id: str) -> Scene:
    """What an instance's id describes; equal ids give equal loads in every process.

    Raises:
        ProblemError: The id names no recipe, or the public log is not here or not what it should be.
    """
    return _maker(id)()


def _maker(id: str) -> Callable[[], Scene]:
    if (renamed := RENAMED.search(id)) is not None:
        same = id[: renamed.start()]
        _maker(same)
        return lambda: _renamed(scene(same), Random(f"expert-placement/names/{renamed['seed']}"))
    # Profiles must not share their random numbers, so the whole id seeds them; the calibrated one keeps its own seeds.
    seed = int.from_bytes(hashlib.sha256(f"expert-placement/{GENERATOR_VERSION}/{id}".encode()).digest()[:8], "big")
    if id == "tiny/windows":
        return lambda: _sequence(_TINY, seed, _MOVE_COST)
    if id == "tiny/pairs":
        return lambda: _pairs(_TINY, seed)
    if id == PUBLIC_LOG:
        return _logged
    sized = _TIMES.search(id)
    times = 1 if sized is None else int(sized["times"])
    whole = id if sized is None else id[: sized.start()]
    if (found := _PUBLISHED.fullmatch(whole)) is not None:
        own = int(found["seed"])
        return lambda: _sequence(_multiplied(_CALIBRATED, times), own, 0.0)
    if (found := _VARIED.fullmatch(whole)) is not None and found["profile"] in PROFILES:
        model = PROFILES[found["profile"]]
        return lambda: _sequence(_multiplied(model, times), seed, _MOVE_COST)
    if (found := _RACE.fullmatch(whole)) is not None and found["profile"] in _SPEED:
        raced = _SPEED[found["profile"]]
        return lambda: _pairs(_multiplied(raced, times), seed)
    raise ProblemError(
        f"no expert-placement instance is called {id!r}; expected calibrated/s<seed>, varied/<profile>/s<seed> with "
        f"one of {', '.join(PROFILES)}, speed/<profile>/s<seed> with one of {', '.join(_SPEED)}, {PUBLIC_LOG}, "
        "tiny/windows or tiny/pairs"
    )


def _multiplied(profile: Profile, times: int) -> Profile:
    """So many times the experts, tokens and GPUs; there are as many groups for each node."""
    layout, loads = profile.layout, profile.loads
    return replace(
        profile,
        layout=replace(
            layout,
            experts=times * layout.experts, slots=times * layout.slots, gpus=times * layout.gpus,
            nodes=times * layout.nodes, groups=times * layout.groups,
        ),
        loads=replace(
            loads,
            experts=times * loads.experts,
            phases=tuple(replace(phase, tokens=times * phase.tokens) for phase in loads.phases),
        ),
    )  # fmt: skip


def _renamed(given: Scene, rng: Random) -> Scene:
    """The scene with its layers in another order, which is the same in all windows."""
    order = rng.sample(range(given.layout.layers), given.layout.layers)
    return replace(given, windows=tuple(window[order] for window in given.windows))


def _sequence(profile: Profile, seed: int, move_cost: float) -> Scene:
    return Scene(layout=profile.layout, windows=tuple(windows(profile.loads, seed)), move_cost=move_cost)


def _logged() -> Scene:
    """The public log on the GPUs of its evaluator: 288 slots on 32 GPUs of 4 nodes, in 8 groups; moving is free."""
    try:
        seen = read_log(datasets.path(_LOG_FILE))
        layers, experts = seen[0].shape
        layout = Layout(layers=layers, experts=experts, slots=288, gpus=32, nodes=4, groups=8)
    except ValueError as error:
        raise ProblemError(f"the public log of expert loads is not what was published: {error}") from error
    return Scene(layout=layout, windows=tuple(seen), move_cost=0.0)


def _pairs(profile: Profile, seed: int) -> Scene:
    """Pairs of windows of unrelated regimes, so that no plan serves a second turn."""
    loads = replace(profile.loads, phases=(replace(profile.loads.phases[-1], field="A", windows=2, noise=0.15),))
    found: list[Integers] = []
    for turn in range(SPEED_TURNS):
        found += windows(loads, (seed + turn) % 2**63)
    return Scene(layout=profile.layout, windows=tuple(found), move_cost=0.0)
