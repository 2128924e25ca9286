"""A policy behind an address: Eudoxia's REST protocol, so that a scheduler may be written in any language."""

import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from .session import PolicySession
from .views import Assignment, Container, ExecutionResult, Operator, Pipeline, Pool, Priority, Suspend

__all__ = ["RestError", "rest_policy"]


class RestError(Exception):
    """The answer of a REST scheduler is not what the protocol asks for."""


def rest_policy(
    address: str = "localhost:8080", *, poll_seconds: float = 1.0, timeout_s: float = 60.0
) -> PolicySession:
    """A session, good for one simulation, of the scheduler that listens at an address.

    ``POST /init`` tells it the parameters. ``POST /schedule`` asks it when pipelines have arrived, containers have
    ended, or `poll_seconds` of simulated time have passed since it was last asked. What goes wrong on the way (no
    connection, a status other than 200, an answer of another shape) ends the simulation with the fault `exception`.

    Args:
        address: ``host:port``, or a URL with the scheme ``http``, whose path comes before ``/init`` and ``/schedule``.
        poll_seconds: Simulated seconds, > 0.
        timeout_s: Seconds of the wall clock that an answer may take.

    Raises:
        ValueError: The address has another scheme or no host, or a number is not above 0.
    """
    url = urlsplit(address if "//" in address else f"http://{address}")
    if url.scheme != "http" or not url.hostname:
        raise ValueError(f"address is {address!r}; give host:port or an http URL")
    for name, value in (("poll_seconds", poll_seconds), ("timeout_s", timeout_s)):
        if not value > 0:
            raise ValueError(f"{name} is {value!r}; give a number > 0")
    client = _Client(url.hostname, url.port or 80, url.path.rstrip("/"), timeout_s)
    policy = _RestPolicy(client, poll_seconds)
    return PolicySession({"init": policy.init, "schedule": policy.schedule})


class _Client:
    """Sends JSON and returns JSON, over a connection of its own each time."""

    def __init__(self, host: str, port: int, path: str, timeout_s: float) -> None:
        self._host = host
        self._port = port
        self._path = path
        self._timeout_s = timeout_s

    def post(self, path: str, body: Mapping[str, object]) -> Any:
        from http.client import HTTPConnection  # slow to load, and few need it

        connection = HTTPConnection(self._host, self._port, timeout=self._timeout_s)
        try:
            connection.request("POST", self._path + path, json.dumps(body), {"Content-Type": "application/json"})
            response = connection.getresponse()
            text = response.read().decode("utf-8", "replace")
        finally:
            connection.close()
        where = f"{self._host}:{self._port}{self._path}{path}"
        if response.status != 200:
            raise RestError(f"{where} answered {response.status} {response.reason}: {text[:200]}")
        if not text:
            return None
        try:
            return json.loads(text)
        except ValueError as error:
            raise RestError(f"{where} answered with {text[:200]!r}, which is not JSON") from error


