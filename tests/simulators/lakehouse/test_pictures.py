"""Drawings and event logs show every container once, where and when it lived."""

import json
import re
from itertools import combinations
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thekla.simulators.lakehouse import (
    BUILTIN_POLICIES,
    OperatorSpec,
    Params,
    PipelineSpec,
    PriorityClass,
    RunResult,
    Trace,
    Window,
    Work,
    builtin_policy,
    perfetto_trace,
    sensitivity,
    simulate,
    timeline_svg,
)
from thekla.simulators.lakehouse.occupancy import held_memory, lanes, last_tick
from thekla.simulators.lakehouse.sensitivity import rates

PARAMS = Params(
    duration=60, ticks_per_second=10, num_pools=2, cpus_per_pool=16, ram_gb_per_pool=200, multi_operator_containers=True
)
SVG = "{http://www.w3.org/2000/svg}"
DOCUMENTED = {"name", "cat", "ph", "ts", "dur", "pid", "tid", "id", "args", "s"}


def workload(sizes: list[tuple[float, int, int]]) -> Trace:
    """Chains of operators: (GB, operators, class)."""
    pipelines = []
    for number, (size_gb, count, priority) in enumerate(sizes):
        work = Work(cpu_seconds=2, cpu_scaling="linear3", storage_read_gb=size_gb)
        chain = tuple(
            OperatorSpec(name=f"op{each}", parents=(each - 1,) if each else (), work=work) for each in range(count)
        )
        pipelines.append(
            PipelineSpec(
                id=f"<p&{number}>", arrival_seconds=number / 2, priority=PriorityClass(priority), operators=chain
            )
        )
    return Trace(name="t", pipelines=tuple(pipelines))


TRACE = workload([(15.0 + 3 * (number % 5), 1 + number % 3, 1 + number % 3) for number in range(60)])


@pytest.fixture(scope="module", params=["priority", "priority-pool"])
def result(request: pytest.FixtureRequest) -> RunResult:
    return simulate(TRACE, builtin_policy(request.param), PARAMS)


@settings(max_examples=25)
@given(
    st.lists(st.tuples(st.floats(1, 60), st.integers(1, 3), st.integers(1, 3)), min_size=1, max_size=25),
    st.sampled_from([policy for policy in BUILTIN_POLICIES if policy in ("naive", "priority", "priority-pool")]),
)
def test_no_two_containers_share_a_lane_at_a_time_and_no_lane_is_empty(
    sizes: list[tuple[float, int, int]], policy: str
) -> None:
    lives = [life for life in simulate(workload(sizes), builtin_policy(policy), PARAMS).containers if life.pool == 0]
    placed = lanes(lives, PARAMS.max_ticks)
    assert set(placed) == set(range(max(placed, default=-1) + 1))
    for (one, lane), (other, lane_of_other) in combinations(zip(lives, placed, strict=True), 2):
        apart = last_tick(one, PARAMS.max_ticks) < other.start or last_tick(other, PARAMS.max_ticks) < one.start
        assert apart or lane != lane_of_other


def test_memory_is_the_sum_over_the_containers_that_hold_it(result: RunResult) -> None:
    lives = [life for life in result.containers if life.pool == 1]
    for held in held_memory(lives, range(0, PARAMS.max_ticks, 7), PARAMS.max_ticks):
        there = [life for life in lives if life.start <= held.tick <= last_tick(life, PARAMS.max_ticks)]
        assert held.given_gb == pytest.approx(sum(life.ram_gb for life in there))
        assert held.used_gb == pytest.approx(sum(life.memory_gb(held.tick) for life in there))
        assert held.used_gb <= held.given_gb + 1e-9 <= PARAMS.ram_gb_per_pool + 1e-6


def bars(svg: str) -> list[ElementTree.Element]:
    return [each for each in ElementTree.fromstring(svg).iter(f"{SVG}rect") if each.find(f"{SVG}title") is not None]


def test_drawing_has_a_bar_for_every_container_and_escapes_foreign_text(result: RunResult) -> None:
    svg = timeline_svg(result, PARAMS)
    drawn = bars(svg)
    assert len(drawn) == len(result.containers) > 50
    assert "&lt;p&amp;0&gt;/op0" in svg
    killed = sum(life.end_kind == "OOM" for life in result.containers)
    assert killed > 0
    assert sum("l" in each.attrib["class"].split() for each in drawn) == killed


def test_bars_lie_where_their_containers_lived(result: RunResult) -> None:
    window = Window(first=0, end=PARAMS.max_ticks)
    drawn = {(each.findtext(f"{SVG}title") or "").split(" ")[0]: each for each in bars(timeline_svg(result, PARAMS))}
    for life in result.containers:
        bar = drawn[life.id]
        left, width = float(bar.attrib["x"]), float(bar.attrib["width"])
        end = PARAMS.max_ticks if life.end is None else life.end + 1
        assert left == pytest.approx(window.x(life.start), abs=0.06)
        assert left + width == pytest.approx(window.x(end), abs=0.95)


