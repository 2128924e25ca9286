"""What a lakehouse policy defines, sees and may do: the typed interface and its vocabulary.

Units are types: a `gb` expression stands where `gb` is expected. Everything listed here is what a scheduler can know;
what operators truly need is not on this side at all.
"""

from __future__ import annotations

from functools import lru_cache

from thekla.core.problem import Field, Function, Interface, Method, Parameter, RecordType, Vocabulary
from thekla.problems.vocabulary import expression, statement
from thekla.simulators.lakehouse import guest_source

__all__ = ["VOCABULARY", "interface"]

_CONNECT = '''

def connect(namespace):
    """The two functions that the host calls."""
    session = PolicySession(namespace)
    return {"start": session.start, "step": session.step}
'''

_SCHEDULER = RecordType(
    name="Scheduler",
    doc="The argument `s`; a policy keeps its own state in further attributes of it.",
    fields=(Field(name="executor", type="Executor", doc="The pools."),),
    methods=(
        Method(
            name="wake_after",
            parameters=(Parameter(name="seconds", type="seconds"),),
            result="None",
            doc="Asks for a call after so many seconds at the latest.",
        ),
    ),
)

_EXECUTOR = RecordType(
    name="Executor",
    doc="All pools together; they are alike.",
    fields=(
        Field(name="pools", type="list[Pool]", doc="In order of `pool_id`."),
        Field(name="num_pools", type="count", doc="How many there are."),
        Field(name="cpus_per_pool", type="cpu", doc="CPUs of each pool."),
        Field(name="ram_gb_per_pool", type="gb", doc="Memory of each pool."),
    ),
)

_POOL = RecordType(
    name="Pool",
    doc="CPUs and memory that containers share. What is free does not change while the policy runs.",
    fields=(
        Field(name="pool_id", type="PoolId", doc="Its number, from 0."),
        Field(name="avail_cpu_pool", type="cpu", doc="Free CPUs."),
        Field(name="avail_ram_pool", type="gb", doc="Free memory."),
        Field(name="max_cpu_pool", type="cpu", doc="CPUs in all."),
        Field(name="max_ram_pool", type="gb", doc="Memory in all."),
        Field(name="active_containers", type="list[Container]", doc="Running now, oldest first."),
        Field(name="suspending_containers", type="list[Container]", doc="Being written out; they still hold memory."),
        Field(name="num_completed", type="count", doc="Containers that ended without error."),
    ),
)

_CONTAINER = RecordType(
    name="Container",
    doc="A running or suspending container.",
    fields=(
        Field(name="container_id", type="ContainerId", doc="Its name."),
        Field(name="operators", type="list[Operator]", doc="What it runs, in order."),
        Field(name="pool_id", type="PoolId", doc="Where it runs."),
        Field(name="priority", type="Priority", doc="As given in its assignment."),
        Field(name="assignment", type="Assignment", doc="What it was asked to be."),
    ),
    methods=(
        Method(
            name="can_suspend_container",
            parameters=(),
            result="bool",
            doc="Whether one of its inner operators has just completed, the only moment at which it may be suspended.",
        ),
    ),
)

_ASSIGNMENT = RecordType(
    name="Assignment",
    doc="Asks for a container. Building one takes its operators at once, so one that is built must be returned.",
    fields=(
        Field(name="ops", type="list[Operator]", doc="Exactly one: containers run a single operator here."),
        Field(name="cpu", type="cpu", doc="CPUs, > 0 and at most what is free; fractions are allowed."),
        Field(name="ram", type="gb", doc="Memory, > 0 and at most what is free."),
        Field(name="priority", type="Priority", doc="Kept with the container; it changes no speed."),
        Field(name="pool_id", type="PoolId", doc="Where to run it."),
    ),
)

_SUSPEND = RecordType(
    name="Suspend",
    doc="Asks to suspend a container; its operators come back as pending once its memory is written out at 20 GB/s.",
    fields=(
        Field(name="container_id", type="ContainerId", doc="Which container."),
        Field(name="pool_id", type="PoolId", doc="The pool it runs in."),
    ),
)

_RESULT = RecordType(
    name="ExecutionResult",
    doc="How a container ended since the last call.",
    fields=(
        Field(name="ops", type="list[Operator]", doc="What it ran."),
        Field(name="cpu", type="cpu", doc="CPUs it had."),
        Field(name="ram", type="gb", doc="Memory it had."),
        Field(name="priority", type="Priority", doc="As given in its assignment."),
        Field(name="pool_id", type="PoolId", doc="Where it ran."),
    ),
    methods=(
        Method(name="failed", parameters=(), result="bool", doc="Whether it was killed because it ran out of memory."),
    ),
)

