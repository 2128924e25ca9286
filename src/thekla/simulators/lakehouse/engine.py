"""The lakehouse, from event to event.

Between two events nothing changes but memory, whose course is known in closed form, so only ticks that carry an event
are visited: an arrival, the start or end of an operator, the end of a suspension, an age limit, a call of the policy.
Within a tick the order is that of the original: arrivals, policy, then pool by pool suspensions, assignments, ends of
suspensions, containers in order of creation, kills, ends of containers.
"""

import math
from collections.abc import Callable
from heapq import heappop, heappush
from typing import get_args

from .answers import Answer, AssignmentOrder, Gate, IllegalAnswer, Message, Scheduler, shown
from .arrivals import deliveries
from .containers import Job, State
from .estimators import Estimator
from .execution import Agenda, Execution
from .lives import ContainerLives
from .memory import compensated_sum
from .params import Calls, Compat, Params
from .results import CallReport, RunResult
from .roster import Roster
from .session import PolicySession
from .statistics import Statistics, class_statistics, mean_by_pairs, percentile
from .truth import Insight
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
    lenient: bool = False,
) -> RunResult:
    """Replays a trace under a scheduler.

    The scheduler must be fresh: it keeps the state of one simulation; so must the estimator, which hints at what
    operators need (``op.estimate.mem_peak_gb``). Whatever it does wrong ends the simulation and
    is reported in the result; exceptions of its transport (a guest that died) pass through.

    Args:
        lenient: Refuse and count what breaks a rule, and go on. Exceptions of the policy still end the simulation.

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
    return _Simulation(trace, scheduler, params, compat, estimator, calls=calls, lenient=lenient).run()


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
        calls: Calls,
        lenient: bool,
    ) -> None:
        self._trace = trace  # keeps the works alive that the roster knows by identity
        self._scheduler = scheduler
        self._params = params
        self._compat = compat
        self._estimator = estimator
        self._calls = calls
        self._lenient = lenient
        self._corrected = compat == "thekla"
        self._arrivals = deliveries(trace, params.ticks_per_second, compat)
        self._roster = Roster(1.0 / params.ticks_per_second, corrected=self._corrected)
        self._jobs: list[Job] = []
        self._agenda = Agenda()
        self._gate = Gate(num_pools=params.num_pools, lenient=lenient)
        self._execution = Execution(params, compat, self._roster, self._agenda, self._gate)
        self._alarms: list[int] = []
        self._overdue: list[Job] = []
        self._assignments = self._suspensions = 0
        self._next_sample = 0
        self._allocated: list[float] = []
        self._consumed: list[float] = []
        self._policy_calls = self._quiet_calls = 0
        self._why = ""
        self._now = -1
        # A session in this process may call its policy on many ticks in a row; a guest would learn of the next event.
        self._idle: Callable[[int, int], tuple[int, Message]] | None = None
        if isinstance(scheduler, PolicySession):
            execution = self._execution
            scheduler.reveal(Insight(self._roster, execution.containers, execution.pools, corrected=self._corrected))
            if calls != "events":
                self._idle = scheduler.idle

    def run(self) -> RunResult:
        fault = None
        end = self._params.max_ticks
        try:
            self._start_policy()
            while (tick := min(event := self._next_event(end), call := self._next_call(end))) < end:
                if call < event and self._idle is not None and self._is_quiet():
                    self._call_idly(self._idle, call, event)
                else:
                    self._sample(tick)
                    self._now = tick
                    self._visit(tick)
            self._sample(end)
        except IllegalAnswer as illegal:
            fault = illegal.fault(max(self._now, 0))
        return RunResult(
            statistics=self._statistics(),
            pipelines=tuple((job.spec.id, job.arrival, job.finish) for job in self._jobs),
            container_tick_times=tuple(tuple(pool.lives) for pool in self._execution.pools),
            containers=ContainerLives(self._execution.containers),
            policy_calls=self._policy_calls,
            events=self._agenda.events,
            fault=fault,
            calls=CallReport(asked=self._calls, calls=self._policy_calls, quiet=self._quiet_calls, reason=self._why),
            refusals=dict(self._gate.refusals),
            refused=tuple(self._gate.refused),
        )

    def _start_policy(self) -> None:
        message: Message = {"params": self._params.as_dict()}
        told = {"prompt": self._corrected, "auto": self._calls == "auto", "lenient": self._lenient}
        message.update({name: True for name, holds in told.items() if holds})
        answer = self._gate.read(self._scheduler.start(message), 0)
        if not answer.empty:
            raise IllegalAnswer("bad_message", "the answer to start assigns or suspends; nothing has arrived yet")
        self._wake(answer)

    def _next_event(self, end: int) -> int:
        """The next tick on which something happens without the scheduler, or `end`."""
        tick = end
        if len(self._jobs) < len(self._arrivals):
            tick = min(tick, self._arrivals[len(self._jobs)][0])
        if self._agenda.due:
            tick = min(tick, self._agenda.due[0][0])
        if self._alarms:
            tick = min(tick, self._alarms[0])
        return tick

    def _next_call(self, end: int) -> int:
        """The next tick on which the scheduler is called whatever happens, or `end`."""
        if self._calls == "exact":
            return min(end, self._now + 1)
        return min(end, self._agenda.calls[0]) if self._agenda.calls else end

    def _is_quiet(self) -> bool:
        """Whether the scheduler has been told everything."""
        return not (self._agenda.news or self._agenda.changed_pools or self._gate.has_turned_back())

    def _call_idly(self, idle: Callable[[int, int], tuple[int, Message]], first: int, until: int) -> None:
        """Calls the policy on ticks on which nothing happens, until it wants something."""
        tick, message = idle(first, until)
        self._policy_calls += tick - first + 1
        self._quiet_calls += tick - first + 1
        self._now = tick
        self._forget_calls(tick)
        answer = self._take(tick, message)
        if not answer.empty:
            self._sample(tick)
            self._act(tick, answer, expiring=False)

    def _forget_calls(self, tick: int) -> bool:
        called = False
        while self._agenda.calls and self._agenda.calls[0] <= tick:
            heappop(self._agenda.calls)
            called = True
        return called

    def _visit(self, tick: int) -> None:
        """Everything that happens in one tick."""
        called = self._arrive(tick) or self._calls == "exact"
        called = self._forget_calls(tick) or called
        answer = self._ask(tick) if called else None
        expiring = False
        while self._alarms and self._alarms[0] <= tick:
            heappop(self._alarms)
            expiring = True
        self._act(tick, answer, expiring=expiring)

    def _act(self, tick: int, answer: Answer | None, *, expiring: bool) -> None:
        ended = self._execution.visit(tick, answer, expiring=expiring)
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
        params, pools = self._params, self._execution.pools
        total = params.num_pools * params.ram_gb_per_pool
        while self._next_sample < until:
            tick = self._next_sample
            allocated = compensated_sum(params.ram_gb_per_pool - pool.ram_gb for pool in pools)
            consumed = sum(
                pool.memory.consumed_gb(pool.active.values(), tick) for pool in self._execution.pools if pool.memory
            )
            self._allocated.append(100.0 * allocated / total)
            self._consumed.append(100.0 * consumed / total)
            self._next_sample += params.ticks_per_second

    def _arrive(self, tick: int) -> bool:
        first = len(self._jobs)
        while len(self._jobs) < len(self._arrivals) and self._arrivals[len(self._jobs)][0] <= tick:
            spec = self._arrivals[len(self._jobs)][1]
            job = Job(len(self._jobs), spec, tick)
            self._jobs.append(job)
            self._agenda.tell("n", self._admit(job))
            if self._params.max_job_ticks:
                heappush(self._alarms, tick + self._params.max_job_ticks)
                self._overdue.append(job)
        self._agenda.events += len(self._jobs) - first
        return len(self._jobs) > first

    def _admit(self, job: Job) -> list[object]:
        """Makes a pipeline's operators known; returns what a scheduler is told of it."""
        order, told = self._roster.admit(job)
        if self._estimator is None:
            return [job.spec.id, int(job.spec.priority), told]
        specs = job.spec.operators
        return [job.spec.id, int(job.spec.priority), told, [self._estimator(specs[each].work) for each in order]]

    def _ask(self, tick: int) -> Answer:
        """Tells the policy what happened since its last call and returns what it wants, checked."""
        agenda, gate, pools = self._agenda, self._gate, self._execution.pools
        message: Message = {"t": tick, **agenda.news}
        if agenda.changed_pools:
            message["p"] = [[n, pools[n].cpu, pools[n].ram_gb] for n in sorted(agenda.changed_pools)]
            agenda.changed_pools.clear()
        if gate.has_turned_back():
            message["x"] = [sorted(gate.stops_back), sorted(gate.orders_back)]
        agenda.news = {}
        self._policy_calls += 1
        self._quiet_calls += len(message) == 1
        return self._take(tick, self._scheduler.step(message))

    def _take(self, tick: int, message: Message) -> Answer:
        """Reads what the scheduler wants, and reserves the operators for it."""
        answer = self._gate.read(message, tick)
        self._wake(answer)
        if not answer.empty:
            self._agenda.call_after(tick)
        for pool, orders in answer.assignments.items():
            answer.assignments[pool] = [order for order in orders if self._reserve(tick, order)]
        return answer

    def _wake(self, answer: Answer) -> None:
        if answer.wake_ticks is not None:
            heappush(self._agenda.calls, self._now + answer.wake_ticks)
        self._why = answer.why or self._why

    def _reserve(self, tick: int, order: AssignmentOrder) -> bool:
        known = len(self._roster)
        for place, number in enumerate(order.operators):
            if type(number) is not int or not 0 <= number < known:
                found, allowed = shown(number), f"one of the {known} that have arrived, from 0"
                message = f"operator {found} is unknown; {known} have arrived"
                illegal = IllegalAnswer("unknown_operator", message, value=found, allowed=allowed)
            elif self._roster[number].state in (State.PENDING, State.FAILED):
                self._roster[number].reserve()
                continue
            else:
                operator, allowed = self._roster[number], "pending and failed operators, each once"
                state = operator.state.name.lower()
                message = f"operator {number} of pipeline {operator.job.spec.id!r} is {state}; only {allowed}"
                illegal = IllegalAnswer("not_assignable", message, value=f"{number} {state}", allowed=allowed)
            for taken in order.operators[:place]:
                self._roster[taken].release()
            self._gate.refuse(illegal, tick, order)
            return False
        return True

    def _finish(self, tick: int) -> None:
        """Notices completed pipelines; the original does it only when a container ended."""
        for job in self._execution.completed:
            if not job.counted_out:
                job.finish = tick
        self._execution.completed.clear()

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
        lives = [life for pool in self._execution.pools for life in pool.lives]
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
            containers_completed=self._execution.finished,
            throughput=self._execution.finished / self._params.duration,
            p99_latency=percentile(lives, 0.99) / tps if lives else math.nan,
            assignments=self._assignments,
            suspensions=self._suspensions,
            failures=self._execution.errors.total(),
            failure_error_counts=dict(self._execution.errors),
            mean_memory_allocated_percent=mean_by_pairs(self._allocated),
            mean_memory_consumed_percent=mean_by_pairs(self._consumed),
            pipelines_all=of_all,
            pipelines_query=query,
            pipelines_interactive=interactive,
            pipelines_batch=batch,
        )
