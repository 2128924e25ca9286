"""What the interface declares is what a policy finds, and nothing of the hidden truth."""

import ast
import inspect
import re

import pytest

from thekla.core.problem import Block
from thekla.problems.lakehouse import build
from thekla.problems.lakehouse.interface import VOCABULARY, interface
from thekla.problems.lakehouse.workloads import scene
from thekla.simulators.lakehouse import load_policy, simulate, views

HOLE = re.compile(r"\{(\w+): ([^{}]+)\}")
CLASSES = {record.name: getattr(views, record.name) for record in interface().types}


@pytest.mark.parametrize("record", interface().types, ids=lambda record: record.name)
def test_methods_exist_with_the_declared_parameters(record: object) -> None:
    of = CLASSES[record.name]  # type: ignore[attr-defined]  # a RecordType
    for method in record.methods:  # type: ignore[attr-defined]
        found = list(inspect.signature(getattr(of, method.name)).parameters)[1:]
        assert found == [parameter.name for parameter in method.parameters], method.name


def test_every_field_can_be_read_during_a_run() -> None:
    fields = {record.name: [field.name for field in record.fields] for record in interface().types}
    probe = f"""
FIELDS = {fields!r}
SEEN = set()

def read(name, thing):
    for field in FIELDS[name]:
        getattr(thing, field)
    SEEN.add(name)

def init(s):
    s.waiting = []

def schedule(s, results, pipelines):
    read("Scheduler", s), read("Executor", s.executor), read("Priority", Priority), read("OperatorState", OperatorState)
    read("Suspend", Suspend("c1", 0))
    for result in results:
        read("ExecutionResult", result)
    s.waiting += pipelines
    out = []
    for pool in s.executor.pools:
        read("Pool", pool)
        for container in pool.active_containers:
            read("Container", container), read("Assignment", container.assignment)
        for pipeline in s.waiting:
            read("Pipeline", pipeline), read("RuntimeStatus", pipeline.runtime_status())
            for op in pipeline.operators:
                read("Operator", op)
            ready = pipeline.runtime_status().get_ops(ASSIGNABLE_STATES, require_parents_complete=True)[:1]
            if ready and not pool.active_containers and not out:
                out.append(Assignment(ready, 1, 200, pipeline.priority, pool.pool_id))
    if s.executor.num_pools and len(SEEN) == len(FIELDS):
        s.wake_after(5)
    return [], out
"""
    setting = scene("tiny/one-pool")
    session = load_policy(probe)
    assert simulate(setting.trace, session, setting.params).fault is None
    assert session._namespace["SEEN"] == set(fields)


def test_names_that_are_declared_are_given() -> None:
    assert set(interface().names) <= set(views.names())


def test_the_guest_source_stands_alone_and_offers_what_the_referee_calls() -> None:
    tree = ast.parse(interface().guest_source)
    imported = {
        alias.name.partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    } | {str(node.module).partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    import sys

    assert imported <= set(sys.stdlib_module_names)
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert {"names", "connect"} <= defined


@pytest.mark.parametrize("block", VOCABULARY.blocks, ids=lambda block: block.name)
def test_blocks_parse_and_their_holes_have_known_types(block: Block) -> None:
    declared = {record.name for record in interface().types} | set(interface().numbers) | {"PoolId"}
    for _, hole_type in HOLE.findall(block.text):
        names = set(re.findall(r"\w+", hole_type)) - {"list", "dict"}
        assert names <= declared, hole_type
    text = HOLE.sub(r"hole_\1", block.text)
    if block.kind == "expression":
        ast.parse(text, mode="eval")
        assert block.type
    else:
        ast.parse("while True:\n" + "\n".join(f"    {line}" for line in text.splitlines()))
    assert block.doc


def test_no_block_is_a_policy() -> None:
    assert max(len(block.text.splitlines()) for block in VOCABULARY.blocks) <= 3
    assert not any("def " in block.text for block in VOCABULARY.blocks)


@pytest.mark.parametrize("suite", ["default", "public"])
def test_the_statement_names_everything_that_a_policy_may_call(suite: str) -> None:
    statement = build(suite).problem.statement
    for name in ("schedule", "init", "Assignment", "Suspend", "ASSIGNABLE_STATES", "wake_after", "last_ram_gb"):
        assert name in statement
    assert ("median" in statement) == (suite == "public")


def test_the_example_of_the_statement_runs() -> None:
    example = re.findall(r"```python\n(.*?)```", build("default").problem.statement, re.DOTALL)[0]
    guarded = example.replace(
        "    assignments = []\n", "    if not pipelines:\n        return [], []\n    assignments = []\n"
    )
    setting = scene("tiny/one-pool")
    result = simulate(setting.trace, load_policy(guarded), setting.params)
    assert result.fault is None
    assert result.statistics.assignments > 0
