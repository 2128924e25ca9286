"""What a scheduler sees of a lakehouse: pools, pipelines, operators, containers, results, and its own orders.

A guest, which cannot import anything of ours, gets the text of this file, of those it names and of `session`. They need
nothing but the standard library, and are used as they are inside the process for trusted policies. The host holds the
truth; this side holds only what a scheduler may know, unless `Present.truth` opens the rest to a policy of the
library's own process.

Attributes that start with an underscore belong to the session that keeps the views up to date. A policy may keep
attributes of its own on every object here; the lists it finds here are for reading.
"""

import math
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from .pipelines import ASSIGNABLE_STATES, Operator, Pipeline, RuntimeStatus, move
from .present import CALLING, HiddenTruth, IllegalAction, OperatorState, Present, Priority, shorten

__all__ = [
    "ASSIGNABLE_STATES",
    "Assignment",
    "Clock",
    "Container",
    "ExecutionResult",
    "Executor",
    "HiddenTruth",
    "IllegalAction",
    "Operator",
    "OperatorState",
    "Pipeline",
    "Pool",
    "Priority",
    "RuntimeStatus",
    "Scheduler",
    "Suspend",
    "names",
    "register_scheduler",
    "register_scheduler_init",
    "registrar",
]


class Assignment:
    """Asks for a container: operators in the order in which to run them, its size and its pool.

    Building one moves its operators to ASSIGNED at once; return it, or they stay there.

    Raises:
        IllegalAction: There is no operator, one of them is not assignable, or a size or the class is none. A lenient
            simulation builds it all the same, leaves its operators alone and refuses it when it is returned.
    """

    def __init__(
        self,
        ops: Iterable[Operator],
        cpu: float,
        ram: float,
        priority: Priority,
        pool_id: int,
        pipeline_id: str | None = None,
        container_id: str | None = None,
        is_resume: bool = False,
        force_run: bool = False,
    ) -> None:
        self.ops = list(ops)
        self.cpu = cpu
        self.ram = ram
        self.priority = priority
        self.pool_id = pool_id
        self.pipeline_id = pipeline_id
        self.container_id = container_id
        self.is_resume = is_resume
        self.force_run = force_run
        self._line = sys._getframe(1).f_lineno
        self._before: list[OperatorState] = []
        self._refusal: IllegalAction | None = None
        try:
            self._take()
        except IllegalAction as illegal:
            self._give_back()
            present = CALLING.get(None)
            if present is None or not present.lenient:
                raise
            self._refusal = illegal

    def _take(self) -> None:
        self.cpu = _size("cpu", self.cpu)
        self.ram = _size("ram", self.ram)
        if self.priority not in (1, 2, 3):
            found, allowed = shorten(self.priority), "a Priority: QUERY, INTERACTIVE or BATCH_PIPELINE"
            raise IllegalAction("bad_priority", f"priority is {found}; give {allowed}", value=found, allowed=allowed)
        if type(self.priority) is not Priority:
            self.priority = Priority(self.priority)
        if not self.ops:
            message = "an assignment needs at least one operator, got an empty list"
            raise IllegalAction("operator_count", message, value="[]", allowed="at least one operator")
        for op in self.ops:
            if not isinstance(op, Operator):
                found = shorten(op)
                message = f"an assignment takes operators, got {found}"
                raise IllegalAction("unknown_operator", message, value=found, allowed="operators of pipelines")
            if op.state not in (OperatorState.PENDING, OperatorState.FAILED):
                allowed = "pending and failed operators, each once"
                message = f"cannot transition operator {op.id} in pipeline {op.pipeline.pipeline_id} from {op.state} to"
                message += " assigned; only pending and failed operators can be assigned, each once"
                raise IllegalAction("not_assignable", message, value=f"{op.id} {op.state}", allowed=allowed)
            self._before.append(op.state)
            move(op, OperatorState.ASSIGNED)

    def _give_back(self) -> None:
        """Undoes what building it did to its operators."""
        for op, state in zip(self.ops, self._before, strict=False):
            move(op, state)
        self._before = []


