"""A policy over one simulation: the messages of the host become views, the policy's answer becomes a message.

Part of what a guest gets: nothing but the standard library and the files it names. Messages are plain data (None, bool,
int, float, str, list, dict with str keys). Each tells only what has happened since the one before it, and keys that
would be empty are left out. Operators are numbered in order of arrival (in a pipeline: in visiting order), containers
in order of creation.

``start``: host to guest ``{"params": {name: value}}``, and, each only if it is so, ``"prompt": true``: pipelines are
    finished when their last operator is, not when a container next ends; ``"auto": true``: the session asks for calls
    on further ticks while it cannot tell that they change nothing; ``"lenient": true``: what breaks a rule is refused.
    Guest to host ``w`` as below, or a fault.
``step``: host to guest
    ``t``  the tick of this call
    ``x``  what the host refused of the last answer, as ``[[places in s], [places in a]]``
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
    ``l``  the lines of the program that built them, those of the suspensions first
    ``x``  what the session refused itself, as ``[kind, message, line, value, allowed]``
    ``w``  ticks after which to call again at the latest
    ``y``  why the session asks for a call that the policy has not asked for
  or a fault ``{"fault": [kind, message, traceback, line, value, allowed]}``, with line 0 if there is none.

The policy is called when pipelines arrive, when containers ended, after an operator inside a container completed,
after a suspension ended, on the tick after an answer that was not empty, and when it asked for it.
Containers are numbered by the rule that both sides know: pool by pool, in the order of the answer, and refused ones
have no number.
"""

import traceback
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .pipelines import Estimate, Operator, Pipeline, RuntimeStatus, move
from .present import CALLING, HiddenTruth, IllegalAction, OperatorState, Present, Priority, Truth, shorten
from .settling import Settler
from .views import Assignment, Container, ExecutionResult, Executor, Pool, Scheduler, Suspend

__all__ = ["Message", "PolicySession"]

Message = dict[str, Any]

_INITS = "__scheduler_inits__"
_SCHEDULERS = "__schedulers__"
_VIEWS: tuple[type, ...] = (Operator, RuntimeStatus, Pipeline, Container, Pool, Executor)
_ORDERS = (Assignment, ExecutionResult, Suspend)


