"""Guests under observation: what crosses between a referee and a program can be recorded, changed or broken.

Whatever a candidate does in its process, all that it can tell the referee are answers. A check that changes answers on
the way therefore speaks for every program, whatever the interface.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from thekla.core.evaluation import Limits, Usage
from thekla.core.problem import Interface
from thekla.core.program import Program
from thekla.core.protocols import Guest, Sandbox
from thekla.core.values import Value

__all__ = ["Call", "Meddler", "Transcript", "WatchedGuest", "WatchingSandbox", "honest"]


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call of the referee and the program's answer; `number` counts from 0."""

    number: int
    name: str
    args: tuple[Value, ...]
    answer: Value


Meddler: TypeAlias = Callable[[Call], Value]
"""What the referee is told instead of the program's answer; it may raise `GuestFault` or `SandboxError`."""


def honest(call: Call) -> Value:
    """The program's own answer."""
    return call.answer


@dataclass
class Transcript:
    """What crossed: calls as the program answered them, and what it was told when it called back."""

    calls: list[Call] = field(default_factory=list)
    served: list[Value] = field(default_factory=list)

    def told(self) -> list[Value]:
        """Everything that the program got to know."""
        return [*(argument for call in self.calls for argument in call.args), *self.served]


class WatchedGuest:
    """A guest whose calls are recorded and whose answers a meddler may change (`core.protocols.Guest`)."""

    def __init__(self, guest: Guest, meddler: Meddler, transcript: Transcript) -> None:
        self._guest = guest
        self._meddler = meddler
        self._transcript = transcript

    def call(self, name: str, *args: Value) -> Value:
        """The answer that the meddler makes of the program's."""
        answer = self._guest.call(name, *args)
        call = Call(number=len(self._transcript.calls), name=name, args=args, answer=answer)
        self._transcript.calls.append(call)
        return self._meddler(call)

    def serve(self, name: str, answer: Callable[..., Value]) -> None:
        """As the guest's own, with the answers recorded."""

        def recorded(*args: Value) -> Value:
            told = answer(*args)
            self._transcript.served.append(told)
            return told

        self._guest.serve(name, recorded)

    def close(self) -> None:
        """End the guest."""
        self._guest.close()

    @property
    def usage(self) -> Usage:
        """The guest's usage."""
        return self._guest.usage


class WatchingSandbox:
    """A sandbox for one job: its first guest is watched, a reference beside it is not.

    It does not own the sandbox that it uses, and closing it closes nothing.
    """

    def __init__(self, sandbox: Sandbox, meddler: Meddler) -> None:
        self._sandbox = sandbox
        self._meddler = meddler
        self._opened = False
        self.transcript = Transcript()

    @property
    def tier(self) -> str:
        """The tier of the sandbox that it uses."""
        return self._sandbox.tier

    def open(self, program: Program, interface: Interface, limits: Limits, *, seed: int = 0) -> Guest:
        """A fresh guest, watched if it is the first."""
        guest = self._sandbox.open(program, interface, limits, seed=seed)
        if self._opened:
            return guest
        self._opened = True
        return WatchedGuest(guest, self._meddler, self.transcript)

    def close(self) -> None:
        """Nothing."""
