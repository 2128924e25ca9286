"""A lakehouse that visits every tick: slow, plain, and independent of the simulator under test.

It shares the descriptions of traces and parameters with it, and nothing else. Policies are the same program texts; here
they see these plain objects and are called every tick.
"""

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from thekla.simulators.lakehouse import Params, PipelineSpec, Trace, Work
from thekla.simulators.lakehouse.workload import Segment

QUERY, INTERACTIVE, BATCH_PIPELINE = 1, 2, 3
ASSIGNABLE = ("pending", "failed")


class Crash(Exception):
    """The original dies here."""


def cpu_seconds(work: Segment, cpus: float) -> float:
    base = work.cpu_seconds
    match work.cpu_scaling:
        case "const":
            return base
        case "linear3":
            return base / cpus if cpus < 3 else base / 3
        case "linear7":
            return base / cpus if cpus < 7 else base / 7
        case "log":
            return base / (math.log(cpus) + 1)
        case "sqrt":
            return base / math.sqrt(cpus)
        case "squared":
            return base / cpus**2
        case "exp":
            return base / 2**cpus if cpus < 4 else base / 16
    raise AssertionError(work.cpu_scaling)


class Operator:
    def __init__(self, work: Work, pipeline: "Pipeline") -> None:
        self.work = work
        self.pipeline = pipeline
        self.parents: list[Operator] = []
        self.state = "pending"

    def move(self, state: str) -> None:
        if state == "assigned" and self.state not in ASSIGNABLE:
            raise Crash(f"from {self.state} to {state}")
        if state == "running" and any(parent.state != "completed" for parent in self.parents):
            raise Crash("dependencies not satisfied")
        if state in ("failed", "suspending") and self.state == "completed":
            raise Crash(f"from {self.state} to {state}")
        self.state = state


class Pipeline:
    """A pipeline and, in one, its runtime status."""

    def __init__(self, spec: PipelineSpec, tick: int) -> None:
        self.pipeline_id = spec.id
        self.priority = int(spec.priority)
        self.arrival_tick = tick
        self.finish_tick: int | None = None
        self.given_up = False
        by_position = [Operator(each.work, self) for each in spec.operators]
        for operator, each in zip(by_position, spec.operators, strict=True):
            operator.parents = [by_position[parent] for parent in each.parents]
        self.ops: list[Operator] = []
        queue = [operator for operator in by_position if not operator.parents]
        while queue:
            operator = queue.pop(0)
            self.ops.append(operator)
            for child in by_position:
                seen = child in self.ops or child in queue
                if operator in child.parents and not seen and all(parent in self.ops for parent in child.parents):
                    queue.append(child)

    def runtime_status(self) -> "Pipeline":
        return self

    def get_ops(self, states: Any, require_parents_complete: bool = False) -> list[Operator]:
        wanted = [states] if isinstance(states, str) else list(states)
        return [
            operator
            for operator in self.ops
            if operator.state in wanted
            and not (require_parents_complete and any(parent.state != "completed" for parent in operator.parents))
        ]

    def is_pipeline_successful(self) -> bool:
        return all(operator.state == "completed" for operator in self.ops)

    @property
    def state_counts(self) -> Counter[str]:
        return Counter(operator.state for operator in self.ops)

    limit = 0
    now = 0

    def has_timed_out(self) -> bool:
        old = 0 < Pipeline.limit <= Pipeline.now - self.arrival_tick
        return old and not self.is_pipeline_successful()


class Assignment:
    def __init__(
        self, ops: Any, cpu: float, ram: float, priority: int, pool_id: int, pipeline_id: str | None = None
    ) -> None:
        self.ops, self.cpu, self.ram, self.priority, self.pool_id = list(ops), cpu, ram, priority, pool_id
        for operator in self.ops:
            operator.move("assigned")


@dataclass
class Suspend:
    container_id: str
    pool_id: int


