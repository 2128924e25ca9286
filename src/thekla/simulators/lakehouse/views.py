"""What a scheduler sees of a lakehouse, and the messages that keep it up to date.

This file stands alone (standard library only): it is sent as text to a guest that cannot import anything of ours,
and it is used as it is inside the process for trusted policies. The host holds the truth; this side holds only what
a scheduler may know, and every message tells only what has happened. One file, because one text is what a guest gets.

Messages are plain data (None, bool, int, float, str, list, dict with str keys). Keys that would be empty are left out.
Operators are numbered in order of arrival (in a pipeline: in visiting order), containers in order of creation.

``start``: host to guest ``{"params": {name: value}}``, and ``"prompt": true`` if pipelines are finished when their last
    operator is, not when a container next ends; guest to host ``w`` as below, or a fault.
``step``: host to guest
    ``t``  the tick of this call
    ``z``  containers whose current operator took no tick and was passed over, in order
    ``b``  containers that completed an operator and have another to start
    ``s``  containers whose suspension has ended
    ``r``  containers that ended, as ``[container, error or None]``, in order
    ``p``  pools whose free resources changed, as ``[pool, cpus, ram_gb]``
    ``n``  new pipelines, as ``[id, priority, [[positions of parents] of each operator]]``, and with an estimator
           also ``[peak memory in GB or None of each operator]``
  guest to host
    ``a``  assignments, as ``[[operators], cpus, ram_gb, priority, pool]``
    ``s``  suspensions, as ``[container, pool]``
    ``w``  ticks after which to call again at the latest
  or a fault ``{"fault": [kind, message, traceback]}``.

The policy is called when pipelines arrive, when containers ended, after an operator inside a container completed,
after a suspension ended, on the tick after an answer that was not empty, and when it asked for it.
Containers are numbered by the rule that both sides know: pool by pool, in the order of the answer.
"""

import enum
import math
import sys
import traceback
from bisect import insort
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Never

__all__ = [
    "ASSIGNABLE_STATES",
    "Assignment",
    "Clock",
    "Container",
    "ExecutionResult",
    "Executor",
    "HiddenTruth",
    "IllegalAction",
    "Message",
    "Operator",
    "OperatorState",
    "Pipeline",
    "PolicySession",
    "Pool",
    "Priority",
    "RuntimeStatus",
    "Scheduler",
    "Suspend",
    "names",
    "register_scheduler",
    "register_scheduler_init",
]

Message = dict[str, Any]


class Priority(enum.IntEnum):
    """Class of a pipeline; the smaller, the more urgent."""

    QUERY = 1
    INTERACTIVE = 2
    BATCH_PIPELINE = 3


class OperatorState(enum.StrEnum):
    """Where an operator is in its life; it may be assigned while PENDING or FAILED."""

    PENDING = "pending"
    ASSIGNED = "assigned"
    RUNNING = "running"
    SUSPENDING = "suspending"
    COMPLETED = "completed"
    FAILED = "failed"


_PENDING = OperatorState.PENDING
_ASSIGNED = OperatorState.ASSIGNED
_RUNNING = OperatorState.RUNNING
_SUSPENDING = OperatorState.SUSPENDING
_COMPLETED = OperatorState.COMPLETED
_FAILED = OperatorState.FAILED

ASSIGNABLE_STATES = [OperatorState.PENDING, OperatorState.FAILED]
"""States from which an operator may be assigned."""


class IllegalAction(AssertionError):
    """A policy asked for something the lakehouse forbids; the message gives the value and the allowed range."""


class HiddenTruth(AttributeError):
    """A policy asked for a fact that no scheduler can know before running the operator."""


class Estimate:
    """What an estimator guessed about an operator: its peak memory in GB, or None."""

    def __init__(self, mem_peak_gb: float | None = None) -> None:
        self.mem_peak_gb = mem_peak_gb


_NO_ESTIMATE = Estimate()
_HIDDEN = frozenset(
    ("baseline_cpu_seconds", "cpu", "cpu_scaling", "cpu_seconds", "cpus", "duration", "get_segments", "io_seconds",
     "memory", "memory_gb", "peak_memory_gb", "ram", "ram_gb", "segments", "storage_read_gb", "values")
)  # fmt: skip


