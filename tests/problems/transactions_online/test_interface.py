"""What the interface declares is what a policy finds."""

import ast
import inspect
import re
import sys

import pytest

from thekla.core.problem import Block, Split
from thekla.core.program import Program
from thekla.problems.transactions_online import build
from thekla.problems.transactions_online.interface import VOCABULARY, interface
from thekla.problems.transactions_online.workloads import instance
from thekla.sandbox import TrustedSandbox
from thekla.simulators.transactions import Transaction, window

HOLE = re.compile(r"\{(\w+): ([^{}]+)\}")
SCHEDULER = interface().types[0]


def score(text: str) -> float:
    package = build("default")
    guest = TrustedSandbox().open(Program.from_text(text), package.problem.interface, package.limits, seed=1)
    result = package.referee.judge(guest, instance("known/epinions/n50/s90", Split.TRAIN), seed=0)
    guest.close()
    assert result.fault is None, result.fault
    return result.scores["makespan_ratio"]


def test_methods_and_fields_of_the_scheduler_exist_as_declared() -> None:
    one = window.Scheduler(lambda name, ids: ids)
    for method in SCHEDULER.methods:
        found = list(inspect.signature(getattr(window.Scheduler, method.name)).parameters)[1:]
        assert found == [parameter.name for parameter in method.parameters]
    assert {field.name for field in SCHEDULER.fields} == {name for name in vars(one) if not name.startswith("_")}


def test_a_policy_is_prepared_told_of_each_arrival_and_asked_for_each_pick() -> None:
    score(
        "def init(s):\n    s.log = ['init']\n"
        "def arrive(s, transaction):\n    assert s.window[-1] is transaction\n    s.log.append(transaction.id)\n"
        "def pick(s, window):\n"
        "    assert s.log == ['init', *range(min(50, s.placed + 20))]\n"
        "    assert window == s.window and s.probes_left == 10 * (s.placed + 1)\n"
        "    assert (s.last_start > 0) == (s.makespan > 0) == (s.placed > 0)\n"
        "    return window[0]\n"
    )


def test_ids_may_be_returned_in_the_place_of_transactions() -> None:
    assert score("def pick(s, window):\n    return window[0].id\n") == score(
        "def pick(s, window):\n    return window[0]\n"
    )


def test_the_example_of_the_statement_runs_and_beats_the_seed() -> None:
    problem = build("default").problem
    (example,) = re.findall(r"```python\n(.*?)```", problem.statement, re.DOTALL)
    assert score(example) < score(problem.seeds[0].text)


@pytest.mark.parametrize("block", VOCABULARY.blocks, ids=lambda block: block.name)
def test_blocks_parse_and_their_holes_have_known_types(block: Block) -> None:
    declared = {record.name for record in interface().types} | set(interface().numbers)
    for _, hole_type in HOLE.findall(block.text):
        assert set(re.findall(r"\w+", hole_type)) - {"list"} <= declared, hole_type
    text = HOLE.sub(r"hole_\1", block.text)
    ast.parse(text, mode="eval" if block.kind == "expression" else "exec")
    assert block.doc
    assert bool(block.type) == (block.kind == "expression")


@pytest.mark.parametrize("suite", ["default", "predicted"])
def test_the_statement_says_whether_keys_are_known(suite: str) -> None:
    statement = build(suite).problem.statement
    assert ("predictions" in statement) == (suite == "predicted")
    for method in SCHEDULER.methods:
        assert f"s.{method.name}(" in statement


def test_a_policy_that_asks_for_too_many_probes_is_told_so() -> None:
    s = window.Scheduler(lambda name, ids: ids)
    s.probes_left = 1
    with pytest.raises(RuntimeError, match="2 probes asked for, 1 left"):
        s.probes([Transaction(number, 1, ()) for number in range(2)])


def test_the_guest_needs_the_standard_library_only_until_the_kernel_is_used() -> None:
    tree = ast.parse(interface().guest_source)
    top = {alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names}
    top |= {str(node.module) for node in tree.body if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in top} <= set(sys.stdlib_module_names)