class Container:
    def __init__(self, number: int, assignment: Assignment, params: Params, compat: str) -> None:
        self.corrected = compat == "thekla"
        self.container_id = f"c{number}"
        self.operators = assignment.ops
        self.assignment = assignment
        self.priority = assignment.priority
        self.pool_id = assignment.pool_id
        self.tick_length = 1.0 / params.ticks_per_second
        self.position = self.segment = self.index = self.completed_operators = self.elapsed = 0
        self.memory = 0.0
        self.held: list[float] = []
        self.stoppable = self.completed = False
        self.error: str | None = None

    def can_suspend_container(self) -> bool:
        return self.stoppable

    def tick(self) -> None:
        self.elapsed += 1
        self.stoppable = False
        while True:
            operator = self.operators[self.position]
            parts: list[Segment] = [operator.work, *operator.work.later]
            work = parts[self.segment]
            if self.index == 0:
                operator.move("running")
            io_ticks = int((work.storage_read_gb / 20) / self.tick_length)
            cpu_ticks = int(cpu_seconds(work, self.assignment.cpu) / self.tick_length)
            if self.corrected:
                if work.cpu_scaling == "log" and self.assignment.cpu < 1:
                    cpu_ticks = int(work.cpu_seconds / self.assignment.cpu / self.tick_length)
                if io_ticks + cpu_ticks == 0:
                    cpu_ticks = 1
            if io_ticks + cpu_ticks > 0:
                break
            if self.segment + 1 < len(parts):
                self.segment += 1
                continue
            self.position, self.segment = self.position + 1, 0
            if self.position == len(self.operators):
                raise Crash("stop iteration")
        if work.memory_gb is not None:
            self.memory = work.memory_gb
        elif self.index < io_ticks:
            self.memory = ((self.index + 1) * self.tick_length) * 20
            if self.corrected and self.memory > work.storage_read_gb:
                self.memory = work.storage_read_gb
        else:
            self.memory = work.storage_read_gb
        if self.memory > self.assignment.ram:
            return
        self.index += 1
        if self.index == io_ticks + cpu_ticks and self.segment + 1 < len(parts):
            self.segment, self.index = self.segment + 1, 0
        elif self.index == io_ticks + cpu_ticks:
            self.segment = 0
            operator.move("completed")
            self.position += 1
            self.completed_operators += 1
            self.index = 0
            if self.position == len(self.operators):
                self.completed = True
            else:
                self.stoppable = True

    def unfinished(self) -> list[Operator]:
        return self.operators[self.completed_operators :]

    def kill(self, error: str) -> None:
        self.error = error
        self.memory = 0.0
        for operator in self.unfinished():
            operator.move("failed")


class Result:
    def __init__(self, container: Container) -> None:
        self.ops = container.operators
        self.cpu, self.ram = container.assignment.cpu, container.assignment.ram
        self.priority, self.pool_id = container.priority, container.pool_id
        self.container_id, self.error = container.container_id, container.error

    def failed(self) -> bool:
        return self.error is not None


@dataclass
class Pool:
    pool_id: int
    params: Params
    compat: str
    active_containers: list[Container] = field(default_factory=list)
    suspending_containers: list[Container] = field(default_factory=list)
    suspended_containers: list[Container] = field(default_factory=list)
    left: dict[str, int] = field(default_factory=dict)
    lives: list[int] = field(default_factory=list)
    consumed: float = 0.0

    def __post_init__(self) -> None:
        self.max_cpu_pool = self.avail_cpu_pool = self.params.cpus_per_pool
        self.max_ram_pool = self.avail_ram_pool = self.params.ram_gb_per_pool

    def tick(self, lakehouse: "Lakehouse", stops: list[Suspend], assignments: list[Assignment]) -> list[Result]:
        self.suspend(stops)
        self.create(lakehouse, assignments)
        for container in list(self.suspending_containers):
            self.left[container.container_id] -= 1
            if self.left[container.container_id] == 0:
                for operator in container.unfinished():
                    operator.move("pending")
                self.suspending_containers.remove(container)
                self.suspended_containers.append(container)
                self.release(container)
        for container in self.active_containers:
            before = container.memory
            container.tick()
            container.held.append(container.memory)
            self.consumed += container.memory - before
            if container.completed:
                self.consumed += 0.0 - container.memory
                container.memory = 0.0
        self.kill(lambda container: container.memory > container.assignment.ram, "OOM")
        self.correct()
        if self.compat != "eudoxia-pin":
            hungry = [container for container in self.active_containers if container.memory > 0]
            hungry.sort(key=lambda each: each.memory * (each.memory / each.assignment.ram), reverse=True)
            for container in hungry:
                if self.consumed > self.max_ram_pool:
                    self.consumed += 0.0 - container.memory
                    container.kill("OOM")
                    self.correct()
        self.kill(lambda container: any(op.pipeline.has_timed_out() for op in container.operators), "timeout")
        return self.collect()

    def suspend(self, stops: list[Suspend]) -> None:
        found = []
        for stop in stops:
            container = next(each for each in self.active_containers if each.container_id == stop.container_id)
            if not container.stoppable:
                raise Crash("cannot be suspended right now")
            found.append(container)
        for container in found:
            self.left[container.container_id] = int((container.assignment.ram / 20) / container.tick_length)
            if self.compat == "thekla" and self.left[container.container_id] == 0:
                self.left[container.container_id] = 1
            for operator in container.unfinished():
                operator.move("suspending")
            self.active_containers.remove(container)
            self.suspending_containers.append(container)

    def create(self, lakehouse: "Lakehouse", assignments: list[Assignment]) -> None:
        if not assignments:
            return  # what is free may be below zero by a rounding
        if math.fsum(each.cpu for each in assignments) > self.avail_cpu_pool:
            raise Crash("overallocated CPU")
        if (
            math.fsum(each.ram for each in assignments) > self.avail_ram_pool
            and not self.params.allow_memory_overcommit
        ):
            raise Crash("overallocated RAM")
        for assignment in assignments:
            if len(assignment.ops) != 1 and not self.params.multi_operator_containers:
                raise Crash("exactly 1 operator")
            container = Container(len(lakehouse.containers) + 1, assignment, self.params, self.compat)
            lakehouse.containers.append(container)
            self.active_containers.append(container)
            self.avail_cpu_pool -= assignment.cpu
            self.avail_ram_pool -= assignment.ram
            self.correct()

    def release(self, container: Container) -> None:
        self.avail_cpu_pool += container.assignment.cpu
        self.avail_ram_pool += container.assignment.ram

    def kill(self, condemned: Any, error: str) -> None:
        for container in self.active_containers:
            if not container.completed and container.error is None and condemned(container):
                self.consumed += 0.0 - container.memory
                container.kill(error)

    def collect(self) -> list[Result]:
        results = []
        for container in [each for each in self.active_containers if each.completed or each.error]:
            self.lives.append(container.elapsed)
            self.active_containers.remove(container)
            self.release(container)
            results.append(Result(container))
        if results:
            self.consumed = math.fsum(container.memory for container in self.active_containers)
        self.correct()
        return results

    def correct(self) -> None:
        """What is in use and what is free, afresh, where that is not the original's running sum."""
        if self.compat == "thekla":
            held = self.active_containers + self.suspending_containers
            self.consumed = math.fsum(container.memory for container in self.active_containers)
            self.avail_cpu_pool = math.fsum([self.max_cpu_pool, *(-each.assignment.cpu for each in held)])
            self.avail_ram_pool = math.fsum([self.max_ram_pool, *(-each.assignment.ram for each in held)])