class Operator:
    """One step of a pipeline: its place in the graph, its state and what is known from its failed tries.

    `estimate.mem_peak_gb` is the hint of an estimator, None without one.
    `failures` counts the tries that left it FAILED; `last_cpu` and `last_ram_gb` are the size of the last of them, None
    before. A policy may keep attributes of its own on an operator, as on every object here.
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

    def __getattr__(self, name: str) -> Never:
        if name in _HIDDEN:
            raise HiddenTruth(f"operator.{name} is hidden: what an operator needs is learnt by running it")
        raise AttributeError(f"'Operator' object has no attribute {name!r}; it has {', '.join(_public(Operator))}")

    def __repr__(self) -> str:
        return f"<Operator {self.id} {self.state}>"


class RuntimeStatus:
    """States of a pipeline's operators, kept up to date as they change."""

    def __init__(self, pipeline: "Pipeline", session: "PolicySession", arrival_tick: int) -> None:
        self.pipeline = pipeline
        self.session = session
        self.arrival_tick = arrival_tick
        self.finish_tick: int | None = None
        self.ops: list[Operator] = []
        self.assignable: list[int] = []
        self.ready: list[int] = []
        self.state_counts: dict[OperatorState, int] = dict.fromkeys(OperatorState, 0)

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
        limit = self.session.max_job_ticks
        return 0 < limit <= self.session.now - self.arrival_tick and self.pipeline.remaining_operators > 0

    @property
    def operator_states(self) -> dict[Operator, OperatorState]:
        """State of every operator, in visiting order."""
        return {op: op.state for op in self.ops}


class Pipeline:
    """A graph of operators that arrived together.

    `total_operators` and `remaining_operators` (not yet complete) are counts; `has_failures` tells whether any of its
    operators ever failed; `arrival_seconds` is the time of the call that brought it.
    """

    def __init__(self, pipeline_id: str, priority: Priority, total: int, session: "PolicySession") -> None:
        self.pipeline_id = pipeline_id
        self.priority = priority
        self.total_operators = total
        self.remaining_operators = total
        self.has_failures = False
        self.arrival_seconds: float = session.now / session.ticks_per_second
        self.status = RuntimeStatus(self, session, session.now)

    def runtime_status(self) -> RuntimeStatus:
        """States of the operators."""
        return self.status

    @property
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
        session = self.status.session
        return (session.now - self.status.arrival_tick) / session.ticks_per_second

    def __repr__(self) -> str:
        return f"<Pipeline {self.pipeline_id} {self.priority.name} {self.remaining_operators}/{self.total_operators}>"


def _move(op: Operator, new: OperatorState) -> None:
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
            status.session.completed.append(status)
        for child in op.children:
            child.missing_parents -= 1
            if child.missing_parents == 0 and (child.state is _PENDING or child.state is _FAILED):
                insort(status.ready, child.position)