_PIPELINE = RecordType(
    name="Pipeline",
    doc="Operators that arrived together, with dependencies; complete when all of them are.",
    fields=(
        Field(name="pipeline_id", type="PipelineId", doc="Its name."),
        Field(name="priority", type="Priority", doc="Its class."),
        Field(name="arrival_seconds", type="seconds", doc="When it arrived, from the start."),
        Field(name="waiting_seconds", type="seconds", doc="Since its arrival."),
        Field(name="total_operators", type="count", doc="Operators in all."),
        Field(name="remaining_operators", type="count", doc="Operators that are not complete."),
        Field(name="has_failures", type="bool", doc="Whether any operator ever ran out of memory."),
        Field(name="operators", type="list[Operator]", doc="All operators, parents first."),
    ),
    methods=(Method(name="runtime_status", parameters=(), result="RuntimeStatus", doc="States of its operators."),),
)

_STATUS = RecordType(
    name="RuntimeStatus",
    doc="States of a pipeline's operators, always up to date.",
    methods=(
        Method(
            name="get_ops",
            parameters=(
                Parameter(name="states", type="list[OperatorState]"),
                Parameter(name="require_parents_complete", type="bool"),
            ),
            result="list[Operator]",
            doc="Operators in one of the states, on request only those whose parents are complete.",
        ),
        Method(name="is_pipeline_successful", parameters=(), result="bool", doc="Whether every operator is complete."),
    ),
)

_OPERATOR = RecordType(
    name="Operator",
    doc="One step of a pipeline. What it needs is learnt by running it.",
    fields=(
        Field(name="id", type="OperatorId", doc="Its name."),
        Field(name="pipeline", type="Pipeline", doc="Where it belongs."),
        Field(name="position", type="count", doc="Its place in the pipeline, from 0, parents first."),
        Field(name="parents", type="list[Operator]", doc="What must complete before it."),
        Field(name="children", type="list[Operator]", doc="What waits for it."),
        Field(name="failures", type="count", doc="How often it ran out of memory."),
        Field(name="last_ram_gb", type="gb | None", doc="Memory of its last failed try; None if there is none."),
        Field(name="last_cpu", type="cpu | None", doc="CPUs of its last failed try; None if there is none."),
    ),
)

_PRIORITY = RecordType(
    name="Priority",
    doc="An integer that orders the classes: QUERY = 1 before INTERACTIVE = 2 before BATCH_PIPELINE = 3.",
    fields=(
        Field(name="QUERY", type="Priority", doc="Weight 10 in the score."),
        Field(name="INTERACTIVE", type="Priority", doc="Weight 5 in the score."),
        Field(name="BATCH_PIPELINE", type="Priority", doc="Weight 1 in the score."),
    ),
)

_STATE = RecordType(
    name="OperatorState",
    doc="Where an operator is in its life; `ASSIGNABLE_STATES` holds PENDING and FAILED.",
    fields=tuple(
        Field(name=name, type="OperatorState")
        for name in ("PENDING", "ASSIGNED", "RUNNING", "SUSPENDING", "COMPLETED", "FAILED")
    ),
)

_TYPES = (
    _SCHEDULER,
    _EXECUTOR,
    _POOL,
    _CONTAINER,
    _PIPELINE,
    _STATUS,
    _OPERATOR,
    _RESULT,
    _ASSIGNMENT,
    _SUSPEND,
    _PRIORITY,
    _STATE,
)


@lru_cache(maxsize=1)
def interface() -> Interface:
    """The typed interface, with the source that rebuilds the views in a guest."""
    return Interface(
        functions=(
            Function(
                name="init",
                parameters=(Parameter(name="s", type="Scheduler"),),
                result="None",
                doc="Called once before the first arrival.",
                required=False,
            ),
            Function(
                name="schedule",
                parameters=(
                    Parameter(name="s", type="Scheduler"),
                    Parameter(name="results", type="list[ExecutionResult]"),
                    Parameter(name="pipelines", type="list[Pipeline]"),
                ),
                result="tuple[list[Suspend], list[Assignment]]",
                doc="What to suspend and what to start, given the containers that ended and the pipelines that arrived "
                "since the last call.",
            ),
        ),
        types=_TYPES,
        numbers=("int", "float", "count", "cpu", "gb", "seconds", "number"),
        names={
            "ASSIGNABLE_STATES": "list[OperatorState]",
            "Assignment": "type[Assignment]",
            "OperatorState": "type[OperatorState]",
            "Priority": "type[Priority]",
            "Suspend": "type[Suspend]",
        },
        guest_source=guest_source() + _CONNECT,
    )


