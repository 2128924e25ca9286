"""A policy that the linter is certain of is refused before any simulator runs, and no other."""

from __future__ import annotations

import asyncio

import pytest

from thekla.core.evaluation import Failed, FailureKind
from thekla.core.problem import ProblemRef
from thekla.core.program import Program
from thekla.evaluation.backends import InlineBackend
from thekla.evaluation.service import EvaluationService
from thekla.problems.lakehouse import build
from thekla.problems.lakehouse.checking import lint_failure
from thekla.storage import MemoryRun
from thekla.testing.guests import InProcessSandbox


def policy(body: str) -> Program:
    return Program.from_text(f"def schedule(s, results, pipelines):\n{body}\n    return [], []\n")


def test_attribute_that_is_not_there_is_refused_with_its_line() -> None:
    failed = lint_failure(policy("    free = s.executor.pols[0]"))
    assert failed is not None
    assert failed.kind is FailureKind.INTERFACE
    assert "line 2" in failed.message
    assert "pools" in failed.message


def test_what_a_try_statement_catches_is_left_to_the_program() -> None:
    body = "    try:\n        free = s.executor.pols[0]\n    except AttributeError:\n        free = None"
    assert lint_failure(policy(body)) is None


@pytest.mark.parametrize("text", ["def schedule(:\n", "", "x = 1\n"])
def test_text_that_is_no_policy_is_refused(text: str) -> None:
    assert lint_failure(Program.from_text(text)) is not None


def test_programs_of_several_files_are_left_alone() -> None:
    program = Program.from_files({"program.py": "import helper\n" + policy("    pass").text, "helper.py": ""})
    assert lint_failure(program) is None


def test_the_service_refuses_before_it_evaluates() -> None:
    package = build()
    backend = InlineBackend(package, InProcessSandbox())
    reference = ProblemRef(name="lakehouse", suite="default")

    async def evaluate() -> Failed:
        async with EvaluationService(package, backend, MemoryRun(), reference=reference, tier="trusted") as service:
            outcome = await service.evaluate(policy("    free = s.executor.pols[0]"))
            assert isinstance(outcome, Failed)
            return outcome

    failed = asyncio.run(evaluate())
    assert failed.stage == "check"
    assert failed.cost.cpu_s == 0