class Assignment:
    """Asks for a container: operators in the order in which to run them, its size and its pool.

    Building one moves its operators to ASSIGNED at once; return it, or they stay there.

    Raises:
        IllegalAction: There is no operator, one of them is not assignable, or a size is not a finite number > 0.
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
        self.cpu = _size("cpu", cpu)
        self.ram = _size("ram", ram)
        self.priority = Priority(priority)
        self.pool_id = pool_id
        self.pipeline_id = pipeline_id
        self.container_id = container_id
        self.is_resume = is_resume
        self.force_run = force_run
        if not self.ops:
            raise IllegalAction("an assignment needs at least one operator, got an empty list")
        for op in self.ops:
            if not isinstance(op, Operator):
                raise IllegalAction(f"an assignment takes operators, got {_short(op)}")
            if op.state is not _PENDING and op.state is not _FAILED:
                raise IllegalAction(
                    f"cannot transition operator {op.id} in pipeline {op.pipeline.pipeline_id} from {op.state} to "
                    "assigned; only pending and failed operators can be assigned, each once"
                )
            _move(op, _ASSIGNED)


class Suspend:
    """Asks to suspend a container; allowed at the call after one of its inner operators completed."""

    def __init__(self, container_id: str, pool_id: int) -> None:
        self.container_id = container_id
        self.pool_id = pool_id


class Container:
    """A running, suspending or suspended container."""

    def __init__(self, number: int, assignment: Assignment, session: "PolicySession", start_tick: int) -> None:
        self.number = number
        self.container_id = f"c{number}"
        self.assignment = assignment
        self.operators = list(assignment.ops)
        self.pool_id = assignment.pool_id
        self.priority = assignment.priority
        self.session = session
        self.start_tick = start_tick
        self.error: str | None = None
        self.position = 0
        self.done = 0
        self.at_boundary = False

    def can_suspend_container(self) -> bool:
        """Whether an inner operator has just completed, so that a suspension loses no work."""
        return self.at_boundary

    def ticks_elapsed(self) -> int:
        """Ticks since the container was created."""
        return self.session.now - self.start_tick

    def get_current_memory_usage(self) -> Never:
        """Hidden: what an operator needs is learnt by running it."""
        raise HiddenTruth("container.get_current_memory_usage() is hidden; use assignment.ram, the size you gave it")

    def start_next(self) -> None:
        """Moves the operator at the current position to RUNNING."""
        self.at_boundary = False
        _move(self.operators[self.position], _RUNNING)


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

    def __init__(self, pool_id: int, max_cpu: float, max_ram_gb: float) -> None:
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

    def get_container_by_id(self, container_id: str) -> Container | None:
        """The active container with this id, or None."""
        return next((each for each in self.active_containers if each.container_id == container_id), None)

    @property
    def consumed_ram_gb(self) -> Never:
        """Hidden: what an operator needs is learnt by running it."""
        raise HiddenTruth("pool.consumed_ram_gb is hidden; max_ram_pool - avail_ram_pool is what you gave out")


class Executor:
    """The pools together."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        self.num_pools: int = params["num_pools"]
        self.cpus_per_pool: float = params["cpus_per_pool"]
        self.ram_gb_per_pool: float = params["ram_gb_per_pool"]
        self.pools = [Pool(i, self.cpus_per_pool, self.ram_gb_per_pool) for i in range(self.num_pools)]

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


class Clock:
    """Simulated time."""

    def __init__(self, session: "PolicySession") -> None:
        self._session = session

    def now_ticks(self) -> int:
        """Ticks since the start."""
        return self._session.now

    def now_seconds(self) -> float:
        """Seconds since the start."""
        return self._session.now / self._session.ticks_per_second


class Scheduler:
    """What a policy receives as ``s``; it may keep its own state in any other attribute."""

    def __init__(self, params: dict[str, Any], session: "PolicySession") -> None:
        self.params = params
        self.executor = Executor(params)
        self.clock = Clock(session)
        self._session = session

    if TYPE_CHECKING:  # a policy's own state may have any name

        def __getattr__(self, name: str) -> Any: ...
        def __setattr__(self, name: str, value: Any) -> None: ...

    def wake_after(self, seconds: float) -> None:
        """Asks for a call after so many seconds at the latest (the next tick if less than one)."""
        ticks = max(1, math.ceil(_number("seconds", seconds) * self._session.ticks_per_second))
        pending = self._session.wake
        self._session.wake = ticks if pending is None else min(pending, ticks)


_INITS = "__scheduler_inits__"
_SCHEDULERS = "__schedulers__"

_Function = Callable[..., Any]


def _registrar(store: str) -> Callable[..., Callable[[_Function], _Function]]:
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


register_scheduler_init = _registrar(_INITS)
register_scheduler = _registrar(_SCHEDULERS)


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