class PolicySession:
    """One policy over one simulation.

    The program offers ``schedule(s, results, pipelines)``, returning (suspensions, assignments), and may offer
    ``init(s)``; or functions registered with ``@register_scheduler(key=...)`` and
    ``@register_scheduler_init(key=...)``, of which the last key counts.

    Args:
        namespace: The globals of the program.
        as_guest: Hide what a sandboxed guest does not see, whatever the host reveals.
    """

    def __init__(self, namespace: Mapping[str, object], *, as_guest: bool = False) -> None:
        self._namespace = namespace
        self._as_guest = as_guest
        self._present = Present()
        self._schedule: Callable[..., Any] | None = None
        self._code = ""
        self._known_operators = 0
        self._containers: dict[int, Container] = {}
        self._last_container = 0
        self._boundary: list[Container] = []
        self._assigned: list[Assignment] = []
        self._suspended: list[Container | None] = []
        self._answer_tick = -1
        self._prompt = False
        self._kinds: dict[type, type] = {}
        self._settler: Settler | None = None

    def reveal(self, truth: Truth) -> None:
        """Lets the policy see what is hidden from a guest; to be called by a host in this process, before `start`."""
        if not self._as_guest:
            self._present.truth = truth

    def start(self, message: Message) -> Message:
        """Builds the views and runs the program's init."""
        try:
            params, present = message["params"], self._present
            present.ticks_per_second = params["ticks_per_second"]
            present.max_job_ticks = int(params["max_job_seconds"] * present.ticks_per_second)
            present.lenient = message.get("lenient", False)
            self._prompt = message.get("prompt", False)
            if message.get("auto", False):
                self._kinds = {kind: _watched(kind, present) for kind in _VIEWS}
                views = [*_VIEWS, *self._kinds.values()]
                self._settler = Settler(present, self._namespace, followed=_ORDERS, views=views)
            self.scheduler = Scheduler(dict(params), present)
            for view in (self.scheduler.executor, *self.scheduler.executor.pools):
                self._watch(view)
            init, self._schedule = _find_functions(self._namespace)
            self._code = getattr(getattr(self._schedule, "__code__", None), "co_filename", "")
            if init is not None:
                CALLING.set(present)
                init(self.scheduler)
        except (Exception, SystemExit) as error:  # border: a foreign program, whose fault it is
            return self._fault(error)
        return self._take_wake() if self._settler is None else self._settler.go_on(self._take_wake())

    def step(self, message: Message) -> Message:
        """Applies what happened, calls the policy and returns what it wants."""
        try:
            results, pipelines = self._apply(message)
            if self._settler is not None:
                quiet = not (results or pipelines or self._boundary)
                return self._settler.call(self.scheduler, lambda: self._call(results, pipelines), quiet=quiet)
            return self._call(results, pipelines)
        except (Exception, SystemExit) as error:  # border: a foreign program, whose fault it is
            return self._fault(error)

    def idle(self, first: int, until: int) -> tuple[int, Message]:
        """Calls the policy on the ticks from `first` on, on which nothing happens, and returns the last and its answer.

        The last is that before `until`, or the first whose answer wants something, or after which the session, if it
        may tell, knows that further calls change nothing. For a host in this process only: a guest that is told
        `until` is told the future.
        """
        tick, message, why = first, self.step({"t": first}), ""
        settler = self._settler
        while tick + 1 < until and message.keys() <= {"w", "y"} and (settler is None or message.get("w") == 1):
            why = message.get("y", why)
            if settler is None:
                tick, message = self._call_plainly(tick + 1, until)
            elif settler.pause:
                stop = min(until, tick + 1 + settler.pause)
                settler.pause -= stop - tick - 1
                tick, message = self._call_plainly(tick + 1, stop)
                if "fault" not in message:
                    message = settler.go_on(message)
            else:
                tick += 1
                message = self.step({"t": tick})
        return tick, {"y": why, **message} if why else message

    def _call_plainly(self, first: int, until: int) -> tuple[int, Message]:
        """The calls of `idle` without the bookkeeping of `step`, up to the first answer that is not empty."""
        present, scheduler, schedule = self._present, self.scheduler, self._schedule
        assert schedule is not None, "start() comes before idle()"
        tick = first
        try:
            for tick in range(first, until):
                present.tick = tick
                answer = schedule(scheduler, [], [])
                if type(answer) is not tuple or len(answer) != 2 or answer[0] or answer[1] or present.wake is not None:
                    message = self._read(answer)
                    if message:
                        return tick, message
        except (Exception, SystemExit) as error:  # border: a foreign program, whose fault it is
            return tick, self._fault(error)
        return until - 1, {}

    def _call(self, results: list[ExecutionResult], pipelines: list[Pipeline]) -> Message:
        assert self._schedule is not None, "start() comes before step()"
        CALLING.set(self._present)
        return self._read(self._schedule(self.scheduler, results, pipelines))

    def _watch(self, view: object) -> None:
        """Has writes to a view noted, if a settler wants to know."""
        kind = self._kinds.get(type(view))
        if kind is not None:
            object.__setattr__(view, "__class__", kind)

    def _take_wake(self) -> Message:
        ticks, self._present.wake = self._present.wake, None
        return {} if ticks is None else {"w": ticks}

    def _apply(self, message: Message) -> tuple[list[ExecutionResult], list[Pipeline]]:
        self._present.tick = message["t"]
        if "x" in message:
            self._take_back(*message["x"])
        self._apply_own_answer()
        for number in message.get("z", ()):
            container = self._containers[number]
            container._position += 1
            container._start_next()
        for number in message.get("b", ()):
            container = self._containers[number]
            move(container.operators[container._position], OperatorState.COMPLETED)
            container._position += 1
            container._done += 1
            container._at_boundary = True
            self._boundary.append(container)
        for number in message.get("s", ()):
            self._end_suspension(self._containers.pop(number))
        results = [self._end(self._containers.pop(number), error) for number, error in message.get("r", ())]
        for pool_id, cpus, ram_gb in message.get("p", ()):
            pool = self.scheduler.executor.pools[pool_id]
            pool.avail_cpu_pool, pool.avail_ram_pool = cpus, ram_gb
        if results or self._prompt:
            # Everything told now was on the tick before.
            for status in self._present.completed:
                status.finish_tick = self._present.tick - 1
            self._present.completed.clear()
        return results, [self._arrive(*entry) for entry in message.get("n", ())]

    def _take_back(self, suspensions: list[int], assignments: list[int]) -> None:
        """Undoes what the host refused."""
        for place in suspensions:
            self._suspended[place] = None
        for place in reversed(assignments):
            self._assigned.pop(place)._give_back()

    def _apply_own_answer(self) -> None:
        pools = self.scheduler.executor.pools
        for container in filter(None, self._suspended):
            container._at_boundary = False
            pools[container.pool_id].active_containers.remove(container)
            pools[container.pool_id].suspending_containers.append(container)
            for op in _unfinished(container):
                move(op, OperatorState.SUSPENDING)
        for container in self._boundary:
            if container._at_boundary:
                container._start_next()
        self._boundary.clear()
        for assignment in sorted(self._assigned, key=lambda each: each.pool_id):
            self._last_container += 1
            container = Container(self._last_container, assignment, self._present, self._answer_tick)
            self._watch(container)
            self._containers[self._last_container] = container
            pools[container.pool_id].active_containers.append(container)
            container._start_next()
        self._suspended, self._assigned = [], []

    def _end_suspension(self, container: Container) -> None:
        pool = self.scheduler.executor.pools[container.pool_id]
        pool.suspending_containers.remove(container)
        pool.suspended_containers.append(container)
        for op in _unfinished(container):
            move(op, OperatorState.PENDING)

    def _end(self, container: Container, error: str | None) -> ExecutionResult:
        pool = self.scheduler.executor.pools[container.pool_id]
        pool.active_containers.remove(container)
        container.error = error
        container._at_boundary = False
        # Results are told on the tick after the end, and the tick of the end counts.
        pool.container_tick_times.append(self._present.tick - container._start_tick)
        if error is None:
            pool.num_completed += 1
            move(container.operators[container._position], OperatorState.COMPLETED)
        else:
            for op in _unfinished(container):
                move(op, OperatorState.FAILED)
                op.failures += 1
                op.last_ram_gb = container.assignment.ram
                op.last_cpu = container.assignment.cpu
                op.pipeline.has_failures = True
        return ExecutionResult(container, error)

    def _arrive(
        self, pipeline_id: str, priority: int, parents: list[list[int]], estimates: list[float | None] | None = None
    ) -> Pipeline:
        pipeline = Pipeline(pipeline_id, Priority(priority), len(parents), self._present)
        status, first = pipeline.status, self._known_operators
        self._known_operators += len(parents)
        status._make = lambda: self._make_operators(pipeline, first, parents, estimates)
        status.assignable = list(range(len(parents)))
        status.ready = [position for position, of in enumerate(parents) if not of]
        status.state_counts[OperatorState.PENDING] = len(parents)
        if self._kinds:
            self._watch(pipeline)
            self._watch(status)
        return pipeline

    def _make_operators(
        self, pipeline: Pipeline, first: int, parents: list[list[int]], estimates: list[float | None] | None
    ) -> list[Operator]:
        ops: list[Operator] = []
        for position, of in enumerate(parents):
            op = Operator(first + position, position, pipeline)
            op.missing_parents = len(of)
            for parent in of:
                op.parents.append(ops[parent])
                ops[parent].children.append(op)
            if estimates is not None:
                op.estimate = Estimate(estimates[position])
            ops.append(op)
        if self._kinds:
            for op in ops:
                self._watch(op)
        return ops

    def _read(self, answer: object) -> Message:
        message = self._take_wake()
        self._answer_tick = self._present.tick
        refused: list[list[object]] = []
        lines: list[int] = []
        try:
            suspensions, assignments = _halves(answer)
        except IllegalAction as illegal:
            self._refuse(illegal, refused)
            suspensions = assignments = ()
        if suspensions:
            message["s"] = self._read_each(suspensions, self._read_suspension, refused, lines)
        if assignments:
            message["a"] = self._read_each(assignments, self._read_assignment, refused, lines)
        if lines:
            message["l"] = lines
        if refused:
            message["x"] = refused
        return message

    def _read_each(
        self, orders: Iterable[Any], read: Callable[[Any], list[Any]], refused: list[list[object]], lines: list[int]
    ) -> list[list[Any]]:
        entries = []
        for order in orders:
            try:
                entries.append(read(order))
            except IllegalAction as illegal:
                illegal.line = illegal.line or getattr(order, "_line", 0)
                self._refuse(illegal, refused)
            else:
                lines.append(order._line)
        return entries

    def _refuse(self, illegal: IllegalAction, refused: list[list[object]]) -> None:
        if not self._present.lenient:
            raise illegal
        refused.append([illegal.kind, str(illegal), illegal.line, illegal.value, illegal.allowed])

    def _read_suspension(self, suspend: object) -> list[int]:
        if not isinstance(suspend, Suspend):
            raise _unlike("suspensions, returned first,", "Suspend objects", suspend)
        for pool in self.scheduler.executor.pools:
            if pool.pool_id == suspend.pool_id:
                container = pool.get_container_by_id(suspend.container_id)
                if container is not None:
                    self._suspended.append(container)
                    return [container._number, pool.pool_id]
        found = f"{shorten(suspend.container_id)} in pool {shorten(suspend.pool_id)}"
        allowed = "an active container and its pool"
        raise IllegalAction("unknown_container", f"no active container {found}", value=found, allowed=allowed)

    def _read_assignment(self, assignment: object) -> list[Any]:
        if not isinstance(assignment, Assignment):
            raise _unlike("assignments, returned second,", "Assignment objects", assignment)
        if assignment._refusal is not None:
            raise assignment._refusal
        if any(each is assignment for each in self._assigned):
            raise IllegalAction("duplicate", "an assignment is returned twice", allowed="each once")
        pool_id: object = assignment.pool_id
        last = self.scheduler.executor.num_pools - 1
        if not isinstance(pool_id, int) or not 0 <= pool_id <= last:
            assignment._give_back()
            found, allowed = shorten(pool_id), f"0 to {last}"
            message = f"pool_id is {found}; pools are numbered {allowed}"
            raise IllegalAction("unknown_pool", message, value=found, allowed=allowed)
        self._assigned.append(assignment)
        return [
            [op.number for op in assignment.ops],
            assignment.cpu,
            assignment.ram,
            int(assignment.priority),
            int(pool_id),
        ]

    def _fault(self, error: BaseException) -> Message:
        """The fault message of an exception; its traceback has no frames of ours."""
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename not in _OUR_FILES]
        text = "".join([*traceback.format_list(frames[-12:]), *traceback.format_exception_only(error)])
        line = next((frame.lineno or 0 for frame in reversed(frames) if frame.filename == self._code), 0)
        if isinstance(error, IllegalAction):
            return {"fault": [error.kind, str(error), text, error.line or line, error.value, error.allowed]}
        if isinstance(error, HiddenTruth):
            return {"fault": ["hidden", str(error), text, line, "", "what a scheduler can know"]}
        return {"fault": ["exception", f"{type(error).__name__}: {error}", text, line, "", ""]}