class Suspend:
    """Asks to suspend a container; allowed at the call after one of its inner operators completed."""

    def __init__(self, container_id: str, pool_id: int) -> None:
        self.container_id = container_id
        self.pool_id = pool_id
        self._line = sys._getframe(1).f_lineno


class Container:
    """A running, suspending or suspended container."""

    def __init__(self, number: int, assignment: Assignment, present: Present, start_tick: int) -> None:
        self.container_id = f"c{number}"
        self.assignment = assignment
        self.operators = list(assignment.ops)
        self.pool_id = assignment.pool_id
        self.priority = assignment.priority
        self.error: str | None = None
        self._number = number
        self._present = present
        self._start_tick = start_tick
        self._position = 0
        self._done = 0
        self._at_boundary = False

    def can_suspend_container(self) -> bool:
        """Whether an inner operator has just completed, so that a suspension loses no work."""
        if self._at_boundary:
            self._present.passing = "container.can_suspend_container()"
        return self._at_boundary

    def ticks_elapsed(self) -> int:
        """Ticks since the container was created."""
        self._present.passing = "container.ticks_elapsed()"
        return self._present.tick - self._start_tick

    def get_current_memory_usage(self) -> float:
        """Memory that it held in the tick before this call, in GB, where that is not hidden.

        Raises:
            HiddenTruth: It is.
        """
        what = "container.get_current_memory_usage()"
        truth = self._present.reveal(what, "use assignment.ram, the size you gave it")
        return truth.memory_gb(self._number, self._present.tick - 1)

    def _start_next(self) -> None:
        """Moves the operator at the current position to RUNNING."""
        self._at_boundary = False
        move(self.operators[self._position], OperatorState.RUNNING)


class ExecutionResult:
    """How a container ended; `error` is None, "OOM" or "timeout"."""

    def __init__(self, container: Container, error: str | None) -> None:
        self.ops = container.operators
        self.cpu = container.assignment.cpu
        self.ram = container.assignment.ram
        self.priority = container.priority
        self.pool_id = container.pool_id
        self.container_id = container.container_id
        self.error = error

    def failed(self) -> bool:
        """Whether the container was killed."""
        return self.error is not None


class Pool:
    """CPUs and memory, and the containers that hold them; free resources do not change during a call."""

    def __init__(self, pool_id: int, max_cpu: float, max_ram_gb: float, present: Present) -> None:
        self.pool_id = pool_id
        self.max_cpu_pool = max_cpu
        self.max_ram_pool = max_ram_gb
        self.avail_cpu_pool = max_cpu
        self.avail_ram_pool = max_ram_gb
        self.active_containers: list[Container] = []
        self.suspending_containers: list[Container] = []
        self.suspended_containers: list[Container] = []
        self.num_completed = 0
        self.container_tick_times: list[int] = []
        self._present = present

    def get_container_by_id(self, container_id: str) -> Container | None:
        """The active container with this id, or None."""
        return next((each for each in self.active_containers if each.container_id == container_id), None)

    @property
    def consumed_ram_gb(self) -> float:
        """Memory that its containers held in the tick before this call, in GB, where that is not hidden.

        Raises:
            HiddenTruth: It is.
        """
        truth = self._present.reveal("pool.consumed_ram_gb", "max_ram_pool - avail_ram_pool is what you gave out")
        return truth.consumed_gb(self.pool_id, self._present.tick - 1)