class PolicySession:
    """One policy over one simulation: turns messages into views, calls the program, turns its answer into a message.

    The program offers ``schedule(s, results, pipelines)``, returning (suspensions, assignments), and may offer
    ``init(s)``; or functions registered with ``@register_scheduler(key=...)`` and
    ``@register_scheduler_init(key=...)``, of which the last key counts.
    """

    def __init__(self, namespace: Mapping[str, object]) -> None:
        self._namespace = namespace
        self._schedule: _Function | None = None
        self._operators: list[Operator] = []
        self._containers: dict[int, Container] = {}
        self._last_container = 0
        self._boundary: list[Container] = []
        self._assigned: list[Assignment] = []
        self._suspended: list[Container] = []
        self._answer_tick = -1
        self.completed: list[RuntimeStatus] = []
        self.now = -1
        self.ticks_per_second = 1
        self.max_job_ticks = 0
        self.prompt = False
        self.wake: int | None = None

    def start(self, message: Message) -> Message:
        """Builds the views and runs the program's init."""
        try:
            params = message["params"]
            self.ticks_per_second = params["ticks_per_second"]
            self.max_job_ticks = int(params["max_job_seconds"] * self.ticks_per_second)
            self.prompt = message.get("prompt", False)
            self.scheduler = Scheduler(dict(params), self)
            init, self._schedule = _find_functions(self._namespace)
            if init is not None:
                init(self.scheduler)
        except (Exception, SystemExit) as error:  # border: a foreign program, whose fault it is
            return _fault(error)
        return self._take_wake()

    def _take_wake(self) -> Message:
        ticks, self.wake = self.wake, None
        return {} if ticks is None else {"w": ticks}

    def step(self, message: Message) -> Message:
        """Applies what happened, calls the policy and returns what it wants."""
        try:
            results, pipelines = self._apply(message)
            assert self._schedule is not None, "start() comes before step()"
            answer = self._schedule(self.scheduler, results, pipelines)
            return self._read(answer)
        except (Exception, SystemExit) as error:  # border: a foreign program, whose fault it is
            return _fault(error)

    def _apply(self, message: Message) -> tuple[list[ExecutionResult], list[Pipeline]]:
        self.now = message["t"]
        self._apply_own_answer()
        for number in message.get("z", ()):
            container = self._containers[number]
            container.position += 1
            container.start_next()
        for number in message.get("b", ()):
            container = self._containers[number]
            _move(container.operators[container.position], _COMPLETED)
            container.position += 1
            container.done += 1
            container.at_boundary = True
            self._boundary.append(container)
        for number in message.get("s", ()):
            self._end_suspension(self._containers.pop(number))
        results = [self._end(self._containers.pop(number), error) for number, error in message.get("r", ())]
        for pool_id, cpus, ram_gb in message.get("p", ()):
            pool = self.scheduler.executor.pools[pool_id]
            pool.avail_cpu_pool, pool.avail_ram_pool = cpus, ram_gb
        if results or self.prompt:
            # Everything told now was on the tick before.
            for status in self.completed:
                status.finish_tick = self.now - 1
            self.completed.clear()
        return results, [self._arrive(*entry) for entry in message.get("n", ())]

    def _apply_own_answer(self) -> None:
        pools = self.scheduler.executor.pools
        for container in self._suspended:
            container.at_boundary = False
            pools[container.pool_id].active_containers.remove(container)
            pools[container.pool_id].suspending_containers.append(container)
            for op in container.operators[container.done :]:
                _move(op, _SUSPENDING)
        for container in self._boundary:
            if container.at_boundary:
                container.start_next()
        self._boundary.clear()
        for assignment in sorted(self._assigned, key=lambda each: each.pool_id):
            self._last_container += 1
            container = Container(self._last_container, assignment, self, self._answer_tick)
            self._containers[container.number] = container
            pools[container.pool_id].active_containers.append(container)
            container.start_next()
        self._suspended, self._assigned = [], []

    def _end_suspension(self, container: Container) -> None:
        pool = self.scheduler.executor.pools[container.pool_id]
        pool.suspending_containers.remove(container)
        pool.suspended_containers.append(container)
        for op in container.operators[container.done :]:
            _move(op, _PENDING)

    def _end(self, container: Container, error: str | None) -> ExecutionResult:
        pool = self.scheduler.executor.pools[container.pool_id]
        pool.active_containers.remove(container)
        container.error = error
        container.at_boundary = False
        # Results are told on the tick after the end, and the tick of the end counts.
        pool.container_tick_times.append(self.now - container.start_tick)
        if error is None:
            pool.num_completed += 1
            _move(container.operators[container.position], _COMPLETED)
        else:
            for op in container.operators[container.done :]:
                _move(op, _FAILED)
                op.failures += 1
                op.last_ram_gb = container.assignment.ram
                op.last_cpu = container.assignment.cpu
                op.pipeline.has_failures = True
        return ExecutionResult(container, error)

    def _arrive(
        self, pipeline_id: str, priority: int, parents: list[list[int]], estimates: list[float | None] | None = None
    ) -> Pipeline:
        pipeline = Pipeline(pipeline_id, Priority(priority), len(parents), self)
        status = pipeline.status
        ops, first = status.ops, len(self._operators)
        for position, of in enumerate(parents):
            op = Operator(first + position, position, pipeline)
            op.missing_parents = len(of)
            if not of:
                status.ready.append(position)
            for parent in of:
                op.parents.append(ops[parent])
                ops[parent].children.append(op)
            if estimates is not None:
                op.estimate = Estimate(estimates[position])
            ops.append(op)
        status.assignable = list(range(len(ops)))
        status.state_counts[_PENDING] = len(ops)
        self._operators += ops
        return pipeline

    def _read(self, answer: object) -> Message:
        if not (isinstance(answer, tuple | list) and len(answer) == 2):
            raise IllegalAction(f"schedule() must return (suspensions, assignments), got {_short(answer)}")
        suspensions, assignments = answer
        message = self._take_wake()
        self._answer_tick = self.now
        if suspensions:
            message["s"] = [self._read_suspension(each) for each in _items(suspensions, "suspensions")]
        if assignments:
            message["a"] = [self._read_assignment(each) for each in _items(assignments, "assignments")]
        return message

    def _read_suspension(self, suspend: object) -> list[int]:
        if not isinstance(suspend, Suspend):
            raise IllegalAction(f"suspensions, returned first, must hold Suspend objects, got {_short(suspend)}")
        for pool in self.scheduler.executor.pools:
            if pool.pool_id == suspend.pool_id:
                container = pool.get_container_by_id(suspend.container_id)
                if container is not None:
                    self._suspended.append(container)
                    return [container.number, pool.pool_id]
        raise IllegalAction(f"no active container {_short(suspend.container_id)} in pool {_short(suspend.pool_id)}")

    def _read_assignment(self, assignment: object) -> list[Any]:
        if not isinstance(assignment, Assignment):
            raise IllegalAction(f"assignments, returned second, must hold Assignment objects, got {_short(assignment)}")
        pool_id: object = assignment.pool_id
        if not isinstance(pool_id, int) or not 0 <= pool_id < self.scheduler.executor.num_pools:
            count = self.scheduler.executor.num_pools
            raise IllegalAction(f"pool_id is {_short(pool_id)}; pools are numbered 0 to {count - 1}")
        self._assigned.append(assignment)
        return [
            [op.number for op in assignment.ops],
            assignment.cpu,
            assignment.ram,
            int(assignment.priority),
            int(assignment.pool_id),
        ]


