"""Two small problems with a runtime each: a cluster scheduler, and a cache that must choose what to evict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from thekla.core.problem import (
    Block,
    Field,
    Function,
    Instance,
    Interface,
    Method,
    Objective,
    Parameter,
    Problem,
    RecordType,
    Split,
    Vocabulary,
)
from thekla.core.program import Candidate, CandidateId, Program
from thekla.core.run import Prompt, Section, Ticket

FIFO = """\
def init(s):
    s.waiting = []


def schedule(s, results, pipelines):
    suspensions = []
    assignments = []
    for pipeline in pipelines:
        s.waiting.append(pipeline)
    for pool in s.executor.pools:
        cpu = pool.avail_cpu_pool
        ram = pool.avail_ram_pool
        looked_at = []
        while s.waiting and cpu > 0 and ram > 0:
            pipeline = s.waiting.pop(0)
            status = pipeline.runtime_status()
            if status.is_pipeline_successful() or status.has_failures:
                continue
            looked_at.append(pipeline)
            ops = status.get_ops(ASSIGNABLE_STATES, require_parents_complete=True)[:1]
            if not ops:
                continue
            want_cpu = cpu
            want_ram = ram
            assignments.append(
                Assignment(ops, want_cpu, want_ram, pipeline.priority, pool.pool_id, pipeline.pipeline_id)
            )
            cpu -= want_cpu
            ram -= want_ram
        s.waiting.extend(looked_at)
    return suspensions, assignments