class _RestPolicy:
    """The two functions of a policy, which ask the scheduler behind a client."""

    def __init__(self, client: _Client, poll_seconds: float) -> None:
        self._client = client
        self._poll_seconds = poll_seconds
        self._last_seconds = 0.0
        self._known: dict[str, Pipeline] = {}
        self._operators: dict[str, Operator] = {}

    def init(self, s: Any) -> None:
        self._client.post("/init", {"params": dict(s.params)})
        s.wake_after(self._poll_seconds)

    def schedule(
        self, s: Any, results: list[ExecutionResult], pipelines: list[Pipeline]
    ) -> tuple[list[Suspend], list[Assignment]]:
        now = s.clock.now_seconds()
        tick_seconds = 1 / s.params["ticks_per_second"]
        waited = now - self._last_seconds
        if not results and not pipelines and waited < self._poll_seconds:
            if waited + tick_seconds >= self._poll_seconds:
                s.wake_after(tick_seconds)
            return [], []
        self._last_seconds = now
        # Half a tick early: rounding must not make it a tick late.
        s.wake_after(self._poll_seconds - tick_seconds / 2)
        others = list(self._known.values())
        for pipeline in pipelines:
            self._known[pipeline.pipeline_id] = pipeline
            self._operators.update((op.id, op) for op in pipeline.operators)
        request = {
            "tick": s.clock.now_ticks(),
            "sim_time_seconds": now,
            "results": [_of_result(result) for result in results],
            "new_pipelines": [_of_pipeline(pipeline) for pipeline in pipelines],
            "other_pipelines": [_of_pipeline(pipeline) for pipeline in others],
            "pools": [_of_pool(pool) for pool in s.executor.pools],
        }
        answer = self._read(self._client.post("/schedule", request))
        self._forget(others)
        return answer

    def _forget(self, told: Iterable[Pipeline]) -> None:
        """Drops the pipelines of which the scheduler has been told that they are over."""
        for pipeline in told:
            status = pipeline.runtime_status()
            if status.is_pipeline_successful() or status.has_timed_out():
                del self._known[pipeline.pipeline_id]
                for op in pipeline.operators:
                    del self._operators[op.id]

    def _read(self, answer: Any) -> tuple[list[Suspend], list[Assignment]]:
        if not isinstance(answer, dict):
            raise RestError(f"the answer is {answer!r:.80}; expected an object with suspensions and assignments")
        try:
            suspensions = [Suspend(each["container_id"], each["pool_id"]) for each in answer.get("suspensions") or ()]
            assignments = [self._assignment(each) for each in answer.get("assignments") or ()]
        except (KeyError, TypeError) as error:
            raise RestError(f"the answer is incomplete or names what is unknown: {error!r}") from error
        return suspensions, assignments

    def _assignment(self, entry: Mapping[str, Any]) -> Assignment:
        priority = entry["priority"]
        return Assignment(
            [self._operators[each] for each in entry["operator_ids"]],
            entry["cpu"],
            entry["ram_gb"],
            Priority[priority] if isinstance(priority, str) else priority,
            entry["pool_id"],
            is_resume=entry["is_resume"],
            force_run=entry["force_run"],
        )


def _of_result(result: ExecutionResult) -> dict[str, object]:
    return {
        "ops": [op.id for op in result.ops],
        "cpu": result.cpu,
        "ram": result.ram,
        "priority": result.priority.name,
        "pool_id": result.pool_id,
        "container_id": result.container_id,
        "error": result.error,
    }


def _of_pipeline(pipeline: Pipeline) -> dict[str, object]:
    status = pipeline.runtime_status()
    return {
        "pipeline_id": pipeline.pipeline_id,
        "priority": pipeline.priority.name,
        "arrival_tick": status.arrival_tick,
        "is_complete": status.is_pipeline_successful(),
        "has_failures": any(op.state == "failed" for op in pipeline.operators),
        "timed_out": status.has_timed_out(),
        "operators": [
            {
                "id": op.id,
                "state": str(op.state),
                "is_assignable_state": op.state in ("pending", "failed"),
                "parents_complete": op.missing_parents == 0,
                "estimate": {"mem_peak_gb": op.estimate.mem_peak_gb},
            }
            for op in pipeline.operators
        ],
    }


def _of_pool(pool: Pool) -> dict[str, object]:
    return {
        "pool_id": pool.pool_id,
        "max_cpu": pool.max_cpu_pool,
        "max_ram_gb": pool.max_ram_pool,
        "avail_cpu": pool.avail_cpu_pool,
        "avail_ram_gb": pool.avail_ram_pool,
        "consumed_ram_gb": pool.consumed_ram_gb,
        "active_containers": [_of_container(each) for each in pool.active_containers],
        "suspending_containers": [_of_container(each) for each in pool.suspending_containers],
        "suspended_containers": [_of_container(each) for each in pool.suspended_containers],
    }


def _of_container(container: Container) -> dict[str, object]:
    return {
        "container_id": container.container_id,
        "pipeline_id": container.assignment.pipeline_id or container.operators[0].pipeline.pipeline_id,
        "operator_ids": [op.id for op in container.operators],
        "cpu": container.assignment.cpu,
        "ram_gb": container.assignment.ram,
        "current_memory_gb": container.get_current_memory_usage(),
        "priority": container.priority.name,
    }
