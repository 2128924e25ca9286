"""The lakehouse, from event to event.

Between two events nothing changes but memory, whose course is known in closed form, so only ticks that carry an event
are visited: an arrival, the start or end of an operator, the end of a suspension, an age limit, a call of the policy.
Within a tick the order is that of the original: arrivals, policy, then pool by pool suspensions, assignments, ends of
suspensions, containers in order of creation, kills, ends of containers.
"""

import math
from heapq import heappop, heappush
from typing import get_args

from .answers import Answer, AssignmentOrder, IllegalAnswer, Message, PolicyFault, Scheduler, read_answer, shown
from .arrivals import deliveries, visits
from .containers import Container, Due, Job, Life, LifeTable, OperatorStatus, State
from .estimators import Estimator
from .lives import ContainerLives
from .memory import compensated_sum
from .params import Calls, Compat, Params
from .pools import Pool
from .results import RunResult
from .statistics import Statistics, class_statistics, mean_by_pairs, percentile
from .workload import PriorityClass, Trace

__all__ = ["simulate"]


def simulate(
    trace: Trace,
    scheduler: Scheduler,
    params: Params | None = None,
    compat: Compat = "thekla",
    *,
    estimator: Estimator | None = None,
    calls: Calls = "events",
) -> RunResult:
    """Replays a trace under a scheduler.

    The scheduler must be fresh: it keeps the state of one simulation; so must the estimator, which hints at what
    operators need (``op.estimate.mem_peak_gb``). Whatever it does wrong ends the simulation and
    is reported in the result; exceptions of its transport (a guest that died) pass through.

    Raises:
        ValueError: The parameters ask for what the revision does not have, or `compat` or `calls` is unknown.
    """
    params = params or Params()
    if compat not in get_args(Compat):
        raise ValueError(f"compat is {compat!r}; use one of {', '.join(get_args(Compat))}")
    if compat == "eudoxia-pin" and (params.allow_memory_overcommit or params.max_job_seconds):
        raise ValueError(
            "allow_memory_overcommit and max_job_seconds are unknown to 'eudoxia-pin'; use compat='thekla'"
        )
    if calls not in get_args(Calls):
        raise ValueError(f"calls is {calls!r}; use one of {', '.join(get_args(Calls))}")
    return _Simulation(trace, scheduler, params, compat, estimator, every_tick=calls == "exact").run()


# What is due in a pool, in the order in which it happens within a tick.
_RESUME = 0  # a suspension ends
_ADVANCE = 1  # an operator of an active container starts, ends or outgrows it
_CHECK = 2  # the pool's memory may run out


