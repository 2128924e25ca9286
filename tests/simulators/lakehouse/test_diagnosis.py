"""The diagnosis names what lost, what was wasted, what happened first, and where."""

import pytest

from thekla.simulators.lakehouse import (
    Cause,
    Params,
    PolicyFault,
    PriorityClass,
    builtin_policy,
    diagnose,
    faulty_line,
    load_policy,
    loop_trace,
    read_trace,
    simulate,
)

HEADER = (
    "pipeline_id,arrival_seconds,priority,operator_id,parents,baseline_cpu_seconds,cpu_scaling,memory_gb,"
    "storage_read_gb\n"
)
SMALL = Params(duration=10, ticks_per_second=10, cpus_per_pool=8, ram_gb_per_pool=80)


def test_a_diagnosis_of_a_run_that_can_be_followed_by_hand() -> None:
    # Each gets an eighth of the pool first, 10 GB: the query fails at once and then fits, the batch never does.
    trace = read_trace(HEADER + "q,0,QUERY,a,,1,const,15,0\nb,1,BATCH_PIPELINE,a,,1,const,90,0\n", name="two")
    diagnosis = diagnose(trace, SMALL, simulate(trace, builtin_policy("best-fit"), SMALL))
    batch, query = diagnosis.losses
    assert (batch.priority, batch.arrived, batch.completed, batch.mean_s) == (PriorityClass.BATCH_PIPELINE, 1, 0, None)
    # Weights 1 and 10: 20 s that count for the batch, and 10 times 1 s for the query.
    assert batch.share == pytest.approx(20 / 30)
    assert query.mean_s == pytest.approx(1.0)
    assert diagnosis.failures == 5
    # Free memory that the batch operator waits for to the end; it is given up by the policy, not by the lakehouse.
    assert diagnosis.wastes[0][0] is Cause.QUEUED
    assert diagnosis.timeline[:3] == (
        "0.00 s  c1 gets 1 CPUs and 10 GB in pool 0 for a of a pipeline of class QUERY",
        "0.00 s  c1 is killed: it needs more than 10 GB, after 0.10 s",
        "0.10 s  c2 gets 2 CPUs and 20 GB in pool 0 for a of a pipeline of class QUERY",
    )
    lines = diagnosis.text().splitlines()
    assert lines[0].startswith("BATCH_PIPELINE pipelines lost most, 67% of the loss; most waste is queued, ")
    assert "QUERY: 1 of 1 pipelines completed, mean latency 1.0 s; 33% of the loss" in lines
    assert "around the first failure (5 containers were killed):" in lines


def test_a_fault_comes_first_with_the_line_that_it_came_from() -> None:
    source = "def schedule(s, results, pipelines):\n    pool = s.executor.pools[0]\n    return [], pool.avail_memory\n"
    trace = read_trace(HEADER + "q,2,QUERY,a,,1,const,15,0\n")
    result = simulate(trace, load_policy(source), SMALL)
    diagnosis = diagnose(trace, SMALL, result, source=source)
    assert diagnosis.line == "line 3: return [], pool.avail_memory"
    first, second, *_ = diagnosis.text().splitlines()
    assert first.startswith("fault exception: AttributeError")
    assert second == "at line 3: return [], pool.avail_memory"


def test_a_fault_without_a_frame_of_the_policy_has_no_line() -> None:
    assert faulty_line(PolicyFault(kind="bad_size", tick=0, message="")) == ""
    beyond = PolicyFault(kind="exception", tick=0, message="", traceback='  File "<policy>", line 9, in schedule\n')
    assert faulty_line(beyond, "one line") == "line 9"


def test_a_diagnosis_stays_short_on_a_long_trace() -> None:
    trace = loop_trace(2, 10)
    result = simulate(trace, builtin_policy("priority"), compat="eudoxia-pin")
    text = diagnose(trace, Params(), result, compat="eudoxia-pin").text()
    assert len(text) < 1500
    assert text.count("\n") < 16


def test_a_run_without_arrivals_has_nothing_to_say() -> None:
    trace = read_trace(HEADER + "q,20,QUERY,a,,1,const,15,0\n")
    assert diagnose(trace, SMALL, simulate(trace, builtin_policy("naive"), SMALL)).text() == "nothing arrived"
