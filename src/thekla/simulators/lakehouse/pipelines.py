"""Pipelines and operators as a scheduler sees them.

Part of what a guest gets: nothing but the standard library and the files it names.
"""

from bisect import insort
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any

from .present import HiddenTruth, OperatorState, Present, Priority

__all__ = ["ASSIGNABLE_STATES", "HIDDEN", "Estimate", "Operator", "Pipeline", "RuntimeStatus", "move"]

_PENDING = OperatorState.PENDING
_ASSIGNED = OperatorState.ASSIGNED
_RUNNING = OperatorState.RUNNING
_SUSPENDING = OperatorState.SUSPENDING
_COMPLETED = OperatorState.COMPLETED
_FAILED = OperatorState.FAILED
_NO_COUNTS: dict[OperatorState, int] = dict.fromkeys(OperatorState, 0)

ASSIGNABLE_STATES = [OperatorState.PENDING, OperatorState.FAILED]
"""States from which an operator may be assigned."""


class Estimate:
    """What an estimator guessed about an operator: its peak memory in GB, or None."""

    def __init__(self, mem_peak_gb: float | None = None) -> None:
        self.mem_peak_gb = mem_peak_gb


_NO_ESTIMATE = Estimate()
_SEGMENTS = ("get_segments", "segments", "values")
HIDDEN = frozenset(
    ("baseline_cpu_seconds", "cpu", "cpu_scaling", "cpu_seconds", "cpus", "duration", "io_seconds", "memory",
     "memory_gb", "peak_memory_gb", "ram", "ram_gb", "storage_read_gb", *_SEGMENTS)
)  # fmt: skip


class Operator:
    """One step of a pipeline: its place in the graph, its state and what is known from its failed tries.

    `estimate.mem_peak_gb` is the hint of an estimator, None without one.
    `failures` counts the tries that left it FAILED; `last_cpu` and `last_ram_gb` are the size of the last of them, None
    before. `segments` is what it needs, where that is not hidden.
    """

    def __init__(self, number: int, position: int, pipeline: "Pipeline") -> None:
        self.number = number
        self.position = position
        self.pipeline = pipeline
        self.id = f"{pipeline.pipeline_id}/op{position + 1}"
        self.parents: list[Operator] = []
        self.children: list[Operator] = []
        self.missing_parents = 0
        self.state = _PENDING
        self.failures = 0
        self.last_ram_gb: float | None = None
        self.last_cpu: float | None = None
        self.estimate = _NO_ESTIMATE

    def __getattr__(self, name: str) -> Any:
        if name in HIDDEN:
            truth = self.pipeline.status._present.truth
            if truth is None:
                raise HiddenTruth(f"operator.{name} is hidden: what an operator needs is learnt by running it")
            if name in _SEGMENTS:
                segments = truth.segments(self.number)
                return (lambda: segments) if name == "get_segments" else segments
        raise AttributeError(f"'Operator' object has no attribute {name!r}; it has {', '.join(_public(Operator))}")

    def __repr__(self) -> str:
        return f"<Operator {self.id} {self.state}>"


class RuntimeStatus:
    """States of a pipeline's operators, kept up to date as they change."""

    def __init__(self, pipeline: "Pipeline", present: Present) -> None:
        self.pipeline = pipeline
        self._present = present
        self.arrival_tick = present.tick
        self.finish_tick: int | None = None
        self._make: Callable[[], list[Operator]] = list
        self.assignable: list[int] = []
        self.ready: list[int] = []
        self.state_counts = _NO_COUNTS.copy()

    @cached_property  # it sets no attribute: that would count as a change by the policy that looks
    def ops(self) -> list[Operator]:
        """All operators, in visiting order; made when somebody looks, which for many pipelines nobody does."""
        return self._make()

    def get_ops(
        self, states: OperatorState | Iterable[OperatorState], require_parents_complete: bool = False
    ) -> list[Operator]:
        """Operators in one of the states, in visiting order; on request only those whose parents are complete."""
        ops = self.ops
        if states is ASSIGNABLE_STATES:
            return [ops[i] for i in (self.ready if require_parents_complete else self.assignable)]
        wanted = {states} if isinstance(states, str) else set(states)
        if wanted <= {_PENDING, _FAILED}:
            positions = self.ready if require_parents_complete else self.assignable
            return [ops[i] for i in positions if ops[i].state in wanted]
        counts = self.state_counts
        if not any(counts.get(state) for state in wanted):
            return []
        if require_parents_complete:
            return [op for op in ops if op.state in wanted and op.missing_parents == 0]
        return [op for op in ops if op.state in wanted]

    def is_pipeline_successful(self) -> bool:
        """Whether every operator is complete."""
        return self.pipeline.remaining_operators == 0

    def has_timed_out(self) -> bool:
        """Whether the pipeline is older than the limit and not complete."""
        present = self._present
        if not present.max_job_ticks or self.pipeline.remaining_operators == 0:
            return False
        last = self.arrival_tick + present.max_job_ticks
        if present.tick >= last:
            return True
        present.expires = min(present.expires, last)
        return False

    @property
    def operator_states(self) -> dict[Operator, OperatorState]:
        """State of every operator, in visiting order."""
        return {op: op.state for op in self.ops}


class Pipeline:
    """A graph of operators that arrived together.

    `total_operators` and `remaining_operators` (not yet complete) are counts; `has_failures` tells whether any of its
    operators ever failed; `arrival_seconds` is the time of the call that brought it.
    """

    def __init__(self, pipeline_id: str, priority: Priority, total: int, present: Present) -> None:
        self.pipeline_id = pipeline_id
        self.priority = priority
        self.total_operators = total
        self.remaining_operators = total
        self.has_failures = False
        self.arrival_seconds: float = present.tick / present.ticks_per_second
        self.status = RuntimeStatus(self, present)

    def runtime_status(self) -> RuntimeStatus:
        """States of the operators."""
        return self.status

    @cached_property  # a sort by it asks once per pipeline and call
    def operators(self) -> list[Operator]:
        """All operators, in visiting order."""
        return self.status.ops

    @property
    def values(self) -> list[Operator]:
        """All operators, in visiting order."""
        return self.status.ops

    @property
    def waiting_seconds(self) -> float:
        """Seconds since the arrival."""
        present = self.status._present
        present.passing = "pipeline.waiting_seconds"
        return (present.tick - self.status.arrival_tick) / present.ticks_per_second

    def __repr__(self) -> str:
        return f"<Pipeline {self.pipeline_id} {self.priority.name} {self.remaining_operators}/{self.total_operators}>"


def move(op: Operator, new: OperatorState) -> None:
    """Changes the state of an operator and the counts and lists that follow from it."""
    old = op.state
    if old is new:
        return
    status = op.pipeline.status
    counts = status.state_counts
    counts[old] -= 1
    counts[new] += 1
    op.state = new
    was, will = old is _PENDING or old is _FAILED, new is _PENDING or new is _FAILED
    if was and not will:
        status.assignable.remove(op.position)
        if op.missing_parents == 0:
            status.ready.remove(op.position)
    elif will and not was:
        insort(status.assignable, op.position)
        if op.missing_parents == 0:
            insort(status.ready, op.position)
    if new is _COMPLETED:
        op.pipeline.remaining_operators -= 1
        if op.pipeline.remaining_operators == 0:
            status._present.completed.append(status)
        for child in op.children:
            child.missing_parents -= 1
            if child.missing_parents == 0 and (child.state is _PENDING or child.state is _FAILED):
                insort(status.ready, child.position)


def _public(of: type) -> list[str]:
    return sorted(name for name in dir(of) if not name.startswith("_"))