_OUR_FILES = frozenset(each.__init__.__code__.co_filename for each in (PolicySession, Assignment, Operator, Settler))


def _watched(kind: type, present: Present) -> type:
    """A class like that of a view, which notes the attributes that are set while somebody watches."""

    def note(view: object, name: str, value: object) -> None:
        if present.watching:
            present.touched = f"{kind.__name__.lower()}.{name}"
        object.__setattr__(view, name, value)

    return type(kind.__name__, (kind,), {"__module__": kind.__module__, "__setattr__": note})


def _find_functions(namespace: Mapping[str, object]) -> tuple[Callable[..., Any] | None, Callable[..., Any]]:
    inits, schedulers = namespace.get(_INITS), namespace.get(_SCHEDULERS)
    if isinstance(schedulers, dict) and schedulers:
        key = next(reversed(schedulers))
        init = inits.get(key) if isinstance(inits, dict) else None
        if init is None:
            init = namespace.get("init")
        return (init if callable(init) else None), schedulers[key]
    init, schedule = namespace.get("init"), namespace.get("schedule")
    if not callable(schedule):
        message = "the program defines no function schedule(s, results, pipelines)"
        raise IllegalAction("no_function", message, allowed="a function schedule, or one that is registered")
    return (init if callable(init) else None), schedule


def _unfinished(container: Container) -> list[Operator]:
    """What a container has yet to complete; after an operator that took no tick, complete ones stand there as well."""
    return [op for op in container.operators[container._done :] if op.state is not OperatorState.COMPLETED]


def _halves(answer: object) -> tuple[Iterable[Any], Iterable[Any]]:
    if not isinstance(answer, (tuple, list)) or len(answer) != 2:
        found, allowed = shorten(answer), "(suspensions, assignments)"
        message = f"schedule() must return {allowed}, got {found}"
        raise IllegalAction("bad_answer", message, value=found, allowed=allowed)
    return _items(answer[0], "suspensions"), _items(answer[1], "assignments")


def _items(value: object, what: str) -> Iterable[Any]:
    if not value:
        return ()
    if type(value) is list:  # the usual case
        return value
    if not isinstance(value, Iterable) or isinstance(value, str | bytes | Mapping):
        found = shorten(value)
        raise IllegalAction("bad_answer", f"{what} must be a list, got {found}", value=found, allowed="a list")
    return value


def _unlike(what: str, wanted: str, value: object) -> IllegalAction:
    found = shorten(value)
    return IllegalAction("bad_answer", f"{what} must hold {wanted}, got {found}", value=found, allowed=wanted)
