"""Pressure is load over free memory, moves are counted by size, and a placement that breaks a rule is named."""

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thekla.simulators.placement import Cluster, Gpu, Shard, fault_of, largest_pressure, moved_gb, pressures


def shard(size_gb: float, rate: float, slo_s: float = 1.0, *, model: int) -> Shard:
    return Shard(model=model, size_gb=size_gb, rate=rate, slo_s=slo_s)


PAIR = Cluster(
    gpus=(Gpu(memory_gb=80), Gpu(memory_gb=40), Gpu(memory_gb=80, node=1)),
    shards=(shard(20, 6, 2, model=0), shard(30, 5, 5, model=1), shard(10, 4, 2, model=2), shard(10, 4, 2, model=2)),
)


def test_pressure_is_load_over_free_memory() -> None:
    assert pressures(PAIR, [0, 0, 1, 0]) == [(3 + 1 + 2) / 20, 2 / 30, 0.0]
    assert largest_pressure(PAIR, [0, 0, 1, 0]) == 0.3


def test_a_loaded_gpu_without_free_memory_is_pressed_without_bound() -> None:
    full = Cluster(gpus=(Gpu(memory_gb=20),), shards=(shard(20, 1, model=0),))
    assert fault_of(full, [0]) is None
    assert largest_pressure(full, [0]) == math.inf


@pytest.mark.parametrize(
    ("placement", "words"),
    [
        ([0, 0, 1], "3 GPUs named for 4 shards"),
        ([0, 0, 1, 3], "shard 3 is on GPU 3; GPUs are 0 to 2"),
        ([0, -1, 1, 0], "shard 1 is on GPU -1"),
        ([1, 1, 2, 0], "GPU 1 holds 50 GB; it has 40"),
        ([0, 0, 1, 1], "shards of model 2 are on GPUs .*GPU of its own"),
        ([0, 0, 1, 2], "shards of model 2 are on GPUs .*not on one node"),
    ],
)
def test_a_placement_that_breaks_a_rule_is_named(placement: list[int], words: str) -> None:
    reason = fault_of(PAIR, placement)
    assert reason is not None
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(reason)


def test_moving_counts_the_sizes_of_what_lies_elsewhere() -> None:
    assert moved_gb(PAIR, [0, 0, 1, 0], [0, 2, 0, 1]) == 30 + 10 + 10
    assert moved_gb(PAIR, [0, 0, 1, 0], [0, 0, 1, 0]) == 0


@given(seed=st.integers(0, 10_000), scale=st.floats(0.01, 100))
def test_order_and_units_change_nothing(seed: int, scale: float) -> None:
    rng = Random(seed)
    gpus = tuple(Gpu(memory_gb=100) for _ in range(4))
    shards = tuple(shard(rng.randint(1, 8), rng.randint(1, 9), rng.randint(1, 9), model=i) for i in range(12))
    placement = [rng.randrange(4) for _ in shards]
    found = largest_pressure(Cluster(gpus=gpus, shards=shards), placement)
    order = rng.sample(range(12), 12)
    shuffled = Cluster(gpus=gpus, shards=tuple(shards[i] for i in order))
    assert largest_pressure(shuffled, [placement[i] for i in order]) == pytest.approx(found)
    renamed = [(gpu + 1) % 4 for gpu in placement]
    assert largest_pressure(Cluster(gpus=gpus, shards=shards), renamed) == pytest.approx(found)
    scaled = Cluster(
        gpus=tuple(Gpu(memory_gb=scale * gpu.memory_gb) for gpu in gpus),
        shards=tuple(shard(scale * s.size_gb, scale * s.rate, s.slo_s, model=s.model) for s in shards),
    )
    assert largest_pressure(scaled, placement) == pytest.approx(found)


@pytest.mark.parametrize(
    ("gpus", "shards", "words"),
    [
        ((), (shard(1, 1, model=0),), "at least one"),
        ((Gpu(memory_gb=0),), (shard(1, 1, model=0),), "must be positive"),
        ((Gpu(memory_gb=1),), (shard(1, -1, model=0),), "not negative"),
        ((Gpu(memory_gb=1),), (shard(math.nan, 1, model=0),), "must be positive"),
    ],
)
def test_a_cluster_out_of_range_is_refused(gpus: tuple[Gpu, ...], shards: tuple[Shard, ...], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Cluster(gpus=gpus, shards=shards)
