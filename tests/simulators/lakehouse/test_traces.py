"""Traces as text, and the family of the published loop."""

import sys

import pytest
from hypothesis import given

from thekla.simulators.lakehouse import (
    Trace,
    TraceFormatError,
    WorkloadParams,
    generate_trace,
    loop_trace,
    published_traces,
    read_trace,
    write_trace,
)
from thekla.simulators.lakehouse.arrivals import deliveries
from thekla.simulators.lakehouse.workload import visiting_order

from .test_engine_equals_reference import traces

HEADER = (
    "pipeline_id,arrival_seconds,priority,operator_id,parents,baseline_cpu_seconds,cpu_scaling,memory_gb,"
    "storage_read_gb\n"
)


@given(trace=traces())
def test_reading_what_was_written_is_the_identity(trace: Trace) -> None:
    assert read_trace(write_trace(trace), name=trace.name) == trace


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "line 1 is None"),
        ("id,when\n", "line 1 is"),
        (HEADER + "p1,0,QUERY,op1\n", "line 2 has 4 fields"),
        (HEADER + "p1,soon,QUERY,op1,,1,const,,5\n", "arrival_seconds is 'soon'"),
        (HEADER + "p1,inf,QUERY,op1,,1,const,,5\n", "arrives at inf"),
        (HEADER + "p1,0,,op1,,1,const,,5\n", "priority is ''"),
        (HEADER + "p1,0,QUERY,op1,op0,1,const,,5\n", "parent 'op0'"),
        (HEADER + "p1,0,QUERY,op1,,1,linear,,5\n", "cpu_scaling is 'linear'"),
        (HEADER + "p1,0,QUERY,op1,,-1,const,,5\n", "cpu_seconds is -1.0"),
        (HEADER + "p1,0,QUERY,op1,,1,const,,5\np1,0,,op2,,1,const,,5\n", "line 3 repeats arrival"),
        (HEADER + "p1,0,QUERY,op1,,1,const,,5\np1,,,op1,,1,const,,5\n", "appears twice"),
        (
            HEADER + "p1,0,QUERY,a,,1,const,,5\np2,0,QUERY,a,,1,const,,5\np1,0,QUERY,a,,1,const,,5\n",
            "'p1' appears twice",
        ),
    ],
)
def test_a_broken_trace_is_refused_with_what_was_found(text: str, found: str) -> None:
    with pytest.raises(TraceFormatError, match=found):
        read_trace(text)


def test_rows_of_one_pipeline_make_one_graph() -> None:
    (pipeline,) = read_trace(
        HEADER + "p1,1.5,INTERACTIVE,a,,1,const,,5\np1,,,b,a,1,const,2.5,5\np1,,,c,a;b,1,sqrt,,5\n"
    ).pipelines
    assert pipeline.arrival_seconds == 1.5
    assert [operator.parents for operator in pipeline.operators] == [(), (0,), (0, 1)]
    assert [operator.work.memory_gb for operator in pipeline.operators] == [None, 2.5, None]


def test_visiting_order_takes_roots_first_and_a_child_after_its_last_parent() -> None:
    (pipeline,) = read_trace(
        HEADER + "p,0,QUERY,a,,1,const,,5\np,,,b,a,1,const,,5\np,,,c,b,1,const,,5\np,,,d,,1,const,,5\n"
        "p,,,e,a;d,1,const,,5\n"
    ).pipelines
    assert visiting_order([operator.parents for operator in pipeline.operators]) == (0, 3, 1, 4, 2)


def test_published_traces_are_members_of_the_family() -> None:
    published = published_traces()
    assert [len(trace.pipelines) for trace in published] == [660, 590, 620, 580, 680, 640, 640, 720, 800, 800]
    assert published[5] == loop_trace(2, 11)
    assert loop_trace(2, 11) == loop_trace(2, 11)
    assert loop_trace(2, 100).pipelines != loop_trace(2, 101).pipelines


def test_newer_generator_draws_a_shape_as_well() -> None:
    params = WorkloadParams(duration=60, random_seed=5)
    old, new = generate_trace(params), generate_trace(params, revision="eudoxia-cur")
    assert [each.priority for each in old.pipelines] != [each.priority for each in new.pipelines]


def test_some_arrivals_are_delivered_one_tick_late() -> None:
    # A tick's time divided by the tick's length need not be the tick in floats: 1 % of the original's files.
    tick_length = 1.0 / 1000
    late = [tick for tick in range(600_000) if tick * tick_length / tick_length > tick]
    assert len(late) == 6102
    rows = "".join(f"p{tick},{tick * tick_length!r},QUERY,op1,,1,const,,5\n" for tick in late)
    delivered = deliveries(read_trace(HEADER + rows), 1000, "eudoxia-cur")
    assert [tick for tick, _ in delivered] == [tick + 1 for tick in late]


def test_out_of_order_arrivals_wait_for_those_listed_before_them() -> None:
    trace = read_trace(HEADER + "p1,2,QUERY,a,,1,const,,5\np2,1,QUERY,a,,1,const,,5\np3,-1,QUERY,a,,1,const,,5\n")
    assert [tick for tick, _ in deliveries(trace, 10, "eudoxia-cur")] == [20, 20, 20]


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({"duration": 0}, "duration is 0"),
        ({"query_prob": 0.2}, "sum to"),
        ({"dag_linear_prob": 0.0}, "all 0"),
        ({"random_seed": -1}, "random_seed is -1"),
        ({"batch_prob": float("nan")}, "probability is nan"),
    ],
)
def test_workload_parameters_are_checked(values: dict[str, float], found: str) -> None:
    with pytest.raises(ValueError, match=found):
        WorkloadParams(**values)  # type: ignore[arg-type]  # wrong on purpose


def test_three_shares_that_sum_to_one_up_to_rounding_are_accepted() -> None:
    # The original refuses these: 0.6 + 0.3 + 0.1 is not 1 in floats.
    WorkloadParams(interactive_prob=0.6, query_prob=0.3, batch_prob=0.1)


def test_generating_without_numpy_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install \"thekla\[problems\]\""):
        loop_trace(0, 10)
