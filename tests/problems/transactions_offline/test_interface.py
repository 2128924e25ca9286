"""What the interface declares is what a program finds."""

import ast
import inspect
import re

import pytest

from thekla.core.problem import Block, Split
from thekla.core.program import Program
from thekla.problems.transactions_offline import build
from thekla.problems.transactions_offline.interface import VOCABULARY, interface
from thekla.problems.transactions_offline.workloads import instance
from thekla.simulators.transactions import views
from thekla.testing.guests import InProcessGuest

HOLE = re.compile(r"\{(\w+): ([^{}]+)\}")
PROBE = instance("epinions/n40/s90", Split.TRAIN)


@pytest.mark.parametrize("record", interface().types, ids=lambda record: record.name)
def test_methods_and_fields_exist_as_declared(record: object) -> None:
    of = getattr(views, record.name)  # type: ignore[attr-defined]  # a RecordType
    workload = views.Workload([views.Transaction(0, 1, (views.Operation("a", 1, True),))])
    one = {
        "Workload": workload,
        "Schedule": workload.schedule(),
        "Transaction": workload.transactions[0],
        "Operation": workload.transactions[0].operations[0],
    }[record.name]  # type: ignore[attr-defined]
    for method in record.methods:  # type: ignore[attr-defined]
        found = list(inspect.signature(getattr(of, method.name)).parameters)[1:]
        assert found == [parameter.name for parameter in method.parameters], method.name
    for field in record.fields:  # type: ignore[attr-defined]
        assert hasattr(one, field.name)


@pytest.mark.parametrize("block", VOCABULARY.blocks, ids=lambda block: block.name)
def test_blocks_parse_and_their_holes_have_known_types(block: Block) -> None:
    declared = {record.name for record in interface().types} | set(interface().numbers)
    for _, hole_type in HOLE.findall(block.text):
        assert set(re.findall(r"\w+", hole_type)) - {"list"} <= declared, hole_type
    text = HOLE.sub(r"hole_\1", block.text)
    if block.kind == "expression":
        ast.parse(text, mode="eval")
        assert block.type
    else:
        ast.parse(text)
    assert block.doc
    assert "def " not in block.text


def test_the_example_of_the_statement_runs_and_beats_the_seed() -> None:
    package = build("default")
    example = Program.from_text(re.findall(r"```python\n(.*?)```", package.problem.statement, re.DOTALL)[0])
    scores = [
        package.referee.judge(InProcessGuest(program, package.problem.interface, package.limits), PROBE, seed=0).scores[
            "score"
        ]
        for program in (example, package.problem.seeds[0])
    ]
    assert scores[0] > scores[1]


@pytest.mark.parametrize("suite", ["default", "public"])
def test_the_statement_names_what_a_program_may_call(suite: str) -> None:
    statement = build(suite).problem.statement
    for record in interface().types:
        for method in record.methods:
            assert f"{method.name}(" in statement
    assert ("points" in statement.lower()) == (suite == "default")


def test_ids_may_be_returned_in_the_place_of_transactions() -> None:
    package = build("default")
    text = "def schedule(workload):\n    return [each.id for each in workload.transactions]\n"
    guest = InProcessGuest(Program.from_text(text), package.problem.interface, package.limits)
    assert package.referee.judge(guest, PROBE, seed=0).fault is None
