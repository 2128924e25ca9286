"""Named, versioned sets of traces with a split into train, validation and hold-out.

A suite is a recipe and the digests of what it gives: traces are generated when they are asked for, and refused if they
are not the ones that were published under the suite's name. A suite never changes; a better one gets another name.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Literal, get_args

from .checking import suggestion
from .params import Params
from .synthetic import SyntheticParams, Tenant, synthetic_trace
from .traces import write_trace
from .workload import Trace

__all__ = ["SUITES", "Suite", "SuiteSplit", "suite", "trace_digest", "write_suite"]

SuiteSplit = Literal["train", "validation", "holdout"]
"""Search on `train`, choose on `validation`, report on `holdout`, which nothing was chosen by."""

_ANALYSTS = Tenant(
    name="analysts",
    query_prob=0.8,
    interactive_prob=0.2,
    batch_prob=0.0,
    operators=3,
    segments=1.2,
    shapes={"chain": 3, "fan_in": 1},
    read_gb=15,
    cpu_seconds=5,
    memory_gb=12,
)
_ETL = Tenant(
    name="etl",
    query_prob=0.0,
    interactive_prob=0.2,
    batch_prob=0.8,
    operators=4,
    segments=2.0,
    shapes={"chain": 2, "diamond": 1, "layers": 2, "fan_in": 1},
    read_gb=20,
    cpu_seconds=6,
    memory_gb=20,
    alike=0.3,
)
_SCIENCE = Tenant(
    name="science",
    query_prob=0.1,
    interactive_prob=0.5,
    batch_prob=0.4,
    operators=5,
    segments=1.5,
    shapes={"fan_out": 2, "tree": 1, "layers": 1},
    scalings={"linear7": 2, "sqrt": 1, "squared": 1, "exp": 1, "log": 1, "const": 1},
    read_gb=6,
    cpu_seconds=12,
    memory_gb=25,
    growing=0.1,
    spread=0.7,
    tail=2.2,
)
_OUTLIERS = replace(_SCIENCE, memory_gb=14, spread=0.8, tail=1.8)
_MIX = (replace(_ANALYSTS, share=3), replace(_ETL, share=1), replace(_SCIENCE, share=1))

_PROFILES_2026A: Mapping[str, SyntheticParams] = MappingProxyType(
    {
        "calm": SyntheticParams(load=0.5, burst=1.5, tenants=_MIX),
        "busy": SyntheticParams(load=0.9, burst=3, tenants=_MIX),
        "overload": SyntheticParams(load=1.6, burst=4, tenants=_MIX),
        "bursts": SyntheticParams(load=0.8, burst=25, tenants=_MIX),
        "day": SyntheticParams(load=0.8, burst=3, day_swing=0.95, day_s=300, tenants=_MIX),
        "queries": SyntheticParams(load=0.9, burst=8, tenants=(replace(_ANALYSTS, share=12), _ETL)),
        "nightly": SyntheticParams(load=1.1, burst=2, tenants=(_ETL, replace(_ANALYSTS, share=0.3))),
        "tails": SyntheticParams(load=0.9, burst=3, tenants=(_OUTLIERS, _ANALYSTS)),
    }
)


@dataclass(frozen=True, kw_only=True)
class _Recipe:
    """What a suite is made of: profiles, the seeds of each split, one lakehouse for all traces."""

    profiles: Mapping[str, SyntheticParams]
    seeds: Mapping[SuiteSplit, tuple[int, ...]]
    params: Params
    doc: str


_RECIPES: Mapping[str, _Recipe] = MappingProxyType(
    {
        "thekla-2026a": _Recipe(
            profiles=_PROFILES_2026A,
            seeds=MappingProxyType({"train": (1,), "validation": (2,), "holdout": (3, 4)}),
            params=Params(duration=600, ticks_per_second=100, num_pools=2, cpus_per_pool=32, ram_gb_per_pool=250),
            doc="eight profiles of load, bursts, tenants and tails on two pools of 32 CPUs and 250 GB, 600 s",
        )
    }
)

SUITES: Mapping[str, str] = MappingProxyType({name: recipe.doc for name, recipe in _RECIPES.items()})
"""The suites by name, each with a line on what is in it."""


@dataclass(frozen=True, kw_only=True)
class Suite:
    """One suite; make it by `suite`.

    Args:
        name: Its name, version included.
        params: The lakehouse that all its traces meet.
        digests: SHA-256 of the text of every trace, by ``split/profile-seed``.
    """

    name: str
    params: Params
    digests: Mapping[str, str]

    def names(self, split: SuiteSplit) -> tuple[str, ...]:
        """Names of the traces of a split, in their order.

        Raises:
            ValueError: There is no such split.
        """
        if split not in get_args(SuiteSplit):
            raise ValueError(f"unknown split {split!r}; {suggestion(split, get_args(SuiteSplit))}")
        return tuple(name for name in self.digests if name.startswith(f"{split}/"))

    def trace(self, name: str) -> Trace:
        """A trace of the suite.

        Raises:
            KeyError: The suite has no trace of that name.
            ValueError: What was generated is not what was published, which is a bug of this version.
        """
        if name not in self.digests:
            raise KeyError(f"suite {self.name!r} has no trace {name!r}; {suggestion(name, self.digests)}")
        trace = _generate(self.name, name)
        found, published = trace_digest(trace), self.digests[name]
        if found != published:
            raise ValueError(
                f"trace {name!r} of suite {self.name!r} has digest {found[:12]}, published is {published[:12]}; "
                "use the version of thekla that published it, and report this"
            )
        return trace

    def traces(self, split: SuiteSplit) -> tuple[Trace, ...]:
        """The traces of a split.

        Raises:
            ValueError: There is no such split, or see `trace`.
        """
        return tuple(self.trace(name) for name in self.names(split))


def suite(name: str) -> Suite:
    """The suite of that name.

    Raises:
        KeyError: There is no such suite.
    """
    if name not in _RECIPES:
        raise KeyError(f"no suite {name!r}; {suggestion(name, _RECIPES)}")
    published = json.loads(files(__package__).joinpath("suites.json").read_text(encoding="utf-8"))
    return Suite(name=name, params=_RECIPES[name].params, digests=MappingProxyType(published[name]))


def trace_digest(trace: Trace) -> str:
    """SHA-256 of a trace's text, in hexadecimal; the name of the trace has no part in it."""
    return hashlib.sha256(write_trace(trace).encode()).hexdigest()


