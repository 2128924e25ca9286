"""The shipped policies keep their rules and are never at fault."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thekla.simulators.lakehouse import (
    BUILTIN_POLICIES,
    ORACLE_POLICIES,
    Params,
    RunResult,
    Trace,
    builtin_policy,
    noisy_estimator,
    oracle_policy,
    policy_source,
    read_trace,
    simulate,
)

from .test_engine_equals_reference import lakehouses, traces

HEADER = (
    "pipeline_id,arrival_seconds,priority,operator_id,parents,baseline_cpu_seconds,cpu_scaling,memory_gb,"
    "storage_read_gb\n"
)
OURS = ("ageing", "best-fit", "estimator-aware", "shortest-remaining")


def run(rows: str, policy: str, **params: Any) -> RunResult:
    given = {"duration": 300, "ticks_per_second": 10, "cpus_per_pool": 8, "ram_gb_per_pool": 80, **params}
    result = simulate(read_trace(HEADER + rows), builtin_policy(policy), Params(**given))
    assert result.fault is None, result.fault
    return result


def ends_s(result: RunResult) -> dict[str, float | None]:
    return {name: None if finish is None else finish / 10 for name, _, finish in result.pipelines}


@settings(max_examples=40)
@given(trace=traces(), lakehouse=lakehouses(), policy=st.sampled_from(OURS), sigma=st.sampled_from([None, 0.0, 0.5]))
def test_no_policy_of_ours_is_ever_at_fault(trace: Trace, lakehouse: Any, policy: str, sigma: float | None) -> None:
    params, compat = lakehouse
    estimator = None if sigma is None else noisy_estimator(sigma=sigma)
    fault = simulate(trace, builtin_policy(policy), params, compat, estimator=estimator).fault
    # What a revision cannot run at all is no fault of the policy.
    assert fault is None or fault.kind == "zero_tick_operator"


@pytest.mark.parametrize("policy", OURS)
def test_everything_that_fits_completes_and_what_fits_nowhere_is_given_up(policy: str) -> None:
    rows = "".join(
        f"p{n},{n},BATCH_PIPELINE,a,,1,const,{n},5\np{n},,,b,a,1,const,{80 - n},5\n" for n in range(1, 40, 3)
    )
    result = run(rows + "big,50,QUERY,a,,1,const,81,5\n", policy)
    ends = ends_s(result)
    assert ends.pop("big") is None
    assert None not in ends.values()
    # 10, 20, 40 and 80 GB: nothing is tried a fifth time.
    assert result.statistics.failures <= 3 * 26 + 4


def test_best_fit_keeps_the_roomiest_pool_for_the_large() -> None:
    # Four queries fit into one pool; spread over both, they leave no pool whole for the batch operator.
    rows = "".join(f"s{n},0,QUERY,a,,20,const,9,0\n" for n in range(4)) + "big,2,BATCH_PIPELINE,a,,5,const,80,0\n"
    ends = {policy: ends_s(run(rows, policy, num_pools=2)) for policy in ("best-fit", "shortest-remaining")}
    assert ends["best-fit"]["big"] == pytest.approx(7, abs=0.5)
    later = ends["shortest-remaining"]["big"]
    assert later is not None
    assert later > 20


def test_shortest_remaining_serves_a_short_batch_before_a_long_interactive_pipeline() -> None:
    # A container takes the whole pool: 80 GB, learnt after three failures of both.
    long = "i,0,INTERACTIVE,a,,1,const,80,0\ni,,,b,a,1,const,80,0\ni,,,c,b,1,const,80,0\n"
    rows = long + "b,0,BATCH_PIPELINE,a,,1,const,80,0\n"
    ends = ends_s(run(rows, "shortest-remaining"))
    assert ends["b"] is not None
    assert ends["i"] is not None
    assert ends["b"] < ends["i"]


@pytest.mark.parametrize(("policy", "starves"), [("best-fit", True), ("ageing", False)])
def test_ageing_starves_no_batch_pipeline_under_a_stream_of_queries(policy: str, starves: bool) -> None:
    # Queries use the pool up, eight at a time, for ever; the batch operator needs half of it.
    queries = "".join(f"q{n},{n // 2},QUERY,a,,5,const,10,0\n" for n in range(580))
    before, after = queries[: queries.index("q60,")], queries[queries.index("q60,") :]
    ends = ends_s(run(before + "b,30,BATCH_PIPELINE,a,,5,const,40,0\n" + after, policy))
    assert (ends["b"] is None) == starves


def test_estimates_spare_the_failures() -> None:
    trace = read_trace(HEADER + "".join(f"p{n},{n},QUERY,a,,1,const,{5 + n},0\n" for n in range(30)))
    params = Params(duration=100, ticks_per_second=10, cpus_per_pool=8, ram_gb_per_pool=80)
    failures = [
        simulate(trace, builtin_policy("estimator-aware"), params, estimator=estimator).statistics.failures
        for estimator in (None, noisy_estimator())
    ]
    assert failures[0] > 0
    assert failures[1] == 0


def test_the_oracle_never_runs_out_of_memory_and_is_no_builtin_policy() -> None:
    trace = read_trace(HEADER + "".join(f"p{n},0,QUERY,a,,1,const,{5 + n},0\n" for n in range(30)))
    result = simulate(trace, oracle_policy(trace), Params(duration=100, ticks_per_second=10, ram_gb_per_pool=80))
    assert result.fault is None
    assert result.statistics.failures == 0
    assert result.statistics.pipelines_all.completion_count == 30
    with pytest.raises(KeyError, match="needs the trace"):
        builtin_policy("exact-fifo")


@pytest.mark.parametrize("name", [*BUILTIN_POLICIES, *ORACLE_POLICIES])
def test_every_policy_says_its_rule_in_one_line(name: str) -> None:
    first = policy_source(name).splitlines()[0]
    assert first.startswith('"""')
    assert first.rstrip('"').endswith(".")
