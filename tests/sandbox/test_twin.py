"""A twin's guests differ from the usual ones in hash seed and address layout, and in nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from thekla.core.errors import GuestFault
from thekla.core.evaluation import EvaluationJob, Limits
from thekla.core.problem import Function, Interface, ProblemRef, Split
from thekla.core.program import Program
from thekla.core.protocols import DetailedSandbox, Guest, Sandbox, TwinnedSandbox
from thekla.core.values import Value
from thekla.evaluation.judging import judge_job
from thekla.sandbox import StrictSandbox, TrustedSandbox
from thekla.testing.toy import ToyPackage

INTERFACE = Interface(functions=(Function(name="answer", parameters=(), result="object"),))
LIMITS = Limits(wall_s=20.0, cpu_s=5.0, memory_mb=128)

ORDERS = """
import random, sys

class Plain:
    pass

def answer():
    things = [Plain() for _ in range(64)]
    by_address = sorted(range(64), key=lambda i: id(things[i]))
    words = list({f"word{i}" for i in range(64)})
    return {"words": words, "by_address": by_address, "drawn": [random.random() for _ in range(3)],
            "path": list(sys.path), "flags": [sys.flags.safe_path, sys.flags.no_site]}
"""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[StrictSandbox]:
    with StrictSandbox(test_itself=False) as made:
        yield made


def ask(sandbox: Sandbox, text: str = ORDERS) -> dict[str, Value]:
    guest: Guest = sandbox.open(Program.from_text(text), INTERFACE, LIMITS, seed=7)
    try:
        answer = guest.call("answer")
    finally:
        guest.close()
    assert isinstance(answer, dict)
    return answer


def test_sets_of_texts_have_another_order_in_the_twin_and_the_same_in_every_usual_guest(sandbox: StrictSandbox) -> None:
    usual, again, twin = ask(sandbox), ask(sandbox), ask(sandbox.twin())
    assert usual["words"] == again["words"] != twin["words"]
    assert sorted(map(str, usual["words"])) == sorted(map(str, twin["words"]))  # type: ignore[arg-type]  # a list
    assert [usual[name] for name in ("drawn", "path", "flags")] == [twin[name] for name in ("drawn", "path", "flags")]


def test_an_evaluation_and_its_twin_tell_what_the_tier_rests_on(sandbox: StrictSandbox) -> None:
    assert isinstance(sandbox, DetailedSandbox)
    package = ToyPackage()
    job = EvaluationJob(
        problem=ProblemRef(name="toy", suite="default"),
        program=package.problem.seeds[0],
        instance=package.problem.instances[Split.TRAIN][0],
        seed=0,
        stage="train",
        limits=LIMITS,
    )
    told = [judge_job(package, sandbox, each).details for each in (job, replace(job, twin=True))]
    features = sandbox.features
    assert told[0] == told[1] == sandbox.details()
    assert f"landlock {features.landlock}" in told[0]
    assert all(kind in told[0] for kind in features.namespaces)
    with TrustedSandbox() as trusted:
        assert judge_job(package, trusted, job).details == ""


def test_a_twin_is_confined_as_its_sandbox_is(sandbox: StrictSandbox) -> None:
    assert sandbox.twin().tier == sandbox.tier == "strict"
    with pytest.raises(GuestFault):
        ask(sandbox.twin(), "import socket\ndef answer():\n    socket.socket()\n    return {}\n")


def test_only_a_sandbox_with_processes_of_its_own_has_a_twin(sandbox: StrictSandbox) -> None:
    assert isinstance(sandbox, TwinnedSandbox)
    assert not isinstance(TrustedSandbox(), TwinnedSandbox)
