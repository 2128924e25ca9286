"""A twin's guests differ from the usual ones in hash seed and address layout, and in nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from thekla.core.errors import GuestFault
from thekla.core.evaluation import Limits
from thekla.core.problem import Function, Interface
from thekla.core.program import Program
from thekla.core.protocols import Guest, Sandbox, TwinnedSandbox
from thekla.core.values import Value
from thekla.sandbox import StrictSandbox, TrustedSandbox

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


def test_a_twin_is_confined_as_its_sandbox_is(sandbox: StrictSandbox) -> None:
    assert sandbox.twin().tier == sandbox.tier == "strict"
    with pytest.raises(GuestFault):
        ask(sandbox.twin(), "import socket\ndef answer():\n    socket.socket()\n    return {}\n")


def test_only_a_sandbox_with_processes_of_its_own_has_a_twin(sandbox: StrictSandbox) -> None:
    assert isinstance(sandbox, TwinnedSandbox)
    assert not isinstance(TrustedSandbox(), TwinnedSandbox)
