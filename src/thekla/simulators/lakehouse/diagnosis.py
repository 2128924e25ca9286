"""What went wrong in a simulation, in a few lines that a person or a language model can act on."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from .accounting import Amount, Cause, account
from .answers import PolicyFault
from .lives import ContainerLife
from .params import Compat, Params
from .results import RunResult
from .statistics import LATENCY_WEIGHTS
from .workload import PriorityClass, Trace

__all__ = ["ClassLoss", "Diagnosis", "diagnose", "faulty_line"]

_WASTES = (Cause.OVER_ALLOCATED, Cause.OOM, Cause.TIMEOUT, Cause.SUSPENDED, Cause.QUEUED)
_TOP = 3
_EVENTS = 3  # before and after the first failure
_PENALTY_DURATIONS = 2  # what an unfinished pipeline counts: more than any latency within the trace

# A frame of a policy in a traceback; the last one is where it happened.
_FRAME = re.compile(r'File "[^"]*", line (\d+)')


@dataclass(frozen=True, kw_only=True)
class ClassLoss:
    """What one class lost: its part of the weighted latency of all, unfinished pipelines counted as twice the trace.

    Args:
        mean_s: Mean latency of those that completed, None if none did.
        share: Part of the loss of all classes.
    """

    priority: PriorityClass
    arrived: int
    completed: int
    mean_s: float | None
    share: float


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """One simulation, looked at for what to improve.

    Args:
        trace: Name of the trace.
        losses: The classes, the greatest loss first.
        wastes: Causes of waste with their shares of all CPUs and of all memory, the greatest share of memory first.
        failures: Containers that were killed.
        timeline: What happened around the first failure, one line an event.
        fault: Why the simulation ended early.
        line: The policy's line that the fault came from, with its text if the source was given.
    """

    trace: str
    losses: tuple[ClassLoss, ...]
    wastes: tuple[tuple[Cause, float, float], ...]
    failures: int
    timeline: tuple[str, ...]
    fault: PolicyFault | None
    line: str

    def text(self) -> str:
        """The diagnosis in some short lines, of which the first sums it up."""
        lines = [self._summary()]
        lines += [f"at {self.line}"] if self.line else []
        lines += [_loss_line(loss) for loss in self.losses]
        if self.wastes:
            parts = [f"{cause} {gb:.0%} of the memory, {cpu:.0%} of the CPUs" for cause, cpu, gb in self.wastes]
            lines.append(f"wasted: {'; '.join(parts)}")
        if self.timeline:
            lines.append(f"around the first failure ({self.failures} containers were killed):")
            lines += [f"  {event}" for event in self.timeline]
        return "\n".join(lines)

    def _summary(self) -> str:
        if self.fault:
            return f"fault {self.fault.kind}: {self.fault.message}"
        parts = []
        if self.losses:
            worst = self.losses[0]
            parts.append(f"{worst.priority.name} pipelines lost most, {worst.share:.0%} of the loss")
        if self.wastes:
            cause, cpu, gb = self.wastes[0]
            parts.append(f"most waste is {cause}, {gb:.0%} of the memory and {cpu:.0%} of the CPUs")
        return "; ".join(parts) or "nothing arrived"


def diagnose(
    trace: Trace, params: Params, result: RunResult, *, compat: Compat = "thekla", source: str = ""
) -> Diagnosis:
    """What to improve, from a simulation of a policy.

    It tells sums over the trace that a scheduler cannot see, such as what was over-allocated: give it to whoever
    improves a policy on traces for training, never on those that are held out.

    Args:
        trace, params, compat: What it was a simulation of.
        source: The policy's program, to show the line that a fault came from.
    """
    capacity = Amount(cpu_s=params.cpus_per_pool, memory_gb_s=params.ram_gb_per_pool).times(params.num_pools)
    spent = account(trace, params, result, compat)
    seconds = sum(amount.cpu_s for amount in spent.values()) / capacity.cpu_s
    wastes = [
        (
            cause,
            spent[cause].cpu_s / (capacity.cpu_s * seconds),
            spent[cause].memory_gb_s / (capacity.memory_gb_s * seconds),
        )
        for cause in _WASTES
        if seconds > 0
    ]
    wastes.sort(key=lambda each: each[1] + each[2], reverse=True)
    lives = list(result.containers)
    killed = [life for life in lives if life.end_kind in ("OOM", "timeout")]
    return Diagnosis(
        trace=trace.name,
        losses=_losses(trace, params, result),
        wastes=tuple(each for each in wastes[:_TOP] if max(each[1:]) >= 0.005),
        failures=len(killed),
        timeline=_timeline(lives, killed, params),
        fault=result.fault,
        line=faulty_line(result.fault, source) if result.fault else "",
    )


def faulty_line(fault: PolicyFault, source: str = "") -> str:
    """The line of the policy's program that a fault came from, ``line 12: text``; empty if it came from none."""
    found = _FRAME.findall(fault.traceback)
    number = fault.line or (int(found[-1]) if found else 0)
    if not number:
        return ""
    lines = source.splitlines()
    return f"line {number}: {lines[number - 1].strip()}" if 1 <= number <= len(lines) else f"line {number}"


