"""No placement goes below the bound, and the exact search finds what trying everything finds."""

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thekla.problems.placement.bound import fluid_pressure, pressure_bound
from thekla.problems.placement.exact import least_pressure
from thekla.problems.placement.workloads import scene
from thekla.simulators.placement import Cluster, Gpu, Shard, fault_of, largest_pressure

_ROUNDED_DOWN = 1 - 1.001e-8  # the bound gives up 1e-8 of itself for rounding, and the comparison rounds again


@st.composite
def clusters(draw: st.DrawFn, *, equal: bool = False) -> Cluster:
    """Two or three GPUs and up to six shards, some of them parts of one model."""
    memories = st.just(80.0) if equal else st.sampled_from((40.0, 80.0, 141.0))
    gpus = tuple(Gpu(memory_gb=draw(memories)) for _ in range(draw(st.integers(2, 3))))
    shards: list[Shard] = []
    for model in range(draw(st.integers(1, 5))):
        part = Shard(
            model=model,
            size_gb=float(draw(st.integers(1, 60))),
            rate=float(draw(st.integers(1, 9))),
            slo_s=float(draw(st.integers(1, 9))),
        )
        shards += [part] * (1 if equal else draw(st.integers(1, 2)))
    return Cluster(gpus=gpus, shards=tuple(shards[:6]))


def best_of_all(cluster: Cluster) -> float:
    """The least pressure over all placements that the rules allow; infinite if there is none."""
    found = math.inf
    for placement in itertools.product(range(len(cluster.gpus)), repeat=len(cluster.shards)):
        if fault_of(cluster, placement) is None:
            found = min(found, largest_pressure(cluster, placement))
    return found


@settings(max_examples=30)
@given(cluster=clusters())
def test_no_placement_goes_below_the_bound(cluster: Cluster) -> None:
    assert pressure_bound(cluster) <= best_of_all(cluster)


@settings(max_examples=30)
@given(cluster=clusters())
def test_the_bound_is_at_least_the_fluid_one_and_that_of_every_single_shard(cluster: Cluster) -> None:
    bound = pressure_bound(cluster)
    assert bound >= fluid_pressure(cluster) * _ROUNDED_DOWN
    most = max(gpu.memory_gb for gpu in cluster.gpus)
    assert bound >= max(shard.load / (most - shard.size_gb) for shard in cluster.shards) * _ROUNDED_DOWN


@settings(max_examples=30)
@given(cluster=clusters(equal=True))
def test_the_exact_search_equals_trying_everything(cluster: Cluster) -> None:
    best = best_of_all(cluster)
    if best == math.inf:
        with pytest.raises(ValueError, match="no placement"):
            least_pressure(cluster)
        return
    low, placement = least_pressure(cluster)
    assert fault_of(cluster, placement) is None
    assert largest_pressure(cluster, placement) == pytest.approx(best, rel=1e-8)
    assert low <= best


def test_shards_of_more_than_half_a_gpu_raise_the_bound_above_the_fluid_one() -> None:
    gpus = (Gpu(memory_gb=80.0),) * 3
    shards = tuple(Shard(model=model, size_gb=36.0, rate=1.0, slo_s=1.0) for model in range(4))
    cluster = Cluster(gpus=gpus, shards=shards)
    assert pressure_bound(cluster) == pytest.approx(2 / 8, rel=1e-5)  # two must share; fluid: 4 / 96
    assert fluid_pressure(cluster) == pytest.approx(4 / 96)


def test_shards_that_fit_on_large_gpus_only_are_counted_there() -> None:
    gpus = (Gpu(memory_gb=141.0), Gpu(memory_gb=40.0), Gpu(memory_gb=40.0))
    shards = tuple(Shard(model=model, size_gb=50.0, rate=3.0, slo_s=1.0) for model in range(2))
    cluster = Cluster(gpus=gpus, shards=shards)
    assert pressure_bound(cluster) == pytest.approx(6 / 41, rel=1e-5)


def test_shards_that_cannot_fit_have_no_finite_bound() -> None:
    cluster = Cluster(gpus=(Gpu(memory_gb=40.0),), shards=(Shard(model=0, size_gb=50.0, rate=1.0, slo_s=1.0),))
    assert pressure_bound(cluster) == math.inf


def test_the_exact_search_refuses_what_it_is_not_for() -> None:
    with pytest.raises(ValueError, match="differ in memory"):
        least_pressure(scene("static/mixed/s1000").epochs[0])
    with pytest.raises(ValueError, match="several shards"):
        least_pressure(scene("static/parallel/s1000").epochs[0])