def _find_functions(namespace: Mapping[str, object]) -> tuple[_Function | None, _Function]:
    inits, schedulers = namespace.get(_INITS), namespace.get(_SCHEDULERS)
    if isinstance(schedulers, dict) and schedulers:
        key = next(reversed(schedulers))
        init = inits.get(key) if isinstance(inits, dict) else None
        if init is None:
            init = namespace.get("init")
        return (init if callable(init) else None), schedulers[key]
    init, schedule = namespace.get("init"), namespace.get("schedule")
    if not callable(schedule):
        raise IllegalAction("the program defines no function schedule(s, results, pipelines)")
    return (init if callable(init) else None), schedule


def _items(value: object, what: str) -> Iterator[object]:
    if not isinstance(value, Iterable) or isinstance(value, str | bytes | Mapping):
        raise IllegalAction(f"{what} must be a list, got {_short(value)}")
    return iter(value)


def _number(what: str, value: object) -> float:
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        raise IllegalAction(f"{what} is {_short(value)}; give a number")
    number = float(value)
    if not math.isfinite(number):
        raise IllegalAction(f"{what} is {number!r}; give a finite number")
    return number


def _size(what: str, value: object) -> float:
    number = _number(what, value)
    if number <= 0:
        raise IllegalAction(f"{what} is {number!r}; give a finite number > 0")
    return value if type(value) is int else number


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _public(of: type) -> list[str]:
    return sorted(name for name in dir(of) if not name.startswith("_"))


def _fault(error: BaseException) -> Message:
    """The fault message of an exception; its traceback has the program's own frames only."""
    here = sys._getframe().f_code.co_filename
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != here]
    text = "".join([*traceback.format_list(frames[-12:]), *traceback.format_exception_only(error)])
    if isinstance(error, HiddenTruth):
        return {"fault": ["hidden", str(error), text]}
    if isinstance(error, IllegalAction):
        return {"fault": ["illegal", str(error), text]}
    return {"fault": ["exception", f"{type(error).__name__}: {error}", text]}
