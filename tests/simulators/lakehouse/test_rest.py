"""A scheduler in another program, behind an address."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import pairwise
from threading import Thread
from typing import Any

import pytest

from thekla.simulators.lakehouse import Calls, Params, RunResult, load_policy, loop_trace, rest_policy, simulate

from .test_engine_equals_reference import outcome

PARAMS = Params(duration=30, ticks_per_second=100, num_pools=2, max_job_seconds=15)
TRACE = loop_trace(0, 10)
# Ready operators in order of arrival, each in a small container in the roomiest pool; a failure doubles its memory.
SAME_IN_PROCESS = """
def init(s):
    s.known, s.ram = [], {}

def schedule(s, results, pipelines):
    s.known += pipelines
    if not results and not pipelines:
        return [], []
    for result in results:
        if result.error == "OOM":
            s.ram[result.ops[0].id] = 2 * result.ram
    free = [[pool.avail_cpu_pool, pool.avail_ram_pool] for pool in s.executor.pools]
    assignments = []
    for pipeline in s.known:
        if pipeline.runtime_status().has_timed_out():
            continue
        for op in pipeline.runtime_status().get_ops(ASSIGNABLE_STATES, require_parents_complete=True):
            pool, ram = max((0, 1), key=lambda i: free[i][1]), s.ram.get(op.id, 40)
            if free[pool][0] >= 4 and free[pool][1] >= ram:
                free[pool] = [free[pool][0] - 4, free[pool][1] - ram]
                assignments.append(Assignment([op], 4, ram, pipeline.priority, pool))
    return [], assignments
"""


class FirstCome:
    """The scheduler of the other program; it keeps every request."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.ram: dict[str, float] = {}
        self.order: list[str] = []

    def answer(self, path: str, request: dict[str, Any]) -> tuple[int, Any]:
        self.requests.append((path, request))
        if path == "/base/init":
            return 200, {}
        if not request["results"] and not request["new_pipelines"]:
            return 200, {"suspensions": [], "assignments": []}
        for result in request["results"]:
            if result["error"] == "OOM":
                self.ram[result["ops"][0]] = 2 * result["ram"]
        self.order += [each["pipeline_id"] for each in request["new_pipelines"]]
        told = {each["pipeline_id"]: each for each in request["other_pipelines"] + request["new_pipelines"]}
        free = [[pool["avail_cpu"], pool["avail_ram_gb"]] for pool in request["pools"]]
        assignments = []
        for pipeline in (told[each] for each in self.order if each in told and not told[each]["timed_out"]):
            for op in pipeline["operators"]:
                pool, ram = max((0, 1), key=lambda i: free[i][1]), self.ram.get(op["id"], 40)
                ready = op["is_assignable_state"] and op["parents_complete"]
                if ready and free[pool][0] >= 4 and free[pool][1] >= ram:
                    free[pool] = [free[pool][0] - 4, free[pool][1] - ram]
                    assignments.append({
                        "operator_ids": [op["id"]], "cpu": 4, "ram_gb": ram, "pool_id": pool,
                        "priority": pipeline["priority"], "is_resume": False, "force_run": False,
                    })  # fmt: skip
        return 200, {"suspensions": None, "assignments": assignments}


class Fixed:
    """Answers whatever it is asked with the same status and body, but for the start."""

    def __init__(self, status: int, body: Any) -> None:
        self._answer = (status, body)

    def answer(self, path: str, request: dict[str, Any]) -> tuple[int, Any]:
        return (200, {}) if path.endswith("/init") else self._answer


