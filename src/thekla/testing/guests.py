"""A sandbox that is none: programs run in this process, for tests of referees and engines with honest programs."""

from __future__ import annotations

import functools
import random
import sys
import time
import types
from collections.abc import Callable
from typing import Any

from thekla.core.errors import GuestFault
from thekla.core.evaluation import Limits, Usage
from thekla.core.problem import Interface
from thekla.core.program import Program
from thekla.core.protocols import Guest
from thekla.core.values import Value

__all__ = ["ClockedGuest", "InProcessGuest", "InProcessSandbox"]


@functools.lru_cache(maxsize=64)
def _compiled(source: str, filename: str) -> types.CodeType:
    """A source text as code. Most guests of a test have the same interface."""
    return compile(source, filename, "exec", dont_inherit=True)


class InProcessGuest:
    """Keeps the promises of `core.protocols.Guest` for programs that mean no harm.

    Args:
        seed: Of the `random` module, which the whole process shares; so one such guest at a time.
    """

    def __init__(self, program: Program, interface: Interface, limits: Limits, *, seed: int = 0) -> None:
        self._started_s = time.process_time()
        self._spent_s = 0.0
        self._open = True
        namespace: dict[str, Any] = {"__name__": "program"}
        module = types.ModuleType("interface")
        adapter = vars(module)
        random.seed(seed)
        try:
            if interface.guest_source:
                sys.modules[module.__name__] = module  # as in a real guest: a dataclass looks its module up
                exec(_compiled(interface.guest_source, "interface.py"), adapter)
                namespace |= adapter["names"]()
            exec(_compiled(program.text, "program.py"), namespace)
            if interface.guest_source:
                self._functions: dict[str, Callable[..., Value]] = adapter["connect"](namespace)
            else:
                self._functions = {function.name: namespace[function.name] for function in interface.functions}
        except SyntaxError as error:
            raise GuestFault("syntax", str(error)) from error
        except Exception as error:  # border: a candidate's code
            raise GuestFault("crash", repr(error)) from error

    def call(self, name: str, *args: Value) -> Value:
        try:
            return self._functions[name](*args)
        except GuestFault:
            raise
        except Exception as error:  # border: a candidate's code
            raise GuestFault("crash", repr(error)) from error

    def serve(self, name: str, answer: Callable[..., Value]) -> None:
        raise GuestFault("protocol", f"the in-process guest serves no calls; {name!r} needs a real sandbox")

    def close(self) -> None:
        if self._open:
            self._spent_s = time.process_time() - self._started_s
            self._open = False

    @property
    def usage(self) -> Usage:
        spent = time.process_time() - self._started_s if self._open else self._spent_s
        return Usage(cpu_s=spent, wall_s=spent)


class InProcessSandbox:
    """Makes in-process guests; its tier is `trusted`."""

    tier = "trusted"

    def open(self, program: Program, interface: Interface, limits: Limits, *, seed: int = 0) -> InProcessGuest:
        return InProcessGuest(program, interface, limits, seed=seed)

    def close(self) -> None:
        return None


class ClockedGuest:
    """A guest whose every call takes as many CPU seconds as it is told, whatever it truly takes.

    Args:
        inner: Answers the calls.
        call_s: CPU seconds of a call.
    """

    def __init__(self, inner: Guest, call_s: float) -> None:
        self._inner = inner
        self._call_s = call_s
        self._calls = 0

    def call(self, name: str, *args: Value) -> Value:
        self._calls += 1
        return self._inner.call(name, *args)

    def serve(self, name: str, answer: Callable[..., Value]) -> None:
        self._inner.serve(name, answer)

    def close(self) -> None:
        self._inner.close()

    @property
    def usage(self) -> Usage:
        return Usage(cpu_s=self._calls * self._call_s)
