"""Equality with recorded runs of the original, and with its published figures."""

import gzip
import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from thekla.simulators.lakehouse import (
    ClassStatistics,
    Compat,
    Params,
    RunResult,
    Trace,
    WorkloadParams,
    builtin_policy,
    generate_trace,
    published_traces,
    read_trace,
    simulate,
    write_trace,
)

GOLDEN = Path(__file__).parents[2] / "data" / "lakehouse" / "golden.jsonl.gz"
# What the original does not leave to its parameter file.
ORIGINAL_DEFAULTS = {"num_pools": 8, "ram_gb_per_pool": 256, "multi_operator_containers": True}
EXCEPTION_OF = {
    "operator_count": "AssertionError",
    "overallocated_ram": "AssertionError",
    "parents_incomplete": "AssertionError",
    "zero_tick_operator": "StopIteration",
}


def golden_runs() -> Iterator[dict[str, Any]]:
    with gzip.open(GOLDEN, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def replay(golden: dict[str, Any]) -> RunResult:
    values = {**ORIGINAL_DEFAULTS, **golden["params"]}
    params = Params.from_mapping({name: values[name] for name in values if name in Params.__dataclass_fields__})
    return simulate(
        read_trace(golden["trace"], any_order=True), builtin_policy(golden["scheduler"]), params, compat="eudoxia-cur"
    )


def plain(value: object) -> object:
    """A statistic as the recording writes it."""
    if isinstance(value, ClassStatistics):
        return {name: plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else "inf"
    return value


def measured(result: RunResult, name: str, golden: dict[str, Any]) -> object:
    if name == "adjusted_latency_default":
        return plain(result.statistics.adjusted_latency())
    if name == "adjusted_latency_penalty_2x":
        penalty = 2 * golden["params"]["max_job_seconds"]
        return plain(result.statistics.adjusted_latency(unfinished_penalty_seconds=penalty))
    return plain(getattr(result.statistics, name))


@pytest.mark.parametrize("golden", list(golden_runs()), ids=lambda golden: golden["name"])
def test_run_equals_the_recorded_one(golden: dict[str, Any]) -> None:
    result = replay(golden)
    assert [list(pipeline) for pipeline in result.pipelines] == golden["pipelines"]
    assert [list(lives) for lives in result.container_tick_times] == golden["container_tick_times"]
    exception = golden.get("exception")
    if exception is None:
        assert result.fault is None
        for name, expected in golden["stats"].items():
            if name == "mean_memory_consumed_percent":
                assert result.statistics.mean_memory_consumed_percent == pytest.approx(expected, rel=1e-9, abs=0)
            else:
                assert measured(result, name, golden) == expected, name
    elif exception["type"] == "IndexError":
        # The original has no statistics where no container ended; here they say so, without a crash.
        assert result.fault is None
        assert math.isnan(result.statistics.p99_latency)
    else:
        assert result.fault is not None
        assert (EXCEPTION_OF[result.fault.kind], result.fault.tick) == (exception["type"], exception["tick"])


@pytest.mark.parametrize("case", ["overcommit", "pools_and_dags", "preemption", "single_operator_oom"])
def test_generator_writes_the_recorded_traces(case: str) -> None:
    golden = next(run for run in golden_runs() if run["name"].startswith(case))
    values = {name: golden["params"][name] for name in golden["params"] if name in WorkloadParams.__dataclass_fields__}
    trace = generate_trace(WorkloadParams(**values), revision="eudoxia-cur")
    assert write_trace(trace) == golden["trace"]
    assert read_trace(golden["trace"]).pipelines == trace.pipelines


def adjusted_latencies(policy: str, traces: Iterable[Trace], compat: Compat = "eudoxia-pin") -> list[float]:
    latencies = []
    for trace in traces:
        result = simulate(trace, builtin_policy(policy), compat=compat)
        assert result.fault is None
        latencies.append(result.statistics.adjusted_latency())
    return latencies


def test_naive_gives_the_published_baseline() -> None:
    latencies = adjusted_latencies("naive", published_traces())
    assert [f"{latency:.2f}" for latency in latencies] == [
        "9291.50",
        "11999.85",
        "9247.31",
        "13609.87",
        "11726.30",
        "16451.85",
        "12389.52",
        "21340.61",
        "15519.95",
        "21369.17",
    ]
    assert median(latencies) == 12999.69611111111


def test_the_later_revision_draws_other_traces_and_gives_its_own_figure() -> None:
    loads = [
        WorkloadParams(
            num_pipelines=10 * scale,
            num_operators=10,
            waiting_seconds_mean=10.0 * scale,
            random_seed=seed,
            duration=600,
        )
        for scale in (1, 2, 4, 8, 16)
        for seed in (10, 11)
    ]
    traces = [read_trace(write_trace(generate_trace(load, revision="eudoxia-cur"))) for load in loads]
    assert median(adjusted_latencies("naive", traces, compat="eudoxia-cur")) == 10556.955594444444


def test_priority_gives_the_original_s_figure() -> None:
    latencies = adjusted_latencies("priority", published_traces())
    assert median(latencies) == 90.6275796101095
    assert f"{latencies[3]:.5f}" == "79.87821"
    assert [f"{latency:.4f}" for latency in latencies[8:]] == ["125.0763", "141.2985"]
