"""The trusted side of the lakehouse: it holds the traces, runs the simulation and computes the score."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from thekla.core.errors import GuestFault
from thekla.core.evaluation import FailureKind, Fault, InstanceResult
from thekla.core.problem import Instance, Split
from thekla.core.protocols import Guest
from thekla.simulators.lakehouse import (
    ClassStatistics,
    Diagnosis,
    Message,
    Params,
    PolicyFault,
    RunResult,
    Scheduler,
    diagnose,
    faulty_line,
    simulate,
)

from .goals import CLASSES, DIVISION, GOALS, PENALTY, penalty_seconds
from .workloads import Scene, scene

__all__ = [
    "DIVISION",
    "PENALTY",
    "GuestScheduler",
    "LakehouseReferee",
    "judge_scheduler",
    "penalty_seconds",
]

_FAULT_KINDS = {
    "exception": FailureKind.CRASH,
    "hidden": FailureKind.FORBIDDEN,
    "bad_message": FailureKind.PROTOCOL,
}


class LakehouseReferee:
    """Judges one program on one instance; equal arguments give equal results.

    Args:
        objective: A name of `GOALS`.
        scene: What an instance's id describes; by default the lakehouse's own instances.
        explained: Whether scores on the train split come with a diagnosis, which costs a third of a simulation.
    """

    def __init__(self, objective: str, scene: Callable[[str], Scene] = scene, *, explained: bool = True) -> None:
        if objective not in GOALS:
            raise ValueError(f"objective is {objective!r}; use one of {', '.join(GOALS)}")
        self._objective = objective
        self._scene = scene
        self._explained = explained

    def judge(self, guest: Guest, instance: Instance, *, seed: int) -> InstanceResult:
        """The guest's policy replayed on the instance's trace. Nothing is random here, so `seed` has no effect.

        Raises:
            ProblemError: The instance is none of the lakehouse's.
            MissingExtraError: The trace's generator needs numpy, and it is not installed.
        """
        try:
            explained = self._explained and instance.split is Split.TRAIN  # no generator is told of any other
            return judge_scheduler(
                GuestScheduler(guest), self._scene(instance.id), self._objective, explained=explained
            )
        except GuestFault as fault:
            return InstanceResult(
                fault=Fault(kind=FailureKind(fault.kind), message=fault.message, traceback=fault.traceback)
            )


class GuestScheduler:
    """A guest's two functions as the scheduler of a simulation."""

    def __init__(self, guest: Guest) -> None:
        self._guest = guest

    def start(self, message: Message) -> Any:
        return self._guest.call("start", message)  # type: ignore[arg-type]  # plain data, as views.py documents

    def step(self, message: Message) -> Any:
        return self._guest.call("step", message)  # type: ignore[arg-type]  # plain data, as views.py documents


class _Meter:
    """Passes messages on and adds up what they tell about the use of the pools."""

    def __init__(self, inner: Scheduler, params: Params) -> None:
        self._inner = inner
        self._free_gb = [params.ram_gb_per_pool] * params.num_pools
        self._total_gb = params.num_pools * params.ram_gb_per_pool
        self._ram_gb_per_pool = params.ram_gb_per_pool
        self._max_ticks = params.max_ticks
        self._tick = 0
        self._running = 0
        self._assigned = 0
        self._running_ticks = 0
        self._given_ticks = 0.0
        self._asked_share = 0.0
        self._decisions = hashlib.sha256()

    @property
    def behaviour(self) -> str:
        """Digest of every answer that asked for something, with its tick."""
        return self._decisions.hexdigest()

    def start(self, message: Message) -> Any:
        return self._inner.start(message)

    def step(self, message: Message) -> Any:
        now: Any = message["t"]
        self._advance(now)
        changed: Any = message.get("p", ())
        for pool, _, free_gb in changed:
            self._free_gb[pool] = free_gb
        ended: Any = message.get("r", ())
        stopped: Any = message.get("s", ())
        self._running -= len(ended) + len(stopped)
        answer: Any = self._inner.step(message)
        orders = answer.get("a") if isinstance(answer, dict) else None
        if isinstance(orders, list):
            self._running += len(orders)
            self._assigned += len(orders)
            self._asked_share += sum(map(self._share, orders))
        suspended = answer.get("s") if isinstance(answer, dict) else None
        if orders or suspended:
            self._decisions.update(repr((now, orders, suspended)).encode())
        return answer

    def measures(self) -> dict[str, float]:
        """Means over the whole trace; call it once, at its end."""
        self._advance(self._max_ticks)
        return {
            "containers": self._running_ticks / self._max_ticks,
            "memory_given": self._given_ticks / (self._total_gb * self._max_ticks),
            "ram_share": self._asked_share / self._assigned if self._assigned else 0.0,
        }

    def _advance(self, now: int) -> None:
        ticks = now - self._tick
        self._running_ticks += self._running * ticks
        self._given_ticks += (self._total_gb - sum(self._free_gb)) * ticks
        self._tick = now

    def _share(self, order: object) -> float:
        # The simulation has yet to check the order; what is malformed will end the run there.
        if isinstance(order, list) and len(order) == 5 and type(order[2]) in (int, float):
            return float(order[2] / self._ram_gb_per_pool)
        return 0.0