class Executor:
    """The pools together."""

    def __init__(self, params: Mapping[str, Any], present: Present) -> None:
        self.num_pools: int = params["num_pools"]
        self.cpus_per_pool: float = params["cpus_per_pool"]
        self.ram_gb_per_pool: float = params["ram_gb_per_pool"]
        self.pools = [Pool(i, self.cpus_per_pool, self.ram_gb_per_pool, present) for i in range(self.num_pools)]

    def get_pool_id_with_max_avail_ram(self) -> int:
        """The first pool with the most free memory, or -1 if none has any."""
        best, most = -1, 0.0
        for pool in self.pools:
            if pool.avail_ram_pool > most:
                best, most = pool.pool_id, pool.avail_ram_pool
        return best

    def num_completed(self) -> int:
        """Containers that ended without error."""
        return sum(pool.num_completed for pool in self.pools)

    def get_total_ram_gb(self) -> float:
        """Memory of all pools in GB."""
        return self.num_pools * self.ram_gb_per_pool

    def get_allocated_ram_gb(self) -> float:
        """Memory given to containers in GB."""
        return math.fsum(pool.max_ram_pool - pool.avail_ram_pool for pool in self.pools)

    def get_consumed_ram_gb(self) -> float:
        """Memory that containers held in the tick before this call, in GB, where that is not hidden."""
        return sum(pool.consumed_ram_gb for pool in self.pools)


class Clock:
    """Simulated time."""

    def __init__(self, present: Present) -> None:
        self._present = present

    def now_ticks(self) -> int:
        """Ticks since the start."""
        self._present.passing = "s.clock"
        return self._present.tick

    def now_seconds(self) -> float:
        """Seconds since the start."""
        self._present.passing = "s.clock"
        return self._present.tick / self._present.ticks_per_second


class Scheduler:
    """What a policy receives as ``s``; it may keep its own state in any other attribute."""

    def __init__(self, params: dict[str, Any], present: Present) -> None:
        self.params = params
        self.executor = Executor(params, present)
        self.clock = Clock(present)
        self._present = present

    if TYPE_CHECKING:  # a policy's own state may have any name

        def __getattr__(self, name: str) -> Any: ...
        def __setattr__(self, name: str, value: Any) -> None: ...

    def wake_after(self, seconds: float) -> None:
        """Asks for a call after so many seconds at the latest (the next tick if less than one)."""
        number = _number("bad_wake", "seconds", seconds)
        ticks = max(1, math.ceil(number * self._present.ticks_per_second))
        pending = self._present.wake
        self._present.wake = ticks if pending is None else min(pending, ticks)


_Function = Callable[..., Any]


def registrar(store: str) -> Callable[..., Callable[[_Function], _Function]]:
    """A decorator that keeps functions by key in `store`, a global of the program that uses it."""

    def register(key: str = "") -> Callable[[_Function], _Function]:
        def mark(function: _Function) -> _Function:
            # The globals of the program are the registry: no table outlives the program.
            table: dict[str, _Function] = function.__globals__.setdefault(store, {})
            if key in table:
                raise KeyError(f"{key!r} is registered twice")
            table[key] = function
            return function

        return mark

    return register


register_scheduler_init = registrar("__scheduler_inits__")
register_scheduler = registrar("__schedulers__")


def names() -> dict[str, object]:
    """Names that a policy program finds among its globals."""
    return {
        "ASSIGNABLE_STATES": ASSIGNABLE_STATES,
        "Assignment": Assignment,
        "ExecutionResult": ExecutionResult,
        "Operator": Operator,
        "OperatorState": OperatorState,
        "Pipeline": Pipeline,
        "Priority": Priority,
        "Scheduler": Scheduler,
        "Suspend": Suspend,
        "register_scheduler": register_scheduler,
        "register_scheduler_init": register_scheduler_init,
    }


_EXACT = 2**53  # integers up to here are floats


def _number(kind: str, what: str, value: object) -> float:
    if type(value) is int and -_EXACT < value < _EXACT:  # the usual case
        return value
    allowed = "a finite number"
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        found = shorten(value)
        raise IllegalAction(kind, f"{what} is {found}; give a number", value=found, allowed=allowed)
    number = float(value)
    if not math.isfinite(number):
        found = shorten(value)
        raise IllegalAction(kind, f"{what} is {found}; give a finite number", value=found, allowed=allowed)
    return number


def _size(what: str, value: object) -> float:
    number = _number("bad_size", what, value)
    if number <= 0:
        found, allowed = shorten(value), "a finite number > 0"
        raise IllegalAction("bad_size", f"{what} is {found}; give {allowed}", value=found, allowed=allowed)
    return value if type(value) is int else number