def test_window_leaves_out_what_does_not_lie_in_it(result: RunResult) -> None:
    window = Window(first=100, end=150)
    inside = [life for life in result.containers if life.start < 150 and last_tick(life, PARAMS.max_ticks) >= 100]
    assert 0 < len(inside) < len(result.containers)
    assert len(bars(timeline_svg(result, PARAMS, window=window))) == len(inside)
    with pytest.raises(ValueError, match="below its end"):
        Window(first=5, end=5)


def test_empty_simulation_can_be_drawn() -> None:
    empty = simulate(Trace(name="empty", pipelines=()), builtin_policy("naive"), PARAMS)
    assert bars(timeline_svg(empty, PARAMS)) == []
    assert ElementTree.fromstring(timeline_svg(empty, PARAMS)).tag == f"{SVG}svg"


def test_drawing_loads_nothing_from_elsewhere(result: RunResult) -> None:
    svg = timeline_svg(result, PARAMS)
    assert set(re.findall(r"https?://[^\"' ]+", svg)) == {"http://www.w3.org/2000/svg"}
    assert "<script" not in svg
    assert "prefers-color-scheme:dark" in svg


def test_event_log_uses_the_documented_fields(result: RunResult) -> None:
    log = json.loads(json.dumps(perfetto_trace(result, TRACE, PARAMS), allow_nan=False))
    assert log["displayTimeUnit"] in ("ms", "ns")
    for event in log["traceEvents"]:
        assert set(event) <= DOCUMENTED
        assert {"name", "ph", "pid", "tid"} <= set(event)
        assert event["ph"] in "XMCibe"
        needed = {"X": {"ts", "dur", "cat"}, "C": {"ts", "args"}, "i": {"ts", "s"}, "M": {"args"}}
        assert needed.get(event["ph"], {"ts", "id", "cat"}) <= set(event)
        assert all(type(event[name]) is int and event[name] >= 0 for name in ("ts", "dur") if name in event)
        assert event["ph"] != "C" or all(isinstance(value, int | float) for value in event["args"].values())
        assert event["ph"] != "M" or (event["name"] in ("process_name", "thread_name") and event["args"]["name"])


def test_event_log_has_every_container_and_pipeline_once_and_nests_operators(result: RunResult) -> None:
    events = perfetto_trace(result, TRACE, PARAMS)["traceEvents"]
    assert isinstance(events, list)
    found = [event for event in events if isinstance(event, dict)]
    slices = [event for event in found if event["ph"] == "X"]
    containers = {event["name"]: event for event in slices if event["cat"] != "operator"}
    assert sorted(map(str, containers)) == sorted(life.id for life in result.containers)
    for life in result.containers:
        event = containers[life.id]
        assert (event["ts"], event["pid"]) == (life.start * 100_000, life.pool + 2)
    begun = [event["id"] for event in found if event["ph"] == "b"]
    ended = [event["id"] for event in found if event["ph"] == "e"]
    assert begun == ended == [name for name, _, _ in result.pipelines]
    by_lane: dict[tuple[object, object], list[tuple[int, int]]] = {}
    for event in slices:
        start, length = event["ts"], event["dur"]
        assert isinstance(start, int)
        assert isinstance(length, int)
        by_lane.setdefault((event["pid"], event["tid"]), []).append((start, start + length))
    for spans in by_lane.values():
        for (start, end), (begin, stop) in combinations(spans, 2):
            apart = end <= begin or stop <= start
            nested = (start <= begin and stop <= end) or (begin <= start and end <= stop)
            assert apart or nested


def test_sensitivity_is_none_at_the_finest_rate_and_visits_every_rate() -> None:
    assert rates(1000) == [1, 10, 100, 1000]
    assert rates(40) == [1, 10, 40]
    seen: list[tuple[int, tuple[float, ...]]] = []

    def score(trace: Trace, params: Params) -> float:
        seen.append((params.ticks_per_second, tuple(each.arrival_seconds for each in trace.pipelines)))
        return simulate(trace, builtin_policy("naive"), params).statistics.throughput

    rows = sensitivity(TRACE, PARAMS, score, jitter_seed=3)
    assert [(row.ticks_per_second, row.arrivals) for row in rows] == [
        (rate, arrivals) for rate in (1, 10) for arrivals in ("original", "snapped", "jittered")
    ]
    assert next(row.change for row in rows if (row.ticks_per_second, row.arrivals) == (10, "original")) == 0
    original = tuple(each.arrival_seconds for each in TRACE.pipelines)
    assert [moments == original for _, moments in seen] == [True, False, False, True, True, False]
    for rate, moments in seen:
        assert all(abs(moved - was) <= 2 / rate for moved, was in zip(moments, original, strict=True))