def _losses(trace: Trace, params: Params, result: RunResult) -> tuple[ClassLoss, ...]:
    classes = {pipeline.id: pipeline.priority for pipeline in trace.pipelines}
    penalty_s = _PENALTY_DURATIONS * params.duration
    latencies: dict[PriorityClass, list[float]] = {priority: [] for priority in PriorityClass}
    arrived = dict.fromkeys(PriorityClass, 0)
    for id, arrival, finish in result.pipelines:
        arrived[classes[id]] += 1
        if finish is not None:
            latencies[classes[id]].append((finish - arrival) / params.ticks_per_second)
    lost = {
        priority: LATENCY_WEIGHTS[priority] * (sum(own) + penalty_s * (arrived[priority] - len(own)))
        for priority, own in latencies.items()
    }
    total = sum(lost.values())
    losses = [
        ClassLoss(
            priority=priority,
            arrived=arrived[priority],
            completed=len(own),
            mean_s=fmean(own) if own else None,
            share=lost[priority] / total if total else 0.0,
        )
        for priority, own in latencies.items()
        if arrived[priority]
    ]
    return tuple(sorted(losses, key=lambda each: each.share, reverse=True))


def _loss_line(loss: ClassLoss) -> str:
    took = f", mean latency {loss.mean_s:.1f} s" if loss.mean_s is not None else ""
    return (
        f"{loss.priority.name}: {loss.completed} of {loss.arrived} pipelines completed{took}; "
        f"{loss.share:.0%} of the loss"
    )


def _timeline(lives: Sequence[ContainerLife], killed: Sequence[ContainerLife], params: Params) -> tuple[str, ...]:
    """Creations and ends of containers just before and after the first kill."""
    if not killed:
        return ()
    _, number = min((life.end or 0, int(life.id[1:])) for life in killed)
    events = sorted(_events(lives), key=lambda event: event[:3])
    at = next(i for i, event in enumerate(events) if event[1] == 1 and event[2] == number)
    return tuple(
        f"{tick / params.ticks_per_second:.2f} s  {describe(life, params)}"
        for tick, _, _, life, describe in events[max(0, at - _EVENTS) : at + _EVENTS + 1]
    )


_Event = tuple[int, int, int, ContainerLife, Callable[[ContainerLife, Params], str]]


def _events(lives: Sequence[ContainerLife]) -> Iterator[_Event]:
    for life in lives:
        number = int(life.id[1:])
        yield life.start, 0, number, life, _created
        if life.end is not None:
            yield life.end, 1, number, life, _ended


def _created(life: ContainerLife, params: Params) -> str:
    # Without ids of pipelines, which mean nothing to a policy: a relabelling changes no word.
    names = ", ".join(run.operator for run in life.operators)
    size = f"{life.cpu:.4g} CPUs and {life.ram_gb:.4g} GB in pool {life.pool}"
    return f"{life.id} gets {size} for {names} of a pipeline of class {life.priority.name}"


def _ended(life: ContainerLife, params: Params) -> str:
    lived_s = ((life.end or 0) + 1 - life.start) / params.ticks_per_second
    how = {"OOM": "is killed: it needs more than", "timeout": "is killed: its pipeline is too old, with"}
    return f"{life.id} {how.get(life.end_kind, life.end_kind + ', with')} {life.ram_gb:.4g} GB, after {lived_s:.2f} s"