class Lakehouse:
    """One run; also what a policy gets as ``s``, its executor and its clock."""

    def __init__(self, trace: Trace, params: Params, compat: str) -> None:
        self.trace, self.tick_length = list(trace.pipelines), 1.0 / params.ticks_per_second
        self.corrected = compat == "thekla"
        if self.corrected:
            self.trace.sort(key=lambda each: max(0, math.ceil(each.arrival_seconds / self.tick_length - 1e-6)))
        self.given = params
        self.params = params.as_dict()
        self.pools = [Pool(i, params, compat) for i in range(params.num_pools)]
        self.num_pools = params.num_pools
        self.executor = self.clock = self
        self.now = -1
        self.containers: list[Container] = []
        self.pipelines: list[Pipeline] = []
        self.assignments = self.suspensions = 0
        self.errors: Counter[str] = Counter()
        self.samples: list[tuple[float, float]] = []
        self.crashed_at: int | None = None

    def now_ticks(self) -> int:
        return self.now

    def run(self, source: str) -> "Lakehouse":
        program: dict[str, Any] = {
            "ASSIGNABLE_STATES": list(ASSIGNABLE),
            "Assignment": Assignment,
            "OperatorState": _States,
            "Priority": _Priorities(),
            "Suspend": Suspend,
        }
        exec(source, program)
        try:
            Pipeline.limit, Pipeline.now = self.given.max_job_ticks, 0
            program["init"](self)
            results: list[Result] = []
            for tick in range(self.given.max_ticks):
                self.now = Pipeline.now = tick
                results = self.tick(program["schedule"], results)
        except Crash:
            self.crashed_at = self.now
        return self

    def tick(self, schedule: Any, results: list[Result]) -> list[Result]:
        new = []
        late = 1e-6 if self.corrected else 0
        while self.trace and self.trace[0].arrival_seconds / self.tick_length <= self.now + late:
            new.append(Pipeline(self.trace.pop(0), self.now))
        self.pipelines += new
        stops, assignments = schedule(self, results, new)
        results = []
        for pool in self.pools:
            results += pool.tick(
                self,
                [stop for stop in stops if stop.pool_id == pool.pool_id],
                [assignment for assignment in assignments if assignment.pool_id == pool.pool_id],
            )
        self.assignments += len(assignments)
        self.suspensions += len(stops)
        self.errors.update(result.error for result in results if result.error)
        for pipeline in self.pipelines:
            if pipeline.finish_tick is None and not pipeline.given_up:
                if (results or self.corrected) and pipeline.is_pipeline_successful():
                    pipeline.finish_tick = self.now
                elif (
                    self.corrected
                    or self.now % self.given.ticks_per_second == 0
                    or self.now == self.given.max_ticks - 1
                ):
                    pipeline.given_up = pipeline.has_timed_out()
        if self.now % self.given.ticks_per_second == 0:
            total = self.given.num_pools * self.given.ram_gb_per_pool
            allocated = math.fsum(pool.max_ram_pool - pool.avail_ram_pool for pool in self.pools)
            self.samples.append((100 * allocated / total, 100 * sum(pool.consumed for pool in self.pools) / total))
        return results


class _States:
    PENDING, ASSIGNED, RUNNING, SUSPENDING, COMPLETED, FAILED = (
        "pending",
        "assigned",
        "running",
        "suspending",
        "completed",
        "failed",
    )


class _Priorities:
    QUERY, INTERACTIVE, BATCH_PIPELINE = QUERY, INTERACTIVE, BATCH_PIPELINE

    def __iter__(self) -> Any:
        return iter((QUERY, INTERACTIVE, BATCH_PIPELINE))