class _Simulation:
    """The state of one run; `run` may be called once."""

    def __init__(
        self,
        trace: Trace,
        scheduler: Scheduler,
        params: Params,
        compat: Compat,
        estimator: Estimator | None,
        *,
        every_tick: bool,
    ) -> None:
        self._trace = trace  # keeps the works alive that `_tables` is keyed by
        self._scheduler = scheduler
        self._params = params
        self._compat = compat
        self._estimator = estimator
        self._every_tick = every_tick
        self._corrected = compat == "thekla"
        self._tick_length = 1.0 / params.ticks_per_second
        self._arrivals = deliveries(trace, params.ticks_per_second, compat)
        self._tables: dict[int, tuple[LifeTable, ...]] = {}
        self._operators: list[OperatorStatus] = []
        self._jobs: list[Job] = []
        self._pools = [Pool(params, compat) for _ in range(params.num_pools)]
        self._containers: list[Container] = []
        # (tick, pool, what, container)
        self._due: list[tuple[int, int, int, int]] = []
        self._calls: list[int] = []
        self._alarms: list[int] = []
        self._completed: list[Job] = []
        self._overdue: list[Job] = []
        self._news: dict[str, list[object]] = {}
        self._changed_pools: set[int] = set()
        self._assignments = self._suspensions = self._failures = 0
        self._errors: dict[str, int] = {}
        self._finished = 0
        self._next_sample = 0
        self._allocated: list[float] = []
        self._consumed: list[float] = []
        self._policy_calls = self._events = 0
        self._now = -1

    def run(self) -> RunResult:
        fault = None
        try:
            self._start_policy()
            end = self._params.max_ticks
            while (tick := self._next_tick(end)) < end:
                self._sample(tick)
                self._now = tick
                self._visit(tick)
            self._sample(end)
        except IllegalAnswer as illegal:
            fault = PolicyFault(
                kind=illegal.kind, tick=max(self._now, 0), message=illegal.message, traceback=illegal.traceback
            )
        return RunResult(
            statistics=self._statistics(),
            pipelines=tuple((job.spec.id, job.arrival, job.finish) for job in self._jobs),
            container_tick_times=tuple(tuple(pool.lives) for pool in self._pools),
            containers=ContainerLives(self._containers),
            policy_calls=self._policy_calls,
            events=self._events,
            fault=fault,
        )

    def _start_policy(self) -> None:
        message: Message = {"params": self._params.as_dict()}
        if self._corrected:
            message["prompt"] = True
        answer = read_answer(self._scheduler.start(message), num_pools=len(self._pools))
        if answer.assignment_count or answer.suspension_count:
            raise IllegalAnswer("bad_message", "the answer to start assigns or suspends; nothing has arrived yet")
        if answer.wake_ticks is not None:
            heappush(self._calls, self._now + answer.wake_ticks)

    def _next_tick(self, end: int) -> int:
        if self._every_tick:
            return min(end, self._now + 1)
        tick = end
        if len(self._jobs) < len(self._arrivals):
            tick = min(tick, self._arrivals[len(self._jobs)][0])
        if self._due:
            tick = min(tick, self._due[0][0])
        if self._calls:
            tick = min(tick, self._calls[0])
        if self._alarms:
            tick = min(tick, self._alarms[0])
        return tick

    def _visit(self, tick: int) -> None:
        """Everything that happens in one tick."""
        first = len(self._jobs)
        called = self._arrive(tick) or self._every_tick
        while self._calls and self._calls[0] <= tick:
            heappop(self._calls)
            called = True
        answer = self._ask(tick, first) if called else None
        expiring = False
        while self._alarms and self._alarms[0] <= tick:
            heappop(self._alarms)
            expiring = True
        ended = 0
        for number, pool in enumerate(self._pools):
            due = bool(self._due) and self._due[0][0] == tick and self._due[0][1] == number
            if due or expiring or (answer and (number in answer.assignments or number in answer.suspensions)):
                ended += self._visit_pool(tick, number, pool, answer)
        if answer:
            self._assignments += answer.assignment_count
            self._suspensions += answer.suspension_count
        if ended or self._corrected:
            self._finish(tick)
        if expiring:
            self._count_overdue(tick)

    def _sample(self, until: int) -> None:
        """Samples memory at the whole seconds before a tick; nothing has happened since the last visited one."""
        if self._compat == "eudoxia-pin":
            return
        params = self._params
        total = params.num_pools * params.ram_gb_per_pool
        while self._next_sample < until:
            tick = self._next_sample
            allocated = compensated_sum(params.ram_gb_per_pool - pool.ram_gb for pool in self._pools)
            consumed = sum(pool.memory.consumed_gb(pool.active.values(), tick) for pool in self._pools if pool.memory)
            self._allocated.append(100.0 * allocated / total)
            self._consumed.append(100.0 * consumed / total)
            self._next_sample += params.ticks_per_second

    def _arrive(self, tick: int) -> bool:
        first = len(self._jobs)
        while len(self._jobs) < len(self._arrivals) and self._arrivals[len(self._jobs)][0] <= tick:
            spec = self._arrivals[len(self._jobs)][1]
            job = Job(len(self._jobs), spec, tick)
            self._jobs.append(job)
            self._news.setdefault("n", []).append(self._admit(job))
            if self._params.max_job_ticks:
                heappush(self._alarms, tick + self._params.max_job_ticks)
                self._overdue.append(job)
        self._events += len(self._jobs) - first
        return len(self._jobs) > first

    def _admit(self, job: Job) -> list[object]:
        """Makes a pipeline's operators known; returns what a scheduler is told of it."""
        specs, tables = job.spec.operators, self._tables
        order, told = visits(tuple([spec.parents for spec in specs]))
        placed: list[OperatorStatus] = []
        for position, parents in zip(order, told, strict=True):
            work = specs[position].work
            # Keyed by identity: the trace keeps its works alive, and equal ones mostly are one object.
            own = tables.get(id(work))
            if own is None:
                own = tables[id(work)] = tuple(
                    LifeTable(each, self._tick_length, corrected=self._corrected) for each in work.segments
                )
            placed.append(OperatorStatus(job, specs[position], [placed[parent] for parent in parents], own))
        self._operators += placed
        if self._estimator is None:
            return [job.spec.id, int(job.spec.priority), told]
        return [job.spec.id, int(job.spec.priority), told, [self._estimator(specs[each].work) for each in order]]

    def _ask(self, tick: int, first_new: int) -> Answer:
        """Tells the policy what happened since its last call and returns what it wants, checked."""
        message: Message = {"t": tick, **self._news}
        if self._changed_pools:
            message["p"] = [[n, self._pools[n].cpu, self._pools[n].ram_gb] for n in sorted(self._changed_pools)]
            self._changed_pools.clear()
        self._news = {}
        self._policy_calls += 1
        answer = read_answer(self._scheduler.step(message), num_pools=self._params.num_pools)
        if answer.wake_ticks is not None:
            heappush(self._calls, tick + answer.wake_ticks)
        if answer.assignment_count or answer.suspension_count:
            self._call_after(tick)
        for orders in answer.assignments.values():
            for order in orders:
                self._reserve(order)
        return answer

    def _call_after(self, tick: int) -> None:
        if not self._calls or self._calls[0] != tick + 1:
            heappush(self._calls, tick + 1)

    def _reserve(self, order: AssignmentOrder) -> None:
        for number in order.operators:
            if type(number) is not int or not 0 <= number < len(self._operators):
                raise IllegalAnswer(
                    "unknown_operator", f"operator {shown(number)} is unknown; {len(self._operators)} have arrived"
                )
            operator = self._operators[number]
            if operator.state is not State.PENDING and operator.state is not State.FAILED:
                raise IllegalAnswer(
                    "not_assignable",
                    f"operator {number} of pipeline {operator.job.spec.id!r} is {operator.state.name.lower()}; "
                    "only pending and failed operators can be assigned, each once",
                )
            operator.state = State.ASSIGNED

    def _visit_pool(self, tick: int, number: int, pool: Pool, answer: Answer | None) -> int:
        """One tick of one pool; returns how many containers ended."""
        if answer:
            if number in answer.suspensions:
                self._suspend(tick, number, pool, answer.suspensions[number])
            if number in answer.assignments:
                self._create(tick, number, pool, answer.assignments[number])
        heap = self._due
        ended: list[Container] = []
        while heap and heap[0][0] == tick and heap[0][1] == number:
            what, container_number = heappop(heap)[2:]
            if what == _RESUME:
                self._end_suspension(tick, number, pool, container_number)
                continue
            container = pool.active.get(container_number)
            if container is not None and container.due_tick == tick and self._advance(tick, number, container):
                ended.append(container)
        if pool.memory is not None:
            for container in pool.memory.kill(pool.active, ended, tick):
                container.error = "OOM"
                ended.append(container)
        if self._params.max_job_ticks:
            self._kill_overdue(tick, pool, ended)
        ended.sort(key=lambda each: each.number)
        for container in ended:
            self._end(tick, number, pool, container)
        if pool.memory is not None:
            if ended:
                pool.memory.reset(pool.active, tick)
            excess = pool.memory.first_excess(list(pool.active.values()), tick)
            if excess is not None:
                heappush(self._due, (excess, number, _CHECK, 0))
        return len(ended)

    def _suspend(self, tick: int, number: int, pool: Pool, stops: list[int]) -> None:
        for stop in stops:
            container = pool.active.get(stop)
            if container is None:
                raise IllegalAnswer("unknown_container", f"pool {number} has no active container {shown(stop)}")
            if container.due is not Due.START or container.due_tick != tick:
                raise IllegalAnswer(
                    "not_suspendable",
                    f"container {stop} cannot be suspended right now; it can at the call after an inner operator ended",
                )
        for stop in stops:
            container = pool.active.pop(stop, None)
            if container is None:
                raise IllegalAnswer("duplicate", f"container {stop} is suspended twice in one answer")
            pool.suspending[stop] = container
            container.suspended = True
            container.end = tick - 1
            if pool.memory is not None:
                pool.memory.leave(container, tick)
            self._set_unfinished(container, State.SUSPENDING)
            ticks = int((container.ram_gb / 20) / self._tick_length)
            if self._corrected:
                ticks = max(1, ticks)
            if ticks > 0:  # with none the original never ends the suspension
                heappush(self._due, (tick + ticks - 1, number, _RESUME, stop))

    def _set_unfinished(self, container: Container, state: State) -> None:
        for operator in container.operators[container.done :]:
            if operator.state is State.COMPLETED:
                raise IllegalAnswer(
                    "illegal_transition",
                    f"an operator of pipeline {operator.job.spec.id!r} cannot go from completed to "
                    f"{state.name.lower()}: an earlier one in its container took no tick",
                )
            operator.state = state

    def _create(self, tick: int, number: int, pool: Pool, orders: list[AssignmentOrder]) -> None:
        cpu = compensated_sum(order.cpu for order in orders)
        if cpu > pool.cpu:
            raise IllegalAnswer(
                "overallocated_cpu", f"{cpu:g} CPUs are assigned in pool {number}; {pool.cpu:g} are free"
            )
        ram_gb = compensated_sum(order.ram_gb for order in orders)
        if ram_gb > pool.ram_gb and not self._params.allow_memory_overcommit:
            raise IllegalAnswer(
                "overallocated_ram", f"{ram_gb:g} GB are assigned in pool {number}; {pool.ram_gb:g} GB are free"
            )
        for order in orders:
            if len(order.operators) != 1 and not self._params.multi_operator_containers:
                raise IllegalAnswer(
                    "operator_count", f"an assignment has {len(order.operators)} operators; containers take exactly 1"
                )
            operators = [self._operators[each] for each in order.operators]
            container = Container(len(self._containers) + 1, operators, order, pool=number, start=tick)
            self._containers.append(container)
            pool.take(container)
            heappush(self._due, (tick, number, _ADVANCE, container.number))
        self._changed_pools.add(number)

    def _end_suspension(self, tick: int, number: int, pool: Pool, stop: int) -> None:
        container = pool.suspending.pop(stop)
        self._set_unfinished(container, State.PENDING)
        container.freed = tick
        pool.give_back(container)
        self._changed_pools.add(number)
        self._news.setdefault("s", []).append(stop)
        self._call_after(tick)
        self._events += 1

    def _advance(self, tick: int, pool_number: int, container: Container) -> bool:
        """Lets happen what is due to a container; returns whether it ended."""
        self._events += 1
        if container.due is Due.START or container.due is Due.NEXT:
            table, (scan_ticks, total, excess) = self._start(container)
            container.timeline.append((tick, table, scan_ticks, container.position))
            container.due, after = (Due.OOM, excess) if excess >= 0 else (Due.END, total - 1)
            container.due_tick = tick + after
            if after:
                heappush(self._due, (container.due_tick, pool_number, _ADVANCE, container.number))
                return False
        if container.due is Due.OOM:
            container.error = "OOM"
            return True
        operator = container.operators[container.position]
        if container.segment + 1 < len(operator.tables):
            container.segment += 1
            container.due, container.due_tick = Due.NEXT, tick + 1
            heappush(self._due, (tick + 1, pool_number, _ADVANCE, container.number))
            return False
        container.segment = 0
        operator.state = State.COMPLETED
        operator.job.remaining -= 1
        if operator.job.remaining == 0:
            self._completed.append(operator.job)
        container.done += 1
        container.position += 1
        if container.position == len(container.operators):
            return True
        container.due, container.due_tick = Due.START, tick + 1
        heappush(self._due, (tick + 1, pool_number, _ADVANCE, container.number))
        self._news.setdefault("b", []).append(container.number)
        self._call_after(tick)
        return False

    def _start(self, container: Container) -> tuple[LifeTable, Life]:
        """Starts the next segment that takes any time; returns its life."""
        while True:
            operator = container.operators[container.position]
            for parent in operator.parents:
                if parent.state is not State.COMPLETED:
                    raise IllegalAnswer(
                        "parents_incomplete",
                        f"an operator of pipeline {operator.job.spec.id!r} was to start while a parent is "
                        f"{parent.state.name.lower()}; its parents must be complete",
                    )
            operator.state = State.RUNNING
            table = operator.tables[container.segment]
            life = table.life(container.cpu, container.ram_gb)
            if life[1] > 0:
                return table, life
            if container.segment + 1 < len(operator.tables):
                container.segment += 1
                continue
            container.position, container.segment = container.position + 1, 0
            if container.position == len(container.operators):
                raise IllegalAnswer(
                    "zero_tick_operator",
                    f"the last operator of container {container.number} takes less than a tick, which this revision "
                    "cannot run; give it fewer CPUs or use more ticks per second",
                )
            self._news.setdefault("z", []).append(container.number)

    def _kill_overdue(self, tick: int, pool: Pool, ended: list[Container]) -> None:
        """Ends every container that holds an operator of a pipeline past its age limit."""
        limit = tick - self._params.max_job_ticks
        going = set(map(id, ended))
        for container in pool.active.values():
            if id(container) in going:
                continue
            if any(operator.job.arrival <= limit and operator.job.remaining for operator in container.operators):
                container.error = "timeout"
                ended.append(container)

    def _end(self, tick: int, number: int, pool: Pool, container: Container) -> None:
        del pool.active[container.number]
        container.end = container.freed = tick
        if container.error is not None:
            self._set_unfinished(container, State.FAILED)
            self._failures += 1
            self._errors[container.error] = self._errors.get(container.error, 0) + 1
        else:
            self._finished += 1
        pool.give_back(container)
        pool.lives.append(tick - container.start + 1)
        self._changed_pools.add(number)
        self._news.setdefault("r", []).append([container.number, container.error])
        self._call_after(tick)

    def _finish(self, tick: int) -> None:
        """Notices completed pipelines; the original does it only when a container ended."""
        for job in self._completed:
            if not job.counted_out:
                job.finish = tick
        self._completed.clear()

    def _count_overdue(self, tick: int) -> None:
        """Gives up pipelines past their age limit; the original looks only at whole seconds and at the very end."""
        tps, last = self._params.ticks_per_second, self._params.max_ticks - 1
        due = tick if self._corrected else min(last, -(-tick // tps) * tps)
        if tick < due:
            heappush(self._alarms, due)
            return
        limit = tick - self._params.max_job_ticks
        still: list[Job] = []
        for job in self._overdue:
            if job.arrival > limit:
                still.append(job)
            elif job.finish is None and job.remaining:
                job.counted_out = True
            elif job.finish is None:
                still.append(job)
        self._overdue = still

    def _statistics(self) -> Statistics:
        tps = self._params.ticks_per_second
        lives = [life for pool in self._pools for life in pool.lives]
        groups = [list(PriorityClass), *([each] for each in PriorityClass)]
        of_all, query, interactive, batch = (
            class_statistics(
                [job.finish - job.arrival for job in jobs if job.finish is not None],
                arrived=len(jobs),
                timed_out=sum(job.counted_out for job in jobs),
                tps=tps,
            )
            for jobs in ([job for job in self._jobs if job.spec.priority in group] for group in groups)
        )
        return Statistics(
            pipelines_created=len(self._jobs),
            containers_completed=self._finished,
            throughput=self._finished / self._params.duration,
            p99_latency=percentile(lives, 0.99) / tps if lives else math.nan,
            assignments=self._assignments,
            suspensions=self._suspensions,
            failures=self._failures,
            failure_error_counts=self._errors,
            mean_memory_allocated_percent=mean_by_pairs(self._allocated),
            mean_memory_consumed_percent=mean_by_pairs(self._consumed),
            pipelines_all=of_all,
            pipelines_query=query,
            pipelines_interactive=interactive,
            pipelines_batch=batch,
        )
