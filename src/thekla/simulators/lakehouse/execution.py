"""What happens in the pools: containers start, end, outgrow their memory, are suspended and killed."""

from collections import Counter
from collections.abc import Callable
from heapq import heappop, heappush

from .answers import Answer, AssignmentOrder, Gate, IllegalAnswer, SuspensionOrder, shown
from .containers import Container, Due, Job, Life, LifeTable, State
from .memory import compensated_sum
from .params import Compat, Params
from .pools import Pool
from .roster import Roster

__all__ = ["Agenda", "Execution"]

# What is due in a pool, in the order in which it happens within a tick.
_RESUME = 0  # a suspension ends
_ADVANCE = 1  # a segment of an active container starts, ends or outgrows it
_CHECK = 2  # the pool's memory may run out


class Agenda:
    """What is to come, what the scheduler has not been told yet, and how much has happened.

    `due` is a heap of (tick, pool, what, container), `calls` a heap of ticks on which to call the scheduler.
    """

    def __init__(self) -> None:
        self.due: list[tuple[int, int, int, int]] = []
        self.calls: list[int] = []
        self.news: dict[str, list[object]] = {}
        self.changed_pools: set[int] = set()
        self.events = 0

    def call_after(self, tick: int) -> None:
        """Has the scheduler called on the next tick."""
        if not self.calls or self.calls[0] != tick + 1:
            heappush(self.calls, tick + 1)

    def tell(self, key: str, news: object) -> None:
        """Keeps something for the next message."""
        self.news.setdefault(key, []).append(news)


