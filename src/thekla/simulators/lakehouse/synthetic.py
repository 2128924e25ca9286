"""Random workloads that vary in what the published generator keeps fixed; standard library only.

Operators have several segments, memory that is independent of what they read, and sizes with heavy tails; pipelines
come from tenants with habits of their own, as graphs of several shapes, in bursts that follow the load of a day.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from types import MappingProxyType
from typing import Self

from .checking import check_names, check_range, check_weights
from .params import Params
from .workload import (
    CPU_SCALINGS,
    SCAN_GB_PER_SECOND,
    OperatorSpec,
    PipelineSpec,
    PriorityClass,
    Segment,
    Trace,
    Work,
)

__all__ = ["SHAPES", "SyntheticParams", "Tenant", "offered_load", "synthetic_trace"]

_LARGEST_SHARE = 0.8  # of a pool's memory: every operator fits somewhere, though not beside another of its kind
_MOST_SEGMENTS = 6
_MOST_OPERATORS = 60
_LONGEST_CPU_S = 200.0  # on one CPU
_CPUS_OF_LOAD = 4.0  # size at which `offered_load` counts an operator's time
_SUM_SLACK = 1e-9  # 0.6 + 0.3 + 0.1 is not 1 in floats


def _chain(position: int, count: int, rng: Random) -> tuple[int, ...]:
    return (position - 1,)


def _fan_in(position: int, count: int, rng: Random) -> tuple[int, ...]:
    return tuple(range(position)) if position == count - 1 else ()


def _fan_out(position: int, count: int, rng: Random) -> tuple[int, ...]:
    return (0,)


def _diamond(position: int, count: int, rng: Random) -> tuple[int, ...]:
    return tuple(range(1, position)) if position == count - 1 and position > 1 else (0,)


def _layers(position: int, count: int, rng: Random) -> tuple[int, ...]:
    """Layers of three; each operator waits for one or two of the layer above."""
    above = range(max(0, (position // 3 - 1) * 3), position // 3 * 3)
    return tuple(sorted(rng.sample(above, min(len(above), 1 + int(rng.random() < 0.5)))))


def _tree(position: int, count: int, rng: Random) -> tuple[int, ...]:
    return ((position - 1) // 2,)


SHAPES: Mapping[str, Callable[[int, int, Random], tuple[int, ...]]] = MappingProxyType(
    {
        "chain": _chain,
        "fan_in": _fan_in,
        "fan_out": _fan_out,
        "diamond": _diamond,
        "layers": _layers,
        "tree": _tree,
    }
)
"""Graphs by name: the parents of the operator at a position > 0 among so many."""


@dataclass(frozen=True, kw_only=True)
class Tenant:
    """Who sends pipelines, and what they look like.

    A size is its median times a log-normal factor times a Pareto one of median 1 (Reed & Jorgensen 2004): its
    logarithm has deviation `spread` in the middle, and large sizes s are exceeded with a probability like
    ``s ** -tail``.

    Args:
        name: As it stands in the trace.
        share: Weight among the tenants, > 0.
        query_prob, interactive_prob, batch_prob: Shares of the classes; they sum to 1.
        operators: Median operators of an interactive pipeline, >= 1; batch has twice as many, a query one.
        shapes: Weights of the shapes, keys of `SHAPES`.
        segments: Mean segments of an operator, >= 1 (geometric, at most 6).
        read_gb: Median input of a segment, in GB.
        cpu_seconds: Median computing of a segment, on one CPU, in seconds.
        memory_gb: Median memory of a segment, in GB, drawn independently of its input.
        growing: Share of the segments whose memory grows with their scan instead, in [0, 1].
        scalings: Weights of the ways in which computing gains from CPUs, keys of `CPU_SCALINGS`.
        spread: Deviation of the logarithm of sizes, >= 0.
        tail: Index of the tail, > 1; the smaller, the heavier.
        alike: Share of the variance of sizes that the operators of a pipeline have in common, in [0, 1].

    Raises:
        ValueError: A value is out of its range, or a shape or scaling is unknown.
    """

    name: str = "tenant"
    share: float = 1.0
    query_prob: float = 0.2
    interactive_prob: float = 0.3
    batch_prob: float = 0.5
    operators: float = 4.0
    shapes: Mapping[str, float] = field(default_factory=lambda: {"chain": 1.0})
    segments: float = 1.5
    read_gb: float = 12.0
    cpu_seconds: float = 6.0
    memory_gb: float = 16.0
    growing: float = 0.3
    scalings: Mapping[str, float] = field(
        default_factory=lambda: {"const": 1.0, "linear3": 2.0, "linear7": 1.0, "sqrt": 1.0}
    )
    spread: float = 0.5
    tail: float = 3.0
    alike: float = 0.5

    def __post_init__(self) -> None:
        for name in ("share", "read_gb", "cpu_seconds", "memory_gb"):
            check_range(name, getattr(self, name), above=0.0)
        for name in ("operators", "segments"):
            check_range(name, getattr(self, name), least=1.0)
        for name in ("query_prob", "interactive_prob", "batch_prob", "growing", "alike"):
            check_range(name, getattr(self, name), least=0.0, most=1.0)
        check_range("spread", self.spread, least=0.0)
        check_range("tail", self.tail, above=1.0)
        classes = self.query_prob + self.interactive_prob + self.batch_prob
        if abs(classes - 1) > _SUM_SLACK:
            raise ValueError(f"the three classes of tenant {self.name!r} sum to {classes!r}; make it 1")
        check_weights("shape", self.shapes, SHAPES)
        check_weights("scaling", self.scalings, CPU_SCALINGS)

    @classmethod
    def from_mapping(cls, values: Mapping[str, object]) -> Self:
        """The tenant that a mapping describes; what it leaves out keeps its default.

        Raises:
            ValueError: A name is unknown (the message gives the nearest one) or a value out of range.
        """
        check_names(cls, values)
        return cls(**values)  # type: ignore[arg-type]  # names are checked above, values by __post_init__


@dataclass(frozen=True, kw_only=True)
class SyntheticParams:
    """How much arrives, when, and from whom.

    Args:
        load: What arrives, as a share of what the pools can do; see `offered_load`.
        burst: Mean pipelines that arrive at one instant, >= 1 (geometric).
        day_s: Length of a day in seconds.
        day_swing: How much the load of the day swings about its mean, in [0, 1]; the trace starts at its lowest.
        last_arrival: Part of the trace in which pipelines arrive, in (0, 1].
        tenants: Who sends pipelines.
        seed: Seed of all that is random, >= 0.

    Raises:
        ValueError: A value is out of its range, or two tenants have one name.
    """

    load: float = 0.8
    burst: float = 2.0
    day_s: float = 600.0
    day_swing: float = 0.0
    last_arrival: float = 0.9
    tenants: tuple[Tenant, ...] = (Tenant(),)
    seed: int = 0

    def __post_init__(self) -> None:
        check_range("load", self.load, above=0.0, most=100.0)
        check_range("burst", self.burst, least=1.0)
        check_range("day_s", self.day_s, above=0.0)
        check_range("day_swing", self.day_swing, least=0.0, most=1.0)
        check_range("last_arrival", self.last_arrival, above=0.0, most=1.0)
        check_range("seed", self.seed, least=0)
        names = [tenant.name for tenant in self.tenants]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"the tenants are {names!r}; give at least one, each with a name of its own")

    @classmethod
    def from_mapping(cls, values: Mapping[str, object]) -> Self:
        """The parameters that a mapping gives, its tenants as mappings; what it leaves out keeps its default.

        Raises:
            ValueError: A name is unknown (the message gives the nearest one) or a value out of range.
        """
        check_names(cls, values)
        given = dict(values)
        tenants = given.get("tenants")
        if isinstance(tenants, Sequence):
            given["tenants"] = tuple(
                Tenant.from_mapping(each) if isinstance(each, Mapping) else each for each in tenants
            )
        return cls(**given)  # type: ignore[arg-type]  # names are checked above, values by __post_init__


def synthetic_trace(params: SyntheticParams, cluster: Params, *, name: str = "") -> Trace:
    """A random trace for a lakehouse; equal arguments give an equal trace.

    Pipelines are drawn until their load is reached, so that traces of one load differ in length but not in work. Times
    fall on hundredths of a second, sizes on tenths.
    """
    # A text seeds alike in every version of Python.
    rng = Random(f"lakehouse/synthetic/{params.seed}")
    drawn: list[tuple[Tenant, PriorityClass, tuple[OperatorSpec, ...]]] = []
    goal, offered = params.load * cluster.duration, 0.0
    while offered < goal:
        tenant = rng.choices(params.tenants, weights=[each.share for each in params.tenants])[0]
        shares = (tenant.query_prob, tenant.interactive_prob, tenant.batch_prob)
        priority = rng.choices(tuple(PriorityClass), weights=shares)[0]
        operators = _operators(tenant, priority, cluster, rng)
        drawn.append((tenant, priority, operators))
        offered += sum(_share_seconds(operator.work, cluster) for operator in operators)
    arrivals = _arrivals(params, cluster.duration, len(drawn), rng)
    return Trace(
        name=name or f"synthetic-{params.seed}",
        pipelines=tuple(
            PipelineSpec(
                id=f"p{number}",
                arrival_seconds=at,
                priority=priority,
                operators=operators,
                tenant=tenant.name if len(params.tenants) > 1 else "",
            )
            for number, ((tenant, priority, operators), at) in enumerate(zip(drawn, arrivals, strict=True), start=1)
        ),
    )


def offered_load(trace: Trace, cluster: Params) -> float:
    """Work that arrives, as a share of what the pools can do in their time.

    An operator counts its time on four CPUs, times the larger of its shares of all memory and of all CPUs.
    """
    works = (operator.work for pipeline in trace.pipelines for operator in pipeline.operators)
    return math.fsum(_share_seconds(work, cluster) for work in works) / cluster.duration


def _share_seconds(work: Work, cluster: Params) -> float:
    seconds = sum(
        segment.storage_read_gb / SCAN_GB_PER_SECOND
        + CPU_SCALINGS[segment.cpu_scaling](segment.cpu_seconds, _CPUS_OF_LOAD)
        for segment in work.segments
    )
    memory = work.peak_memory_gb / (cluster.num_pools * cluster.ram_gb_per_pool)
    return max(memory, _CPUS_OF_LOAD / (cluster.num_pools * cluster.cpus_per_pool)) * seconds


def _arrivals(params: SyntheticParams, duration_s: float, count: int, rng: Random) -> list[float]:
    """Arrival seconds in order: bursts of geometric size, at instants that follow the load of the day."""
    sizes: list[int] = []
    missing = count
    while missing > 0:
        more = math.log(1 - rng.random()) / math.log(1 - 1 / params.burst) if params.burst > 1 else 0
        sizes.append(min(missing, 1 + int(more)))
        missing -= sizes[-1]
    last_s = duration_s * params.last_arrival
    instants = sorted(_instant(params, last_s, rng) for _ in sizes)
    return [instant for instant, size in zip(instants, sizes, strict=True) for _ in range(size)]


def _instant(params: SyntheticParams, last_s: float, rng: Random) -> float:
    while True:
        at = rng.random() * last_s
        intensity = 1 - params.day_swing * math.cos(2 * math.pi * at / params.day_s)
        if rng.random() * (1 + params.day_swing) <= intensity:
            return int(at * 100) / 100


def _operators(tenant: Tenant, priority: PriorityClass, cluster: Params, rng: Random) -> tuple[OperatorSpec, ...]:
    count = 1
    if priority is not PriorityClass.QUERY:
        median = tenant.operators * (2 if priority is PriorityClass.BATCH_PIPELINE else 1)
        count = min(_MOST_OPERATORS, max(1, round(median * math.exp(rng.gauss(0, tenant.spread / 2)))))
    shape = SHAPES[rng.choices(list(tenant.shapes), weights=list(tenant.shapes.values()))[0]]
    common = rng.gauss(0, tenant.spread * math.sqrt(tenant.alike))
    return tuple(
        OperatorSpec(
            name=f"op{position + 1}",
            parents=shape(position, count, rng) if position else (),
            work=_work(tenant, common, cluster, rng),
        )
        for position in range(count)
    )


def _work(tenant: Tenant, common: float, cluster: Params, rng: Random) -> Work:
    first, *later = [_segment(tenant, common, cluster, rng) for _ in range(_segment_count(tenant, rng))]
    return Work(
        cpu_seconds=first.cpu_seconds,
        cpu_scaling=first.cpu_scaling,
        storage_read_gb=first.storage_read_gb,
        memory_gb=first.memory_gb,
        later=tuple(later),
    )


def _segment_count(tenant: Tenant, rng: Random) -> int:
    count = 1
    while count < _MOST_SEGMENTS and rng.random() < 1 - 1 / tenant.segments:
        count += 1
    return count


def _segment(tenant: Tenant, common: float, cluster: Params, rng: Random) -> Segment:
    def size(median: float, most: float) -> float:
        factor = common + rng.gauss(0, tenant.spread * math.sqrt(1 - tenant.alike))
        factor += (rng.expovariate(1.0) - math.log(2)) / tenant.tail
        return round(min(most, max(0.1, median * math.exp(factor))), 1)

    largest_gb = _LARGEST_SHARE * cluster.ram_gb_per_pool
    read_gb = size(tenant.read_gb, largest_gb)
    memory_gb = size(tenant.memory_gb, largest_gb)
    return Segment(
        cpu_seconds=size(tenant.cpu_seconds, _LONGEST_CPU_S),
        cpu_scaling=rng.choices(list(tenant.scalings), weights=list(tenant.scalings.values()))[0],
        storage_read_gb=read_gb,
        memory_gb=None if rng.random() < tenant.growing else memory_gb,
    )
