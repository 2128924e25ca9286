"""The mutator's promises: pure, typed, most children run, and the edits that a policy needs are within reach."""

from __future__ import annotations

import ast
import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thekla.core.problem import Problem
from thekla.core.program import Program
from thekla.core.run import Prompt, Proposal, Ticket
from thekla.generation.mutation import Mutator
from thekla.testing.generators import GeneratorConformance

from .toys import FIFO, LRU, caching, prompt, run_cache, run_scheduler, scheduling, ticket

SCHEDULING = scheduling()
CACHING = caching()


def propose(
    problem: Problem, asked: Ticket, *, seed: int, told: Prompt | None = None, mutator: Mutator | None = None
) -> Proposal:
    return asyncio.run((mutator or Mutator()).propose(problem, asked, told or prompt(), seed=seed))


def children(problem: Problem, asked: Ticket, n: int, *, max_edits: int = 3) -> list[Proposal]:
    mutator = Mutator(max_edits=max_edits)
    return [propose(problem, asked, seed=seed, mutator=mutator) for seed in range(n)]


def runs(run: Callable[[str], object], text: str) -> bool:
    try:
        with_limit(run, text)
    except Exception:
        return False
    return True


def with_limit(run: Callable[[str], object], text: str, *, lines: int = 50_000) -> None:
    """Run with a limit on executed lines, so that an endless loop ends without a clock."""
    left = lines

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise TimeoutError("too many lines")
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        run(text)
    finally:
        sys.settrace(before)


class TestMutatorConforms(GeneratorConformance):
    def make_generator(self) -> Mutator:
        return Mutator()

    def problem(self) -> Problem:
        return SCHEDULING


def test_importing_the_room_loads_no_syntax_tree_library() -> None:
    code = "import sys, thekla.generation, thekla.prompting; sys.exit('libcst' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("problem", "seed_text", "run"), [(SCHEDULING, FIFO, run_scheduler), (CACHING, LRU, run_cache)]
)
def test_at_least_seven_of_ten_children_run(problem: Problem, seed_text: str, run: Callable[[str], object]) -> None:
    made = children(problem, ticket(seed_text), 150)
    ran = sum(runs(run, child.program.text) for child in made if child.program is not None)
    assert ran >= 0.7 * len(made)


def test_children_are_distinct_from_parent_and_mostly_from_each_other() -> None:
    made = [child.program for child in children(SCHEDULING, ticket(FIFO), 150)]
    texts = {program.text for program in made if program is not None}
    assert len(texts) >= 90
    parent = ast.dump(ast.parse(FIFO))
    assert all(ast.dump(ast.parse(text)) != parent for text in texts)


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param(r"min\((want_)?ram, \d+(\.\d+)?\)", id="cap a requested size"),
        pytest.param(
            r"s\.waiting\.sort\(key=lambda item: item\.(runtime_status\(\)\.remaining|rank)\)",
            id="sort the queue by an observable count",
        ),
        pytest.param(r"Assignment\(ops, min\(want_cpu, [^)]+\), min\(want_ram, [^)]+\),", id="cap two sizes at once"),
        pytest.param(r"if (cpu|ram) <=? \d+(\.\d+)?:\s+(break|continue)", id="guard on a minimum size"),
        pytest.param(r"s\.wanted_ram = {}[\s\S]+s\.wanted_ram\[operator\.name\] = result\.ram \* 2", id="retry idiom"),
    ],
)
def test_single_edits_reach_what_a_policy_needs(pattern: str) -> None:
    mutator = Mutator(max_edits=1)
    for seed in range(2_000):
        child = propose(SCHEDULING, ticket(FIFO), seed=seed, mutator=mutator)
        if child.program is not None and re.search(pattern, child.program.text):
            return
    pytest.fail("not reached within 2,000 children")


@given(seed=st.integers(0, 2**63 - 1))
@settings(max_examples=10, deadline=None)
def test_proposal_depends_on_arguments_only(seed: int) -> None:
    asked = ticket(FIFO, FIFO.replace("cpu > 0", "cpu > 2"), inspirations=(FIFO.replace("[:1]", "[:3]"),))
    used = Mutator()
    propose(SCHEDULING, asked, seed=seed + 1, mutator=used)
    propose(CACHING, ticket(LRU), seed=seed, mutator=used)
    assert propose(SCHEDULING, asked, seed=seed, mutator=used) == propose(scheduling(), asked, seed=seed)


@pytest.mark.parametrize("operator", ["cap", "sort", "guard", "constant", "insert:skip_small", "insert", "delete"])
def test_ticket_operator_is_the_one_used(operator: str) -> None:
    for seed in range(5):
        proposal = propose(SCHEDULING, ticket(FIFO, operator=operator), seed=seed)
        assert proposal.program is not None
        assert all(part.split(":")[0] == operator.split(":")[0] for part in proposal.operator.split("+"))


def test_unknown_operator_is_answered_by_a_reason() -> None:
    proposal = propose(SCHEDULING, ticket(FIFO, operator="pray"), seed=0)
    assert proposal.program is None
    assert "'pray' is unknown" in proposal.reason


def test_parent_that_does_not_parse_is_answered_by_a_reason() -> None:
    assert "does not parse" in propose(SCHEDULING, ticket("def schedule(:\n"), seed=0).reason


