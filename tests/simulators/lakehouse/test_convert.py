"""Alibaba's batch tasks as a trace: graph, sizes, classes, and what is left out."""

import pytest

from thekla.simulators.lakehouse import (
    AlibabaParams,
    Params,
    PriorityClass,
    Trace,
    TraceFormatError,
    alibaba_trace,
    builtin_policy,
    read_trace,
    simulate,
    write_trace,
)

# In the format of batch_task.csv; the rows are made up.
ROWS = """\
R3_1_2,4,j_1,1,Terminated,150,170,100,1.5
M1,10,j_1,1,Terminated,100,130,200,0.5
M2,10,j_1,1,Terminated,100,150,600,0.25
task_Qw1,1,j_2,3,Terminated,90,95,50,0.5
J2_1_Stg7,1,j_3,1,Terminated,700,800,100,
M1_Stg1,1,j_3,1,Terminated,200,650,100,1
M1,1,j_4,1,Failed,100,130,100,0.5
M2_1,1,j_5,1,Terminated,100,130,100,0.5
M1_2,1,j_6,1,Terminated,100,130,100,0.5
M2_1,1,j_6,1,Terminated,100,130,100,0.5
M1,1,j_7,1,Terminated,9000,9010,100,0.5
"""
PARAMS = AlibabaParams(machine_gb=100, start_s=80, duration_s=1000, query_s=10, interactive_s=80)


def converted(rows: str = ROWS, params: AlibabaParams = PARAMS) -> Trace:
    return alibaba_trace(rows.splitlines(), params)[0]


def test_jobs_become_pipelines_in_order_of_their_first_start() -> None:
    trace, left_out = alibaba_trace(ROWS.splitlines(), PARAMS)
    assert [(each.id, each.arrival_seconds) for each in trace.pipelines] == [("j_2", 10), ("j_1", 20), ("j_3", 120)]
    assert left_out == {"failed": 1, "graph": 2, "outside": 1}
    assert [each.tenant for each in trace.pipelines] == ["type-3", "type-1", "type-1"]


def test_names_of_tasks_make_the_graph() -> None:
    _, job, staged = converted().pipelines
    assert [operator.name for operator in job.operators] == ["M1", "M2", "R3_1_2"]
    assert [operator.parents for operator in job.operators] == [(), (), (0, 1)]
    assert [operator.parents for operator in staged.operators] == [(), (0,)]


def test_an_operator_takes_its_task_s_time_on_the_planned_cpus_and_its_memory() -> None:
    query, job, staged = converted().pipelines
    first, second, _ = (operator.work for operator in job.operators)
    assert (first.cpu_scaling, first.cpu_seconds, first.memory_gb) == ("linear3", 60, 0.5)  # 30 s on two CPUs
    assert (second.cpu_scaling, second.cpu_seconds, second.memory_gb) == ("linear7", 300, 0.25)  # 50 s on six
    assert query.operators[0].work.cpu_scaling == "const"
    assert staged.operators[1].work.memory_gb == 0  # nothing was planned


def test_classes_follow_from_durations() -> None:
    assert [each.priority for each in converted().pipelines] == [
        PriorityClass.QUERY,
        PriorityClass.INTERACTIVE,
        PriorityClass.BATCH_PIPELINE,
    ]
    # Ten times as fast, the last job takes 55 s.
    hastened = converted(params=AlibabaParams(start_s=80, duration_s=1000, speed=10))
    assert [each.priority.name for each in hastened.pipelines] == ["QUERY", "INTERACTIVE", "INTERACTIVE"]
    assert [each.arrival_seconds for each in hastened.pipelines] == [1, 2, 12]


def test_the_result_is_a_trace_like_any_other() -> None:
    trace = converted()
    assert read_trace(write_trace(trace), name=trace.name) == trace
    result = simulate(trace, builtin_policy("best-fit"), Params(duration=1000, ticks_per_second=10))
    assert result.fault is None
    assert result.statistics.pipelines_all.completion_count == 3


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ("M1,1,j,1,Terminated,1,2,100", "line 2: the row has 8 columns"),
        ("M1,1,j,1,Terminated,one,2,100,1", "line 2: start_time, end_time, plan_cpu and plan_mem are"),
        ("M1,1,j,1,Terminated,1,2,nan,1", "finite numbers >= 0"),
    ],
)
def test_a_row_that_is_none_is_refused_with_its_line(row: str, found: str) -> None:
    with pytest.raises(TraceFormatError, match=found):
        converted(ROWS.splitlines()[0] + "\n" + row)


def test_parameters_are_checked() -> None:
    with pytest.raises(ValueError, match="speed is 0"):
        AlibabaParams(speed=0)