def write_suite(of: Suite, folder: Path) -> list[Path]:
    """Writes a suite as files, ``train/calm-1.csv`` and so on beside ``params.toml``, and returns their paths.

    Raises:
        OSError: The folder cannot be written.
        ValueError: See `Suite.trace`.
    """
    written = [folder / "params.toml"]
    folder.mkdir(parents=True, exist_ok=True)
    # JSON's numbers and booleans are TOML's.
    lines = [f"{name} = {json.dumps(value)}\n" for name, value in of.params.as_dict().items()]
    written[0].write_text("".join(lines), encoding="utf-8", newline="\n")
    for name in of.digests:
        path = folder / f"{name}.csv"
        path.parent.mkdir(exist_ok=True)
        path.write_text(write_trace(of.trace(name)), encoding="utf-8", newline="\n")
        written.append(path)
    return written


def recipe_names(name: str) -> tuple[str, ...]:
    """Names of all traces that a suite's recipe gives, in order."""
    recipe = _RECIPES[name]
    return tuple(
        f"{split}/{profile}-{seed}"
        for split, seeds in recipe.seeds.items()
        for profile in recipe.profiles
        for seed in seeds
    )


@lru_cache(maxsize=64)
def _generate(suite_name: str, name: str) -> Trace:
    recipe = _RECIPES[suite_name]
    profile, _, number = name.partition("/")[2].rpartition("-")
    seed = 1000 * list(recipe.profiles).index(profile) + int(number)
    return synthetic_trace(replace(recipe.profiles[profile], seed=seed), recipe.params, name=name)