def test_ticket_from_nothing_changes_a_seed() -> None:
    proposal = propose(SCHEDULING, ticket(), seed=4)
    assert proposal.program is not None
    assert "def schedule(s, results, pipelines):" in proposal.program.text


def test_raw_answer_holds_operator_edits_and_program() -> None:
    proposal = propose(SCHEDULING, ticket(FIFO), seed=5)
    assert proposal.program is not None
    raw = json.loads(proposal.raw)
    assert raw["operator"] == proposal.operator
    assert raw["program"] == proposal.program.text
    assert len(raw["edits"]) == len(proposal.operator.split("+"))


def test_tried_programs_are_not_proposed_again() -> None:
    first = propose(SCHEDULING, ticket(FIFO, operator="slice"), seed=6).program
    assert first is not None
    told = prompt({"tried": [first.id[:12]]})
    again = propose(SCHEDULING, ticket(FIFO, operator="slice"), seed=6, told=told)
    assert again.program is None or again.program.id != first.id


def test_fixed_lines_stand_in_every_child() -> None:
    for child in children(CACHING, ticket(LRU), 60):
        assert child.program is not None
        assert child.program.text.count("    if len(entries) > 3:  # thekla: fixed\n") == 1


def test_comments_and_layout_outside_the_edit_are_kept() -> None:
    child = propose(CACHING, ticket(LRU, operator="constant"), seed=1).program
    assert child is not None
    assert '    """Kept beside an entry."""' in child.text
    assert "# ties go to the first" in child.text


def test_children_of_a_long_program_are_no_longer_than_the_limit() -> None:
    mutator = Mutator(max_characters=len(FIFO) + 60)
    for seed in range(40):
        child = propose(SCHEDULING, ticket(FIFO), seed=seed, mutator=mutator).program
        assert child is None or len(child.text) <= len(FIFO) + 60


def test_donors_give_statements() -> None:
    donor = FIFO.replace("            want_ram = ram\n", "            want_ram = min(ram, pool.max_ram_pool / 7)\n")
    taken = [
        propose(SCHEDULING, ticket(FIFO, operator="crossover", inspirations=(donor,)), seed=seed) for seed in range(30)
    ]
    assert any(child.program is not None and "pool.max_ram_pool / 7" in child.program.text for child in taken)


def test_block_sets_up_the_state_that_it_fills() -> None:
    child = propose(SCHEDULING, ticket(FIFO, operator="insert:remember"), seed=2).program
    assert child is not None
    assert "    s.table = {}\n" in child.text.split("def schedule")[0]
    assert re.search(r"s\.table\[pipeline\.pipeline_id\] = ", child.text)


def test_other_files_of_a_program_are_kept() -> None:
    tree = Program.from_files({"helper.py": "X = 1\n", "program.py": FIFO})
    asked = ticket(FIFO)
    candidate = asked.parents[0]
    asked = Ticket(id="t", parents=(type(candidate)(id=candidate.id, program=tree),))
    child = propose(SCHEDULING, asked, seed=0).program
    assert child is not None
    assert dict(child.files)["helper.py"] == "X = 1\n"


_ODD = (
    "",
    "x = 1\n",
    "import math\nfrom os import path as p\nschedule = lambda s, results, pipelines: ([], [])\n",
    "class A:\n    def f(self): return [i for i in range(3) if i]\n\n"
    "def schedule(s, results, pipelines): return [], []\n",
    "async def schedule(s, results, pipelines):\n    async for x in results:\n        await x\n    return [], []\n",
    "def schedule(s, results, pipelines):\n    match results:\n        case []:\n            return [], []\n"
    "        case [first, *rest]:\n            return rest, [first]\n",
    "def schedule(s, *results, pipelines=(), **other):\n    try:\n        with open('x') as f, s as t:\n"
    "            pass\n"
    "    except (ValueError, KeyError) as error:\n        raise error\n    else:\n        global G\n        G = 1\n"
    "    finally:\n        del pipelines\n    if (n := len(results)) > 1: return [n], []\n    return [], []\n",
    "def schedule(s, results, pipelines):\n    a, (b, *c) = 1, (2, 3)\n    s.x[a:b, ...] = {**{}, 'k': c}\n"
    "    f = f'{a!r:>{b}}' 'tail'\n    while True:\n        a += 1; b -= a\n        if a < b < 3: break\n"
    "        else: continue\n    for i, (j, k) in enumerate(zip(results, pipelines)): yield i if j else k\n"
    "    return (yield from results), ~a ** -b @ b\n",
)


@pytest.mark.parametrize("text", _ODD)
def test_odd_programs_give_programs_or_reasons(text: str) -> None:
    for seed in range(15):
        proposal = propose(SCHEDULING, ticket(text, inspirations=(FIFO,)), seed=seed)
        if proposal.program is not None:
            compile(proposal.program.text, "<child>", "exec")


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=4, deadline=None)
def test_long_lines_of_descent_keep_compiling_and_keep_their_functions(seed: int) -> None:
    text, mutator = FIFO, Mutator()
    for step in range(12):
        child = propose(SCHEDULING, ticket(text, inspirations=(FIFO,)), seed=seed + step, mutator=mutator).program
        if child is not None:
            text = child.text
    tree = ast.parse(text)
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert names >= {"init", "schedule"}


@pytest.mark.parametrize("argument", ["tries", "max_characters", "max_edits"])
def test_arguments_must_be_positive(argument: str) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        Mutator(**{argument: 0})
