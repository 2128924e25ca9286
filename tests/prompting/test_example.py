"""The example call of an interface: every function that must be defined, every kind of type, and no more than helps."""

from __future__ import annotations

import ast

from tests.prompting.test_brief import PROBLEM
from tests.prompting.test_chat import SEED_CANDIDATE

from thekla.core.problem import Field, Function, Interface, Parameter, RecordType
from thekla.core.run import Ticket
from thekla.prompting import ChatBuilder
from thekla.prompting.example import example_call


def interface(result: str, *types: RecordType, **parameters: str) -> Interface:
    named = tuple(Parameter(name=name, type=annotation) for name, annotation in parameters.items())
    functions = (
        Function(name="act", parameters=named, result=result),
        Function(name="init", parameters=named, result="None", required=False),
    )
    return Interface(functions=functions, types=types, numbers=("int", "float", "gb", "count"))


JOB = RecordType(
    name="QueuedJob",
    fields=(Field(name="size", type="gb"), Field(name="tries", type="count"), Field(name="next", type="QueuedJob")),
)


def test_prompts_show_a_call_with_what_may_be_read() -> None:
    text = ChatBuilder().build(PROBLEM, Ticket(id="t", parents=(SEED_CANDIDATE,)), []).text
    assert "pick(queue=[job])  # gives job\n# job.size == 3 gb" in text


def test_each_kind_of_type_has_a_value() -> None:
    shown = example_call(
        interface(
            "tuple[list[QueuedJob], dict[str, gb]]",
            JOB,
            first="QueuedJob",
            second="QueuedJob",
            limit="gb | None",
            names="set[str]",
            on="bool",
            ratio="float",
            pair="tuple[int, ...]",
            rows="Sequence[Row]",
            odd="not a type(",
        )
    )
    call, attributes = shown.split("\n")
    assert call == (
        "act(first, second, limit=3, names={'a'}, on=True, ratio=0.5, pair=(3,), rows=[...], odd=...)"
        "  # gives ([first], {'a': 3})"
    )
    assert attributes == "# first.size == 3 gb, first.tries == 3, first.next == first"
    ast.parse(shown)


def test_what_is_far_from_the_call_is_left_out() -> None:
    chain = [
        RecordType(name=f"T{n}", fields=tuple(Field(name=f"f{i}", type=f"T{n + 1}") for i in range(9)))
        for n in range(9)
    ]
    shown = example_call(interface("None", *chain, start="T0")).split("\n")
    assert len(shown) == 1 + 4
    assert shown[1].count("==") == 6
    assert shown[1].endswith(", ...")
