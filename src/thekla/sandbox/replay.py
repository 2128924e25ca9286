"""Decisions of a guest, recorded, and judged again without it.

If a score can be reached from the recorded decisions alone, nothing but the decisions made it: the second judgement
runs no code of the program's. It costs less than the first, since the program's own work is not repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from thekla.core.errors import GuestFault, SandboxError
from thekla.core.evaluation import Usage
from thekla.core.protocols import Guest
from thekla.core.values import Value
from thekla.sandbox import wire

__all__ = ["Decision", "DecisionLog", "RecordingGuest", "ReplayDiffers", "ReplayedGuest"]


class ReplayDiffers(SandboxError):
    """A replay was asked something else than the recorded guest: the judgement depends on more than the decisions."""


_Ended: TypeAlias = tuple[str, str, str]  # kind, message and traceback of a fault


@dataclass(frozen=True, kw_only=True)
class Decision:
    """A call of a guest and what became of it.

    Args:
        asked: What the guest was asked, as the wire writes it.
        questions: What it asked back meanwhile: name, arguments, and the answer, each as the wire writes it.
        answer: What it answered, as the wire writes it; None if it ended.
        fault: How it ended; None if it answered.
    """

    asked: bytes
    questions: tuple[tuple[str, bytes, bytes], ...] = ()
    answer: bytes | None = None
    fault: _Ended | None = None


@dataclass(kw_only=True)
class DecisionLog:
    """All that a guest was asked and answered, in order, and what it used."""

    decisions: list[Decision] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)

    @property
    def size_bytes(self) -> int:
        """The length of all messages."""
        return sum(
            len(one.asked) + len(one.answer or b"") + sum(len(asked) + len(told) for _, asked, told in one.questions)
            for one in self.decisions
        )


class RecordingGuest:
    """A guest that passes calls on and keeps a log of them.

    Batched and packed calls are not passed on: a referee that finds none makes plain ones.
    """

    def __init__(self, guest: Guest, log: DecisionLog) -> None:
        self._guest = guest
        self._log = log
        self._questions: list[tuple[str, bytes, bytes]] = []

    def call(self, name: str, *args: Value) -> Value:
        """As the guest's."""
        asked = wire.encode([name, list(args)])
        self._questions = []
        try:
            answer = self._guest.call(name, *args)
        except GuestFault as fault:
            self._note(asked, fault=(fault.kind, fault.message, fault.traceback))
            raise
        self._note(asked, answer=wire.encode(answer))
        return answer

    def serve(self, name: str, answer: Callable[..., Value]) -> None:
        """As the guest's."""

        def answering(*args: Value) -> Value:
            asked = wire.encode(list(args))
            told = answer(*args)
            self._questions.append((name, asked, wire.encode(told)))
            return told

        self._guest.serve(name, answering)

    def close(self) -> None:
        """As the guest's; its usage is then in the log."""
        self._guest.close()
        self._log.usage = self._guest.usage

    @property
    def usage(self) -> Usage:
        """As the guest's."""
        return self._guest.usage

    def _note(self, asked: bytes, *, answer: bytes | None = None, fault: _Ended | None = None) -> None:
        decision = Decision(asked=asked, questions=tuple(self._questions), answer=answer, fault=fault)
        self._log.decisions.append(decision)


class ReplayedGuest:
    """A guest that has no program: it gives the answers of a log, in its order, if it is asked what the log says.

    What the guest asked back is asked back again, so that a referee that counts or answers does so again.
    """

    def __init__(self, log: DecisionLog) -> None:
        self._log = log
        self._at = 0
        self._served: dict[str, Callable[..., Value]] = {}
        self._counts: dict[str, int] = {}

    def call(self, name: str, *args: Value) -> Value:
        """The recorded answer.

        Raises:
            GuestFault: The recorded guest ended here.
            ReplayDiffers: It was asked something else, or told something else when it asked back.
        """
        asked = wire.encode([name, list(args)])
        decision = self._next(asked)
        for question, words, told in decision.questions:
            self._counts[question] = self._counts.get(question, 0) + 1
            if question not in self._served or wire.encode(self._served[question](*_list(words))) != told:
                raise ReplayDiffers(f"call {self._at} of the replay: another answer to {question!r} than was recorded")
        if decision.fault is not None:
            raise GuestFault(*decision.fault)
        if decision.answer is None:
            raise ValueError(f"decision {self._at} of the log has neither an answer nor a fault")
        return wire.decode(decision.answer)

    def serve(self, name: str, answer: Callable[..., Value]) -> None:
        """Let the recorded questions of that name be answered."""
        self._served[name] = answer
        self._counts.setdefault(name, 0)

    def close(self) -> None:
        """Nothing: there is no process."""

    @property
    def served(self) -> Mapping[str, int]:
        """How often each name has been asked back."""
        return dict(self._counts)

    @property
    def usage(self) -> Usage:
        """What the recorded guest used."""
        return self._log.usage

    @property
    def left(self) -> Sequence[Decision]:
        """The decisions that have not been asked for."""
        return self._log.decisions[self._at :]

    def _next(self, asked: bytes) -> Decision:
        decisions = self._log.decisions
        if self._at >= len(decisions) or decisions[self._at].asked != asked:
            raise ReplayDiffers(f"call {self._at + 1} of the replay is not what the guest was asked")
        self._at += 1
        return decisions[self._at - 1]


def _list(words: bytes) -> list[Value]:
    value = wire.decode(words)
    return value if isinstance(value, list) else [value]
