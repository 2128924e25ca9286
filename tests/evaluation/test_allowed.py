"""A program keeps to the modules and calls of its problem: read off its text, and enforced again in the guest."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from thekla.core.errors import GuestFault
from thekla.core.evaluation import FailureKind, Limits
from thekla.core.problem import Function, Interface
from thekla.core.program import Program
from thekla.core.protocols import Sandbox
from thekla.evaluation.checks import check
from thekla.sandbox import StrictSandbox, TrustedSandbox

FUNCTIONS = (Function(name="answer", parameters=(), result="int"),)
STRICT = Interface(functions=FUNCTIONS, modules=("math", "os.path"), forbidden=("sorted", "math.factorial"))
OPEN = Interface(functions=FUNCTIONS)


def answering(expression: str, head: str = "") -> Program:
    return Program.from_text(f"{head}\n\n\ndef answer():\n    return {expression}\n")


REFUSED = (
    answering("sorted([2, 1])[0]"),
    answering("list(map(sorted, [[2, 1]]))[0][0]"),
    answering("heapq.nsmallest(1, [2])[0]", "import heapq"),
    answering("nsmallest(1, [2])[0]", "from heapq import nsmallest"),
    answering("math.factorial(3)", "import math"),
    answering("m.factorial(3)", "import math as m"),
    answering("factorial(3)", "from math import factorial"),
    answering("eval('sorted')([1])[0]"),
    answering("1", "import os"),
    answering("__import__('heapq').nsmallest(1, [2])[0]"),
)
ACCEPTED = (
    answering("math.isqrt(9)", "import math"),
    answering("isqrt(9)", "from __future__ import annotations\nfrom math import isqrt"),
    answering("len(os.path.join('a', 'b'))", "import os.path"),
    answering("len(path.join('a', 'b'))", "from os import path"),
    answering("sorted([3, 1])[0]", "def sorted(items):\n    return [min(items)]"),
    answering("(lambda vars: vars)(3)"),
    Program.from_files({"program.py": "import helper\n\n\ndef answer():\n    return helper.three()\n",
                        "helper.py": "import math\n\n\ndef three():\n    return math.isqrt(9)\n"}),
)  # fmt: skip
UNREAD = (  # names that the text does not show: the guest refuses what the reading cannot
    answering("getattr(math, 'fact' + 'orial')(3)", "import math"),
    answering("answer.__globals__['__builtins__']['sor' + 'ted']([1])[0]"),
    answering("answer.__globals__['__builtins__']['__imp' + 'ort__']('heapq').nsmallest(1, [2])[0]"),
)


@pytest.fixture(scope="module", params=[StrictSandbox, TrustedSandbox])
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    made: Sandbox = request.param()
    yield made
    made.close()


def answer_of(program: Program, interface: Interface, sandbox: Sandbox) -> object:
    guest = sandbox.open(program, interface, Limits(wall_s=5.0))
    try:
        return guest.call("answer")
    finally:
        guest.close()


@pytest.mark.parametrize("program", REFUSED, ids=lambda program: program.text[-60:])
def test_what_is_not_allowed_is_refused_by_name_and_line(program: Program) -> None:
    failed = check(program, STRICT)
    assert failed is not None
    assert failed.kind is FailureKind.INTERFACE
    assert "line" in failed.message
    assert check(program, OPEN) is None


@pytest.mark.parametrize("program", ACCEPTED, ids=lambda program: program.text[-60:])
def test_what_is_allowed_passes_and_runs(program: Program, sandbox: Sandbox) -> None:
    assert check(program, STRICT) is None
    assert answer_of(program, STRICT, sandbox) == answer_of(program, OPEN, sandbox)


@pytest.mark.parametrize("program", [*REFUSED, *UNREAD], ids=lambda program: program.text[-60:])
def test_guest_refuses_it_too_whatever_the_text_shows(program: Program, sandbox: Sandbox) -> None:
    with pytest.raises(GuestFault, match="may not be"):
        answer_of(program, STRICT, sandbox)


def test_closed_function_still_serves_everyone_else(sandbox: Sandbox) -> None:
    interface = Interface(functions=FUNCTIONS, forbidden=("heapq.heapify", "re.compile"))
    program = answering("len(fnmatch.filter(['ab', 'c'], 'a*'))", "import fnmatch, heapq, re")
    assert answer_of(program, interface, sandbox) == 1


def test_problem_without_rules_leaves_every_name_open(sandbox: Sandbox) -> None:
    assert answer_of(answering("sorted([2, 1])[0]"), OPEN, sandbox) == 1
