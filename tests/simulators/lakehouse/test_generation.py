"""The generator of workloads draws what a plain one draws that leaves everything to numpy."""

from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thekla.simulators.lakehouse import GeneratorRevision, WorkloadParams, generate_trace, write_trace

from .reference_generator import csv_of

REVISIONS = get_args(GeneratorRevision)
weights = st.sampled_from([0.0, 0.1, 1 / 3, 0.5, 1.0, 7.0])


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**64),
    classes=st.tuples(weights, weights, weights).filter(any),
    shapes=st.tuples(weights, weights, weights).filter(any),
    operators=st.sampled_from([0.3, 1, 2.5, 12]),
    batch=st.integers(1, 6),
    tps=st.sampled_from([7, 10, 100]),
    waiting_s=st.sampled_from([0.001, 0.5, 3]),
    revision=st.sampled_from(REVISIONS),
)
def test_a_trace_is_the_one_of_the_plain_generator(
    seed: int,
    classes: tuple[float, float, float],
    shapes: tuple[float, float, float],
    operators: float,
    batch: int,
    tps: int,
    waiting_s: float,
    revision: GeneratorRevision,
) -> None:
    interactive, query, batch_class = (share / sum(classes) for share in classes)
    params = WorkloadParams(
        duration=5,
        ticks_per_second=tps,
        waiting_seconds_mean=waiting_s,
        num_pipelines=batch,
        num_operators=operators,
        interactive_prob=interactive,
        query_prob=query,
        batch_prob=batch_class,
        dag_linear_prob=shapes[0],
        dag_branch_in_prob=shapes[1],
        dag_branch_out_prob=shapes[2],
        random_seed=seed,
    )
    assert write_trace(generate_trace(params, revision=revision)) == csv_of(params, revision)


@pytest.mark.parametrize("revision", REVISIONS)
def test_a_trace_of_the_loop_is_the_one_of_the_plain_generator(revision: GeneratorRevision) -> None:
    params = WorkloadParams(duration=60, num_pipelines=20, num_operators=10, random_seed=11)
    assert write_trace(generate_trace(params, revision=revision)) == csv_of(params, revision)
