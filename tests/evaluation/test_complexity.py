"""Complexity counts what has to be read, and nothing that explains it."""

import asyncio

import pytest

from thekla.core.errors import ConfigError
from thekla.core.evaluation import Scored
from thekla.core.problem import Objective, ProblemRef
from thekla.core.program import Program
from thekla.evaluation.backends import InlineBackend
from thekla.evaluation.complexity import COMPLEXITY, complexity
from thekla.evaluation.service import EvaluationService
from thekla.storage import MemoryRun
from thekla.testing.guests import InProcessSandbox
from thekla.testing.toy import ToyPackage

PLAIN = "def f(x):\n    return x + 1\n"


def nodes(text: str) -> float:
    return complexity(Program.from_text(text))


def test_comments_docstrings_and_blank_lines_are_free() -> None:
    explained = '"""What it is."""\n\n# why\ndef f(x):\n    """What it gives."""\n\n    return x + 1  # one more\n'
    assert nodes(explained) == nodes(PLAIN)
    assert nodes(PLAIN + "\ny = 'text'\n") > nodes(PLAIN)


def test_every_further_expression_costs() -> None:
    assert nodes("def f(x):\n    return x\n") < nodes(PLAIN) < nodes("def f(x):\n    return x + 1 if x else 0\n")


def test_all_python_files_of_a_program_count() -> None:
    both = Program.from_files({"program.py": PLAIN, "helper.py": PLAIN, "notes.txt": "not python at all ("})
    assert complexity(both) == 2 * nodes(PLAIN)


def service(*objectives: Objective) -> EvaluationService:
    package = ToyPackage()
    asked = (*package.problem.objectives, *objectives)
    reference = ProblemRef(name="toy", suite="default")
    backend = InlineBackend(package, InProcessSandbox())
    return EvaluationService(package, backend, MemoryRun(), reference=reference, tier="trusted", objectives=asked)


def test_service_adds_what_is_computed_from_the_program() -> None:
    package = ToyPackage()

    async def judged() -> list[Scored]:
        async with service(COMPLEXITY) as opened:
            instances = next(iter(package.problem.instances.values()))
            found = [await opened.judge_baseline(each, instances, stage="train") for each in package.baselines]
            return [each for each in found if isinstance(each, Scored)]

    ones, near, oracle = asyncio.run(judged())
    assert ones.scores["complexity"] == complexity(package.problem.seeds[0]) == near.scores["complexity"]
    assert set(oracle.scores) == {"score"}
    assert all("complexity" not in result.scores for result in ones.instances.values())


def test_objective_without_a_rule_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"beauty.*complexity"):
        service(Objective(name="beauty", unit="1", direction="maximize", source="program"))