def judge_scheduler(scheduler: Scheduler, setting: Scene, objective: str, *, explained: bool = False) -> InstanceResult:
    """What a scheduler scores; it must be fresh. What it raises passes through."""
    meter = _Meter(scheduler, setting.params)
    result = simulate(setting.trace, meter, setting.params, setting.compat, estimator=setting.new_estimator())
    diagnosis = diagnose(setting.trace, setting.params, result, compat=setting.compat) if explained else None
    if result.fault is not None:
        return InstanceResult(
            fault=_fault(result.fault, setting.params), feedback=diagnosis.text() if diagnosis else ""
        )
    score = float(GOALS[objective].score(result, setting))
    measures = _measures(result, setting.params) | meter.measures()
    return InstanceResult(
        scores={objective: score},
        measures=measures,
        feedback=_feedback(diagnosis, result, measures) if diagnosis else "",
        behaviour=meter.behaviour,
    )


def _measures(result: RunResult, params: Params) -> dict[str, float]:
    statistics = result.statistics
    measures = {"completed": _completed(statistics.pipelines_all)}
    for priority, name in CLASSES.items():
        of = statistics.of_class(priority)
        measures[f"completed_{name}"] = _completed(of)
        measures[f"latency_{name}"] = _class_latency(of, penalty_seconds(params))
    ended = statistics.containers_completed + statistics.failures
    measures["out_of_memory"] = statistics.failures / ended if ended else 0.0
    return measures


def _completed(of: ClassStatistics) -> float:
    return of.completion_count / of.arrival_count if of.arrival_count else 1.0


def _class_latency(of: ClassStatistics, penalty: float) -> float:
    if not of.arrival_count:
        return 0.0
    done = of.completion_count * of.mean_latency_seconds if of.completion_count else 0.0
    return (done + (of.arrival_count - of.completion_count) * penalty) / of.arrival_count


def _feedback(diagnosis: Diagnosis, result: RunResult, measures: Mapping[str, float]) -> str:
    """The diagnosis, and what the policy itself could have counted."""
    statistics = result.statistics
    return (
        f"{diagnosis.text()}\n"
        f"containers: {statistics.containers_completed} completed, {statistics.failures} killed out of memory, "
        f"{measures['containers']:.1f} in use on average with {100 * measures['memory_given']:.0f} % of the memory "
        f"given out; a container asked for {100 * measures['ram_share']:.0f} % of a pool's memory on average"
    )


def _fault(fault: PolicyFault, params: Params) -> Fault:
    line = faulty_line(fault)
    at = f", at {line}" if line else ""
    return Fault(
        kind=_FAULT_KINDS.get(fault.kind, FailureKind.INVALID),
        message=f"tick {fault.tick} ({fault.tick / params.ticks_per_second:g} s){at}, {fault.kind}: {fault.message}",
        traceback=fault.traceback,
    )