VOCABULARY = Vocabulary(
    blocks=(
        # What can be observed.
        expression("free cpus", "cpu", "{pool: Pool}.avail_cpu_pool", "CPUs free in a pool."),
        expression("free memory", "gb", "{pool: Pool}.avail_ram_pool", "Memory free in a pool."),
        expression("all cpus", "cpu", "{pool: Pool}.max_cpu_pool", "CPUs of a pool."),
        expression("all memory", "gb", "{pool: Pool}.max_ram_pool", "Memory of a pool."),
        expression("containers in use", "count", "len({pool: Pool}.active_containers)", "Containers of a pool."),
        expression("remaining", "count", "{pipeline: Pipeline}.remaining_operators", "Operators not complete."),
        expression("total", "count", "{pipeline: Pipeline}.total_operators", "Operators of a pipeline."),
        expression("waiting", "seconds", "{pipeline: Pipeline}.waiting_seconds", "Time since the arrival."),
        expression("arrival", "seconds", "{pipeline: Pipeline}.arrival_seconds", "Time of the arrival."),
        expression("class", "Priority", "{pipeline: Pipeline}.priority", "Class of a pipeline."),
        expression("rank of the class", "number", "int({pipeline: Pipeline}.priority)", "1, 2 or 3; queries are 1."),
        expression("had failures", "bool", "{pipeline: Pipeline}.has_failures", "Whether memory ran out before."),
        expression("failures", "count", "{op: Operator}.failures", "How often an operator ran out of memory."),
        expression("children", "count", "len({op: Operator}.children)", "Operators that wait for one."),
        expression("first try", "bool", "{op: Operator}.last_ram_gb is None", "Whether an operator never failed."),
        # Sizes.
        expression("share of cpus", "cpu", "{pool: Pool}.max_cpu_pool // {parts: count}", "An equal part of a pool."),
        expression("share of memory", "gb", "{pool: Pool}.max_ram_pool // {parts: count}", "An equal part of a pool."),
        expression("doubled size", "gb", "2 * ({op: Operator}.last_ram_gb or {first: gb})", "Double what failed."),
        expression(
            "cpus like memory",
            "cpu",
            "{pool: Pool}.max_cpu_pool * {ram: gb} // {pool: Pool}.max_ram_pool",
            "The same share of the CPUs as of the memory.",
        ),
        statement("cap a size", "{size: gb} = min({size: gb}, {limit: gb})", "Ask for no more memory than a limit."),
        statement("cap the cpus", "{size: cpu} = min({size: cpu}, {limit: cpu})", "Ask for no more CPUs than a limit."),
        statement("raise a size", "{size: gb} = max({size: gb}, {least: gb})", "Ask for at least so much memory."),
        statement(
            "grow after a failure",
            "if {op: Operator}.last_ram_gb is not None:\n    {size: gb} = 2 * {op: Operator}.last_ram_gb",
            "Double the memory of an operator that ran out of it.",
        ),
        # Guards.
        statement(
            "skip what does not fit",
            "if {size: gb} > {free: gb}:\n    continue",
            "Leave an operator for later when less memory is free than it should get.",
        ),
        statement(
            "skip without cpus",
            "if {size: cpu} > {free: cpu}:\n    continue",
            "Leave an operator for later when fewer CPUs are free than it should get.",
        ),
        statement("stop when little is left", "if {free: gb} < {least: gb}:\n    break", "End a loop on low memory."),
        statement(
            "give up after failures",
            "if {op: Operator}.failures >= {limit: count}:\n    continue",
            "Try an operator no more than so often.",
        ),
        statement(
            "skip complete pipelines",
            "if {pipeline: Pipeline}.remaining_operators == 0:\n    continue",
            "Pass over what is done.",
        ),
        # Orders.
        statement(
            "sort a queue",
            "{queue: list[Pipeline]}.sort(key=lambda item: {key: number})",
            "Serve pipelines in the order of a number.",
        ),
        statement(
            "sort by two keys",
            "{queue: list[Pipeline]}.sort(key=lambda item: ({first: number}, {second: number}))",
            "Serve pipelines in the order of a number, equal ones by another.",
        ),
        statement(
            "sort operators",
            "{ops: list[Operator]}.sort(key=lambda item: {key: number})",
            "Serve operators in the order of a number.",
        ),
        expression(
            "roomiest pool",
            "Pool",
            "max({pools: list[Pool]}, key=lambda each: each.avail_ram_pool)",
            "Most free memory.",
        ),
        # Loops, memory of the policy's own, and actions.
        expression(
            "ready operators",
            "list[Operator]",
            "{status: RuntimeStatus}.get_ops(ASSIGNABLE_STATES, require_parents_complete=True)",
            "Operators of a pipeline that may start now.",
        ),
        statement(
            "remember a size by class",
            "for result in {results: list[ExecutionResult]}:\n"
            "    if result.failed():\n"
            "        {table: dict[Priority, gb]}[result.priority] = 2 * result.ram",
            "Keep, per class, twice the size that last was too small.",
        ),
        statement(
            "start a container",
            "{assignments: list[Assignment]}.append("
            "Assignment([{op: Operator}], {cpus: cpu}, {ram: gb}, {pipeline: Pipeline}.priority, "
            "{pool: Pool}.pool_id))",
            "Ask for a container for one operator.",
        ),
        statement("wake up", "{s: Scheduler}.wake_after({delay: seconds})", "Ask to be called again after a while."),
    )
)
"""Building blocks for generators without a model: what can be observed and done, and small idioms; no policy."""