@contextmanager
def serving(scheduler: FirstCome | Fixed) -> Iterator[str]:
    """The address at which a scheduler listens, on this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the name is the base class's
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, body = scheduler.answer(self.path, request)
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/base"
        finally:
            server.shutdown()
            thread.join()


def ask(scheduler: FirstCome | Fixed, *, calls: Calls = "events") -> RunResult:
    with serving(scheduler) as address:
        return simulate(TRACE, rest_policy(address), PARAMS, "eudoxia-cur", calls=calls)


def test_a_scheduler_behind_an_address_gives_the_run_of_the_same_one_in_process() -> None:
    here = simulate(TRACE, load_policy(SAME_IN_PROCESS), PARAMS, "eudoxia-cur")
    there = ask(FirstCome())
    assert there.fault is here.fault is None
    assert outcome(there) == outcome(here)
    assert there.statistics.containers_completed > 20


def test_requests_hold_what_the_protocol_names() -> None:
    scheduler = FirstCome()
    ask(scheduler)
    (path, start), *rest = scheduler.requests
    assert (path, start) == ("/base/init", {"params": PARAMS.as_dict()})
    assert {path for path, _ in rest} == {"/base/schedule"}
    for _, request in rest:
        assert list(request) == ["tick", "sim_time_seconds", "results", "new_pipelines", "other_pipelines", "pools"]
        assert request["sim_time_seconds"] == request["tick"] / 100
    busy = next(request for _, request in rest if request["results"] and request["pools"][0]["active_containers"])
    assert set(busy["results"][0]) == {"ops", "cpu", "ram", "priority", "pool_id", "container_id", "error"}
    assert set(busy["other_pipelines"][0]) == {
        "pipeline_id", "priority", "arrival_tick", "is_complete", "has_failures", "timed_out", "operators",
    }  # fmt: skip
    assert set(busy["other_pipelines"][0]["operators"][0]) == {
        "id", "state", "is_assignable_state", "parents_complete", "estimate",
    }  # fmt: skip
    assert set(busy["pools"][0]) == {
        "pool_id", "max_cpu", "max_ram_gb", "avail_cpu", "avail_ram_gb", "consumed_ram_gb",
        "active_containers", "suspending_containers", "suspended_containers",
    }  # fmt: skip
    assert set(busy["pools"][0]["active_containers"][0]) == {
        "container_id", "pipeline_id", "operator_ids", "cpu", "ram_gb", "current_memory_gb", "priority",
    }  # fmt: skip


def test_a_pipeline_that_is_over_is_told_once_more_and_then_forgotten() -> None:
    scheduler = FirstCome()
    ask(scheduler)
    over: dict[str, int] = {}
    for _, request in scheduler.requests[1:]:
        for each in request["other_pipelines"]:
            over[each["pipeline_id"]] = over.get(each["pipeline_id"], 0) + (each["is_complete"] or each["timed_out"])
    assert set(over.values()) <= {0, 1}
    assert 1 in over.values()


def test_it_is_asked_when_there_is_news_or_a_second_has_passed() -> None:
    modes: tuple[Calls, Calls] = ("events", "exact")
    asked = []
    for calls in modes:
        scheduler = FirstCome()
        ask(scheduler, calls=calls)
        asked.append([request["tick"] for _, request in scheduler.requests[1:]])
    assert asked[0] == asked[1]
    gaps = [after - before for before, after in pairwise(asked[0])]
    assert max(gaps) <= 101
    assert min(gaps) < 100


@pytest.mark.parametrize(
    ("status", "body", "found"),
    [
        (500, b"no", "answered 500 Internal Server Error: no"),
        (200, b"<html>", "which is not JSON"),
        (200, [1], r"the answer is \[1\]; expected an object"),
        (200, {"assignments": [{"operator_ids": []}]}, "incomplete or names what is unknown: KeyError"),
        (200, {"suspensions": [3]}, "incomplete or names what is unknown: TypeError"),
    ],
)
def test_what_goes_wrong_on_the_way_is_a_fault_with_the_reason(status: int, body: Any, found: str) -> None:
    fault = ask(Fixed(status, body)).fault
    assert fault is not None
    assert (fault.kind, fault.tick) == ("exception", 0)
    assert re.search(found, fault.message)


def test_nobody_at_the_address_is_a_fault_with_the_reason() -> None:
    with serving(Fixed(200, {})) as address:
        gone = rest_policy(address)
    fault = simulate(TRACE, gone, PARAMS).fault
    assert fault is not None
    assert "Connection refused" in fault.message


@pytest.mark.parametrize(
    "arguments", [{"address": "https://x"}, {"address": ":80"}, {"poll_seconds": 0}, {"timeout_s": -1}]
)
def test_impossible_arguments_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(arguments))):
        rest_policy(**arguments)