class Execution:
    """The pools of one simulation and the containers in them.

    Args:
        roster: The operators that have arrived; shared with the engine, which adds to it.
    """

    def __init__(self, params: Params, compat: Compat, roster: Roster, agenda: Agenda, gate: Gate) -> None:
        self._params = params
        self._corrected = compat == "thekla"
        self._tick_length = 1.0 / params.ticks_per_second
        self._roster = roster
        self._agenda = agenda
        self._gate = gate
        self.pools = [Pool(params, compat) for _ in range(params.num_pools)]
        self.containers: list[Container] = []
        self.completed: list[Job] = []
        """Pipelines whose last operator is complete, until the engine has noticed."""
        self.finished = 0
        self.errors: Counter[str] = Counter()

    def visit(self, tick: int, answer: Answer | None, *, expiring: bool) -> int:
        """Everything that happens in the pools in one tick; returns how many containers ended."""
        ended = 0
        due = self._agenda.due
        for number, pool in enumerate(self.pools):
            while due and due[0][0] == tick and due[0][1] == number and _is_overtaken(due[0], pool):
                heappop(due)
            is_due = bool(due) and due[0][0] == tick and due[0][1] == number
            if is_due or expiring or (answer and (number in answer.assignments or number in answer.suspensions)):
                ended += self._visit_pool(tick, number, pool, answer)
        return ended

    def _visit_pool(self, tick: int, number: int, pool: Pool, answer: Answer | None) -> int:
        """One tick of one pool; returns how many containers ended."""
        if answer:
            if number in answer.suspensions:
                self._suspend(tick, number, pool, answer.suspensions[number])
            if number in answer.assignments:
                self._create(tick, number, pool, answer.assignments[number])
        heap = self._agenda.due
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
            if excess is not None and excess != pool.check:
                heappush(self._agenda.due, (excess, number, _CHECK, 0))
            pool.check = excess
        return len(ended)

    def _suspend(self, tick: int, number: int, pool: Pool, stops: list[SuspensionOrder]) -> None:
        # All are looked at before the first takes effect.
        allowed = [stop for stop in stops if self._may_stop(tick, number, pool, stop)]
        for stop in allowed:
            container = pool.active.pop(stop.container, None)
            if container is None:
                message = f"container {stop.container} is suspended twice in one answer"
                self._gate.refuse(IllegalAnswer("duplicate", message, allowed="each once"), tick, stop)
                continue
            pool.suspending[stop.container] = container
            container.suspended = True
            container.end = tick - 1
            if pool.memory is not None:
                pool.memory.leave(container, tick)
            self._set_unfinished(tick, container, State.SUSPENDING)
            ticks = int((container.ram_gb / 20) / self._tick_length)
            if self._corrected:
                ticks = max(1, ticks)
            if ticks > 0:  # with none the original never ends the suspension
                heappush(self._agenda.due, (tick + ticks - 1, number, _RESUME, stop.container))

    def _may_stop(self, tick: int, number: int, pool: Pool, stop: SuspensionOrder) -> bool:
        container = pool.active.get(stop.container)
        if container is None:
            found, allowed = shown(stop.container), "an active container of that pool"
            message = f"pool {number} has no active container {found}"
            self._gate.refuse(IllegalAnswer("unknown_container", message, value=found, allowed=allowed), tick, stop)
            return False
        if container.due is not Due.START or container.due_tick != tick:
            allowed = "a container at the call after one of its inner operators ended"
            message = f"container {stop.container} cannot be suspended right now; suspend {allowed}"
            value = f"c{stop.container}"
            self._gate.refuse(IllegalAnswer("not_suspendable", message, value=value, allowed=allowed), tick, stop)
            return False
        return True

    def _set_unfinished(self, tick: int, container: Container, state: State) -> None:
        for operator in container.operators[container.done :]:
            if operator.state is not State.COMPLETED:
                operator.state = state
                continue
            message = (
                f"an operator of pipeline {operator.job.spec.id!r} cannot go from completed to "
                f"{state.name.lower()}: an earlier one in its container took no tick"
            )
            self._gate.refuse(IllegalAnswer("illegal_transition", message, line=container.line), tick)

    def _create(self, tick: int, number: int, pool: Pool, orders: list[AssignmentOrder]) -> None:
        for order in self._fitting(tick, number, pool, orders):
            if len(order.operators) != 1 and not self._params.multi_operator_containers:
                found = str(len(order.operators))
                message = f"an assignment has {found} operators; containers take exactly 1"
                illegal = IllegalAnswer("operator_count", message, value=found, allowed="exactly 1 operator")
                self._turn_back(illegal, tick, order)
                continue
            operators = [self._roster[each] for each in order.operators]
            container = Container(len(self.containers) + 1, operators, order, pool=number, start=tick)
            self.containers.append(container)
            pool.take(container)
            heappush(self._agenda.due, (tick, number, _ADVANCE, container.number))
        self._agenda.changed_pools.add(number)

    def _fitting(self, tick: int, number: int, pool: Pool, orders: list[AssignmentOrder]) -> list[AssignmentOrder]:
        """The orders for which there is room: in a lenient simulation later ones give way."""
        if compensated_sum([order.cpu for order in orders]) <= pool.cpu and (
            self._params.allow_memory_overcommit or compensated_sum([order.ram_gb for order in orders]) <= pool.ram_gb
        ):
            return orders  # nearly always
        rooms: list[tuple[str, str, Callable[[AssignmentOrder], float], float]] = [
            ("overallocated_cpu", "CPUs", lambda order: order.cpu, pool.cpu)
        ]
        if not self._params.allow_memory_overcommit:
            rooms.append(("overallocated_ram", "GB", lambda order: order.ram_gb, pool.ram_gb))
        for kind, unit, size, free in rooms:
            while (total := compensated_sum(map(size, orders))) > free:
                message = f"{total:g} {unit} are assigned in pool {number}; {free:g} {unit} are free"
                kept: list[AssignmentOrder] = []
                taken = 0.0
                for order in orders:
                    # Where only rounding makes it too much, the last gives way.
                    last = order is orders[-1] and len(kept) == len(orders) - 1
                    if taken + size(order) <= free and not last:
                        kept.append(order)
                        taken += size(order)
                        continue
                    value, allowed = f"{size(order)!r} {unit}", f"at most {free:g} {unit} in all"
                    self._turn_back(IllegalAnswer(kind, message, value=value, allowed=allowed), tick, order)
                orders = kept
        return orders

    def _turn_back(self, illegal: IllegalAnswer, tick: int, order: AssignmentOrder) -> None:
        """Refuses an order whose operators are taken already."""
        self._gate.refuse(illegal, tick, order)
        for number in order.operators:
            self._roster[number].release()

    def _end_suspension(self, tick: int, number: int, pool: Pool, stop: int) -> None:
        container = pool.suspending.pop(stop)
        self._set_unfinished(tick, container, State.PENDING)
        container.freed = tick
        pool.give_back(container)
        self._agenda.changed_pools.add(number)
        self._agenda.tell("s", stop)
        self._agenda.call_after(tick)
        self._agenda.events += 1

    def _advance(self, tick: int, pool_number: int, container: Container) -> bool:
        """Lets happen what is due to a container; returns whether it ended."""
        self._agenda.events += 1
        if container.due is Due.START or container.due is Due.NEXT:
            try:
                table, (scan_ticks, total, excess) = self._start(container)
            except IllegalAnswer as illegal:
                illegal.line = container.line
                self._gate.refuse(illegal, tick)
                container.error = illegal.kind
                return True
            container.timeline.append((tick, table, scan_ticks, container.position))
            container.due, after = (Due.OOM, excess) if excess >= 0 else (Due.END, total - 1)
            container.due_tick = tick + after
            if after:
                heappush(self._agenda.due, (container.due_tick, pool_number, _ADVANCE, container.number))
                return False
        if container.due is Due.OOM:
            container.error = "OOM"
            return True
        operator = container.operators[container.position]
        if container.segment + 1 < len(operator.tables):
            container.segment += 1
            container.due, container.due_tick = Due.NEXT, tick + 1
            heappush(self._agenda.due, (tick + 1, pool_number, _ADVANCE, container.number))
            return False
        container.segment = 0
        operator.state = State.COMPLETED
        operator.job.remaining -= 1
        if operator.job.remaining == 0:
            self.completed.append(operator.job)
        container.done += 1
        container.position += 1
        if container.position == len(container.operators):
            return True
        container.due, container.due_tick = Due.START, tick + 1
        heappush(self._agenda.due, (tick + 1, pool_number, _ADVANCE, container.number))
        self._agenda.tell("b", container.number)
        self._agenda.call_after(tick)
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
                        value=f"{operator.spec.name} of {operator.job.spec.id}",
                        allowed="operators whose parents are complete, or come before them in the container",
                    )
            operator.state = State.RUNNING
            table = operator.tables[container.segment]
            life = table.life(container.cpu, container.ram_gb)
            if life[1] > 0:
                return table, life
            if container.segment + 1 < len(operator.tables):
                container.segment += 1
                continue
            container.passed.append(container.position)
            container.position, container.segment = container.position + 1, 0
            if container.position == len(container.operators):
                raise IllegalAnswer(
                    "zero_tick_operator",
                    f"the last operator of container {container.number} takes less than a tick, which this revision "
                    "cannot run; give it fewer CPUs or use more ticks per second",
                    value=f"{operator.spec.name} of {operator.job.spec.id}",
                    allowed="operators of at least a tick",
                )
            self._agenda.tell("z", container.number)

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
            self._set_unfinished(tick, container, State.FAILED)
            self.errors[container.error] += 1
        else:
            self.finished += 1
        pool.give_back(container)
        pool.lives.append(tick - container.start + 1)
        self._agenda.changed_pools.add(number)
        self._agenda.tell("r", [container.number, container.error])
        self._agenda.call_after(tick)


def _is_overtaken(due: tuple[int, int, int, int], pool: Pool) -> bool:
    """Whether what was due will not happen, because of what happened since."""
    tick, _, what, number = due
    if what == _CHECK:
        return pool.check != tick
    container = pool.active.get(number)
    return what == _ADVANCE and (container is None or container.due_tick != tick)
