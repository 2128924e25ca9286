"""A recorded guest can be judged again without its program, and only to the same end."""

from __future__ import annotations

import pytest

from thekla.core.errors import GuestFault
from thekla.core.evaluation import InstanceResult
from thekla.core.problem import Split
from thekla.core.program import Program
from thekla.core.protocols import Guest
from thekla.core.values import Value
from thekla.sandbox import DecisionLog, RecordingGuest, ReplayDiffers, ReplayedGuest, TrustedSandbox
from thekla.testing.sandboxes import LIMITS, interface_of
from thekla.testing.toy import build

POLICY = Program.from_text("def f(x):\n    return [price(x), price(x + 1), x]\n")


def recorded(program: Program, xs: list[int]) -> tuple[DecisionLog, list[Value]]:
    log = DecisionLog()
    with TrustedSandbox() as sandbox:
        guest = RecordingGuest(sandbox.open(program, interface_of("f", given=("price",)), LIMITS), log)
        answers = judged(guest, xs)
        guest.close()
    return log, answers


def judged(guest: Guest, xs: list[int], *, factor: int = 10) -> list[Value]:
    guest.serve("price", lambda x: x * factor if isinstance(x, int) else None)
    return [guest.call("f", x) for x in xs]


def test_replay_gives_the_recorded_answers_and_asks_the_recorded_questions() -> None:
    log, answers = recorded(POLICY, [1, 2, 3])
    replayed = ReplayedGuest(log)
    assert judged(replayed, [1, 2, 3]) == answers == [[10, 20, 1], [20, 30, 2], [30, 40, 3]]
    assert replayed.served == {"price": 6}
    assert replayed.left == []
    assert replayed.usage == log.usage
    assert log.size_bytes > 50


def test_replay_refuses_another_question() -> None:
    log, _ = recorded(POLICY, [1, 2])
    with pytest.raises(ReplayDiffers, match="call 2"):
        judged(ReplayedGuest(log), [1, 3])
    with pytest.raises(ReplayDiffers, match="call 3"):
        judged(ReplayedGuest(log), [1, 2, 3])
    assert len(ReplayedGuest(log).left) == 2


def test_replay_refuses_another_answer_of_the_referee() -> None:
    log, _ = recorded(POLICY, [1])
    with pytest.raises(ReplayDiffers, match="another answer to 'price'"):
        judged(ReplayedGuest(log), [1], factor=11)


def test_replay_repeats_a_fault() -> None:
    log = DecisionLog()
    with TrustedSandbox() as sandbox:
        program = Program.from_text("def f(x):\n    return 1 // x\n")
        guest = RecordingGuest(sandbox.open(program, interface_of("f"), LIMITS), log)
        assert guest.call("f", 1) == 1
        with pytest.raises(GuestFault):
            guest.call("f", 0)
    replayed = ReplayedGuest(log)
    assert replayed.call("f", 1) == 1
    with pytest.raises(GuestFault, match="ZeroDivisionError") as caught:
        replayed.call("f", 0)
    assert caught.value.kind == "crash"


def test_score_of_a_problem_follows_from_the_decisions_alone() -> None:
    toy = build()
    log = DecisionLog()
    instance = toy.problem.instances[Split.TRAIN][0]

    def judge(guest: Guest) -> InstanceResult:
        return toy.judge(guest, instance, seed=1)

    with TrustedSandbox() as sandbox:
        guest = RecordingGuest(sandbox.open(toy.problem.seeds[0], toy.problem.interface, toy.limits), log)
        first = judge(guest)
        guest.close()
    assert judge(ReplayedGuest(log)) == first
    assert first.scores
