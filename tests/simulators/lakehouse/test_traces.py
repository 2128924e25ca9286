"""Traces as text, and the family of the published loop."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thekla.simulators.lakehouse import (
    Segment,
    Trace,
    TraceFormatError,
    WorkloadParams,
    generate_trace,
    load_trace,
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
ROW = "p1,0,QUERY,op1,,1,const,,5\n"


@given(trace=traces(), tenants=st.lists(st.sampled_from(["", "sales", 'a;b, "c"']), min_size=8, max_size=8))
def test_reading_what_was_written_is_the_identity(trace: Trace, tenants: list[str]) -> None:
    owned = [replace(each, tenant=tenant) for each, tenant in zip(trace.pipelines, tenants, strict=False)]
    trace = replace(trace, pipelines=tuple(owned))
    assert read_trace(write_trace(trace), name=trace.name, any_order=True) == trace


def test_columns_that_a_trace_does_not_need_are_not_written() -> None:
    plain = read_trace(HEADER + ROW)
    assert write_trace(plain) == HEADER + "p1,0.0,QUERY,op1,,1,const,,5\n"
    (pipeline,) = plain.pipelines
    owned = Trace(name="owned", pipelines=(replace(pipeline, tenant="sales"),))
    assert write_trace(owned).splitlines()[0] == HEADER.strip() + ",tenant"


def test_rows_of_one_operator_are_its_segments() -> None:
    text = HEADER.strip() + ",segment\np1,0,QUERY,a,,1,const,,5,\np1,,,a,,2,sqrt,7,0,2\np1,,,b,a,1,const,,5,1\n"
    (pipeline,) = read_trace(text).pipelines
    first, second = pipeline.operators
    assert first.work.segments == (
        first.work,
        Segment(cpu_seconds=2, cpu_scaling="sqrt", storage_read_gb=0, memory_gb=7),
    )
    assert first.work.peak_memory_gb == 7
    assert second.parents == (0,)
    assert second.work.later == ()


def test_columns_may_stand_in_any_order() -> None:
    header, row = HEADER.strip().split(","), ROW.strip().split(",")
    assert read_trace(",".join(header[::-1]) + "\n" + ",".join(row[::-1]) + "\n") == read_trace(HEADER + ROW)


@pytest.mark.parametrize(
    ("text", "found", "remedy"),
    [
        ("", "bad: the file is empty", "expected the header pipeline_id"),
        (HEADER, "no pipeline", "add a row"),
        ("pipeline,when\n", "line 1: unknown column 'pipeline'", "did you mean 'pipeline_id'"),
        (HEADER.replace("memory_gb", "ram"), "unknown column 'ram'", "use one of pipeline_id"),
        (HEADER.replace(",memory_gb", ""), "line 1: the header lacks memory_gb", "expected pipeline_id"),
        (HEADER.replace("memory_gb", "parents"), "'parents' appears twice", "keep one"),
        (HEADER + "p1,0,QUERY,op1\n", "line 2: the row has 4 fields of 9", "one per column"),
        (HEADER + ROW + "p2,0,QUERY,op1,,1", "line 3: the row has 6 fields of 9", "cut off here: write it again"),
        (HEADER + 'p1,0,QUERY,"op1,,1,const,,5\n', "line 2: unexpected end of data", "close every quoted field"),
        (HEADER + "p1,soon,QUERY,op1,,1,const,,5\n", "line 2: arrival_seconds is 'soon'", "expected a number"),
        (HEADER + "p1,inf,QUERY,op1,,1,const,,5\n", "arrival_seconds is 'inf'", "expected a finite number"),
        (HEADER + "p1,-1,QUERY,op1,,1,const,,5\n", "arrives at -1.0 s, which is to be not negative", "count from"),
        (
            HEADER + "p0,2,QUERY,a,,1,const,,5\n" + ROW,
            "arrives at 0.0 s, which is to be 2.0 or later",
            "sort the pipelines",
        ),
        (HEADER + "p1,0,,op1,,1,const,,5\n", "priority is ''", "expected one of QUERY"),
        # No operator is its own parent, so none is proposed as that.
        (HEADER + "p1,0,QUERY,op1,op0,1,const,,5\n", "parent 'op0' of 'op1' is not in", "there is no other operator"),
        (HEADER + ROW + "p1,,,op2,op3,1,const,,5\n", "parent 'op3' of 'op2' is not in", "did you mean 'op1'"),
        (HEADER + "p1,0,QUERY,b,a,1,const,,5\np1,,,a,,1,const,,5\n", "stands below it, on line 3", "parents first"),
        (HEADER + "p1,0,QUERY,b,a,1,const,,5\np1,,,a,b,1,const,,5\n", "in a cycle, b -> a -> b", "drop one"),
        (HEADER + "p1,0,QUERY,a,a,1,const,,5\n", "in a cycle, a -> a", "drop one"),
        (HEADER + "p1,0,QUERY,op1,,1,linear,,5\n", "cpu_scaling is 'linear'", "did you mean 'linear7'"),
        (HEADER + "p1,0,QUERY,op1,,-1,const,,5\n", "baseline_cpu_seconds is '-1'", ">= 0"),
        (HEADER + "p1,0,QUERY,op1,,1,const,-2,5\n", "memory_gb is '-2'", ">= 0"),
        (HEADER + "p1,0,QUERY,op1,,1,const,,nan\n", "storage_read_gb is 'nan'", "finite"),
        (HEADER + ROW + "p1,0,,op2,,1,const,,5\n", "line 3: the row repeats arrival_seconds '0'", "leave it empty"),
        (HEADER + ROW + "p1,,,op1,,1,const,,5\n", "line 3: segment '' of operator 'op1'", "its own name"),
        (HEADER + ROW + "p1,,,b,,1,const,,5\np1,,,op1,,1,const,,5\n", "line 4: operator 'op1' appears twice", "line 2"),
        (HEADER + ROW + "p2,0,QUERY,a,,1,const,,5\n" + ROW, "line 4: pipeline id 'p1' appears twice", "line 2"),
    ],
)
def test_a_broken_trace_is_refused_with_line_and_remedy(text: str, found: str, remedy: str) -> None:
    with pytest.raises(TraceFormatError) as refusal:
        read_trace(text, name="bad")
    assert found in str(refusal.value)
    assert remedy in str(refusal.value)


@given(cut=st.integers(0, 500), flip=st.integers(0, 500), char=st.sampled_from('x,;"-\n\x00é'))
def test_a_damaged_trace_is_read_or_refused_and_never_crashes(cut: int, flip: int, char: str) -> None:
    text = HEADER + ROW + "p1,,,b,op1,1,const,,5\np2,3,BATCH_PIPELINE,a,,2.5,sqrt,7,5\n"
    for damaged in (text[:cut], text[:flip] + char + text[flip + 1 :]):
        lines = damaged.count("\n") + 1
        try:
            sound = len(read_trace(damaged).pipelines) > 0
        except TraceFormatError as refusal:
            sound = refusal.line is None or 1 <= refusal.line <= lines
        assert sound


def test_a_file_is_named_in_its_error_and_read_with_or_without_a_byte_order_mark(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text(HEADER + ROW, encoding="utf-8-sig")
    assert load_trace(good) == read_trace(HEADER + ROW, name="good")
    bad.write_text(HEADER + ROW.replace("const", "cons"), encoding="utf-8")
    with pytest.raises(TraceFormatError, match=r"bad\.csv, line 2: cpu_scaling is 'cons'; did you mean 'const'"):
        load_trace(bad)
    bad.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TraceFormatError, match=r"bad\.csv: byte 0 is not UTF-8"):
        load_trace(bad)


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
    trace = read_trace(
        HEADER + "p1,2,QUERY,a,,1,const,,5\np2,1,QUERY,a,,1,const,,5\np3,-1,QUERY,a,,1,const,,5\n", any_order=True
    )
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