"""

SCHEDULER = Interface(
    functions=(
        Function(name="init", parameters=(Parameter(name="s", type="State"),), result="None"),
        Function(
            name="schedule",
            parameters=(
                Parameter(name="s", type="State"),
                Parameter(name="results", type="list[Result]"),
                Parameter(name="pipelines", type="list[Pipeline]"),
            ),
            result="tuple[list[Suspend], list[Assignment]]",
        ),
    ),
    types=(
        RecordType(name="State", fields=(Field(name="executor", type="Executor"),)),
        RecordType(name="Executor", fields=(Field(name="pools", type="list[Pool]"),)),
        RecordType(
            name="Pool",
            fields=(
                Field(name="pool_id", type="int"),
                Field(name="avail_cpu_pool", type="cpu"),
                Field(name="avail_ram_pool", type="gb"),
                Field(name="max_cpu_pool", type="cpu"),
                Field(name="max_ram_pool", type="gb"),
            ),
        ),
        RecordType(
            name="Pipeline",
            fields=(
                Field(name="pipeline_id", type="str"),
                Field(name="priority", type="Priority"),
                Field(name="rank", type="count", doc="1 is the most urgent class"),
                Field(name="waiting_s", type="seconds"),
            ),
            methods=(Method(name="runtime_status", parameters=(), result="Status"),),
        ),
        RecordType(
            name="Status",
            fields=(Field(name="has_failures", type="bool"), Field(name="remaining", type="count")),
            methods=(
                Method(name="is_pipeline_successful", parameters=(), result="bool"),
                Method(
                    name="get_ops",
                    parameters=(
                        Parameter(name="states", type="list[OperatorState]"),
                        Parameter(name="require_parents_complete", type="bool"),
                    ),
                    result="list[Operator]",
                ),
            ),
        ),
        RecordType(name="Operator", fields=(Field(name="name", type="str"), Field(name="state", type="OperatorState"))),
        RecordType(
            name="Result",
            fields=(
                Field(name="ops", type="list[Operator]"),
                Field(name="cpu", type="cpu"),
                Field(name="ram", type="gb"),
                Field(name="error", type="str | None"),
            ),
            methods=(Method(name="failed", parameters=(), result="bool"),),
        ),
    ),
    numbers=("int", "float", "cpu", "gb", "seconds", "count"),
    names={
        "ASSIGNABLE_STATES": "list[OperatorState]",
        "Assignment": "Callable[[list[Operator], cpu, gb, Priority, int, str], Assignment]",
        "Suspend": "Callable[[str, int], Suspend]",
    },
)

SCHEDULER_BLOCKS = (
    Block(name="remaining", kind="expression", type="count", text="{pipeline: Pipeline}.runtime_status().remaining"),
    Block(
        name="sort_queue",
        kind="statement",
        type="",
        text="{queue: list[Pipeline]}.sort(key=lambda item: {key: number})",
    ),
    Block(
        name="retry_doubled",
        kind="statement",
        type="",
        text=(
            "def init(s):\n    s.wanted_ram = {}\n"
            "for result in {results: list[Result]}:\n"
            "    if result.failed():\n"
            "        for operator in result.ops:\n"
            "            {s: State}.wanted_ram[operator.name] = result.ram * 2\n"
        ),
    ),
    Block(
        name="remembered_size",
        kind="statement",
        type="",
        text=(
            "{want: gb} = max({want: gb}, getattr({s: State}, 'wanted_ram', {}).get({ops: list[Operator]}[0].name, 0))"
        ),
    ),
    Block(
        name="remember",
        kind="statement",
        type="",
        text="{table: dict[str, gb]}[{pipeline: Pipeline}.pipeline_id] = {size: gb}",
    ),
    Block(name="skip_small", kind="statement", type="", text="if {size: gb} < {least: gb}:\n    continue\n"),
)

LRU = '''\
class Note:
    """Kept beside an entry."""

    def __init__(self, size):
        self.size = size


def victim(cache, entries, now_s):
    def age(entry):
        return now_s - entry.last_used_s

    oldest = None
    for entry in entries:
        if oldest is None or age(entry) > age(oldest):
            oldest = entry  # ties go to the first
    if len(entries) > 3:  # thekla: fixed
        return oldest.key
    return entries[0].key
'''

CACHE = Interface(
    functions=(
        Function(
            name="victim",
            parameters=(
                Parameter(name="cache", type="Cache"),
                Parameter(name="entries", type="list[Entry]"),
                Parameter(name="now_s", type="seconds"),
            ),
            result="str",
        ),
    ),
    types=(
        RecordType(name="Cache", fields=(Field(name="capacity", type="bytes_"), Field(name="used", type="bytes_"))),
        RecordType(
            name="Entry",
            fields=(
                Field(name="key", type="str"),
                Field(name="size", type="bytes_"),
                Field(name="hits", type="count"),
                Field(name="last_used_s", type="seconds"),
            ),
        ),
    ),
    numbers=("int", "float", "bytes_", "seconds", "count"),
)


def problem(name: str, interface: Interface, seed: str, blocks: tuple[Block, ...] = ()) -> Problem:
    """A problem of one train instance."""
    return Problem(
        name=name,
        version="1",
        suite="toy",
        statement=f"The toy problem {name}.",
        interface=interface,
        objectives=(Objective(name="latency", unit="s", direction="minimize"),),
        seeds=(Program.from_text(seed),),
        instances={Split.TRAIN: (Instance(id="one", split=Split.TRAIN, digest="0"),)},
        vocabulary=Vocabulary(blocks=blocks),
    )


def scheduling() -> Problem:
    return problem("scheduling", SCHEDULER, FIFO, SCHEDULER_BLOCKS)


def caching() -> Problem:
    return problem("caching", CACHE, LRU)


def candidate(text: str, name: str = "c0") -> Candidate:
    return Candidate(id=CandidateId(name), program=Program.from_text(text))


def ticket(*texts: str, operator: str = "", inspirations: tuple[str, ...] = ()) -> Ticket:
    return Ticket(
        id="t0",
        parents=tuple(candidate(text, f"p{index}") for index, text in enumerate(texts)),
        inspirations=tuple(candidate(text, f"i{index}") for index, text in enumerate(inspirations)),
        operator=operator,
    )


def prompt(data: Mapping[str, Any] | None = None) -> Prompt:
    return Prompt(sections=tuple(Section(name=name, text="", data=value) for name, value in (data or {}).items()))


class _Thing:
    def __init__(self, **fields: object) -> None:
        self.__dict__.update(fields)


class _Status:
    def __init__(self, operators: list[_Thing]) -> None:
        self.operators = operators
        self.has_failures = False
        self.calls = 0

    @property
    def remaining(self) -> int:
        return len(self.operators)

    def is_pipeline_successful(self) -> bool:
        return not self.operators

    def get_ops(self, states: list[str], require_parents_complete: bool = False) -> list[_Thing]:
        self.calls += 1
        if self.calls > 2_000:
            raise TimeoutError("the policy asks for ever")
        return [operator for operator in self.operators if operator.state in states]  # type: ignore[attr-defined]


class _Pipeline:
    def __init__(self, name: str, rank: int, operators: int) -> None:
        self.pipeline_id, self.rank, self.priority, self.waiting_s = name, rank, f"class{rank}", 1.5 * rank
        self.status = _Status([_Thing(name=f"{name}.{index}", state="pending") for index in range(operators)])
        self.asked = 0

    def runtime_status(self) -> _Status:
        self.asked += 1
        if self.asked > 5_000:
            raise TimeoutError("the policy asks for ever")
        return self.status


def run_scheduler(text: str) -> list[tuple[object, ...]]:
    """Load a scheduling policy and call it twice on one tiny case; its assignments. Raises what it raises."""
    made: list[tuple[object, ...]] = []

    def assignment(ops: list[_Thing], cpu: float, ram: float, priority: str, pool_id: int, pipeline: str) -> object:
        if not ops or len(made) > 200:
            raise ValueError("an assignment needs an operator")
        made.append((len(ops), float(cpu), float(ram), priority, int(pool_id), str(pipeline)))
        return made[-1]

    names = {"ASSIGNABLE_STATES": ["pending", "failed"], "Assignment": assignment, "Suspend": lambda *parts: parts}
    namespace: dict[str, Any] = dict(names)
    exec(compile(text, "<policy>", "exec"), namespace)
    pools = [
        _Thing(pool_id=index, avail_cpu_pool=64.0, avail_ram_pool=500.0, max_cpu_pool=64.0, max_ram_pool=500.0)
        for index in range(2)
    ]
    state = _Thing(executor=_Thing(pools=pools))
    namespace["init"](state)
    pipelines = [_Pipeline(f"g{index}", index % 3 + 1, index + 1) for index in range(4)]
    failed = _Thing(ops=[_Thing(name="g1.0", state="failed")], cpu=2.0, ram=10.0, error="OOM", failed=lambda: True)
    for results, arrivals in (([], pipelines[:3]), ([failed], pipelines[3:])):
        suspensions, assignments = namespace["schedule"](state, results, arrivals)
        if not isinstance(suspensions, list) or not isinstance(assignments, list):
            raise TypeError("a policy returns two lists")
    return made


def run_cache(text: str) -> str:
    """Load an eviction policy and ask it once; the key it names. Raises what it raises."""
    namespace: dict[str, Any] = {}
    exec(compile(text, "<policy>", "exec"), namespace)
    entries = [_Thing(key=f"k{n}", size=10 * n, hits=5 - n, last_used_s=float(n * 7 % 5)) for n in range(1, 6)]
    key = namespace["victim"](_Thing(capacity=100, used=90), entries, 9.0)
    if key not in {entry.key for entry in entries}:  # type: ignore[attr-defined]
        raise ValueError("no such entry")
    return str(key)
