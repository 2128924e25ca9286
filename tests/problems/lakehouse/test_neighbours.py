"""Neighbours of traces are traces of about the same kind, named by their ids."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from thekla.core.problem import Split
from thekla.core.protocols import WorkloadSpace
from thekla.problems.lakehouse import build
from thekla.problems.lakehouse.workloads import instance

LOOP = instance("loop/b2/s100", Split.TRAIN)
VARIED = instance("varied/calm-chains/s1000", Split.TRAIN)
TINY = instance("tiny/one-pool", Split.TRAIN)


@given(seed=st.integers(0, 2**60))
def test_a_neighbour_is_near_new_and_the_same_for_the_same_seed(seed: int) -> None:
    package = build("default")
    assert isinstance(package, WorkloadSpace)
    near = package.varied(LOOP, seed=seed)
    assert near is not None
    assert near == package.varied(LOOP, seed=seed) != LOOP
    assert near.id.split("/")[:2] in (["loop", "b1"], ["loop", "b2"], ["loop", "b3"])
    other = package.varied(VARIED, seed=seed)
    assert other is not None
    assert other.id.startswith("varied/")
    assert package.varied(TINY, seed=seed) is None


def test_neighbours_stay_within_the_degrees_of_burstiness_that_are_searched() -> None:
    package = build("default")
    for burst in (0, 4):
        edge = instance(f"loop/b{burst}/s100", Split.TRAIN)
        found = {near.id.split("/")[1] for seed in range(40) if (near := package.varied(edge, seed=seed))}
        assert found == ({"b0", "b1"} if burst == 0 else {"b3", "b4"})
