"""Programs that an audit makes by itself: worthless ones, which must score nothing, and seeds that do harm besides."""

from __future__ import annotations

from collections.abc import Mapping

from thekla.core.problem import Interface
from thekla.core.program import Program

__all__ = ["meddling", "raising", "spoiling", "worthless"]

_ANSWERS: Mapping[str, str] = {
    "no-op": "None",
    "empty list": "[]",
    "empty mapping": "{}",
    "empty text": "''",
    "constant 0": "0",
    "constant 1": "1",
    "constant -1": "-1",
    "constant true": "True",
    "huge number": "1e300",
    "first argument": "arguments[0] if arguments else None",
    "half of the first argument": "list(arguments[0])[: len(arguments[0]) // 2]",
}

_SPOIL = """

def _audit_spoil(value, factor, depth, seen):
    if depth == 0 or id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, list):
        items, store = enumerate(list(value)), value.__setitem__
    elif isinstance(value, dict):
        items, store = list(value.items()), value.__setitem__
    elif hasattr(value, "__dict__"):
        items, store = list(vars(value).items()), lambda name, item: setattr(value, name, item)
    elif isinstance(value, tuple):
        items, store = enumerate(value), None
    else:
        return
    for name, item in items:
        if type(item) in (int, float) and store is not None:
            try:
                store(name, type(item)(item * factor))
            except Exception:
                continue
        else:
            _audit_spoil(item, factor, depth - 1, seen)


def _audit_spoiling(function):
    def spoiling(*arguments):
        answer = function(*arguments)
        for argument in arguments:
            _audit_spoil(argument, {factor!r}, 6, set())
        return answer

    return spoiling


"""

_MEDDLE = """
import builtins as _audit_builtins
import math as _audit_math
import random as _audit_random
import sys as _audit_sys
import time as _audit_time

for _audit_name in ("time", "monotonic", "perf_counter", "process_time", "thread_time"):
    setattr(_audit_time, _audit_name, lambda: 0.0)
for _audit_name in ("time_ns", "monotonic_ns", "perf_counter_ns", "process_time_ns"):
    setattr(_audit_time, _audit_name, lambda: 0)
_audit_random.seed(0)
_audit_math.isfinite = lambda value: True
_audit_math.isnan = lambda value: False
for _audit_module in [*_audit_sys.modules.values()]:
    if "referee" in getattr(_audit_module, "__name__", "") or "thekla" in getattr(_audit_module, "__name__", ""):
        for _audit_name, _audit_value in list(vars(_audit_module).items()):
            if callable(_audit_value):
                setattr(_audit_module, _audit_name, lambda *arguments, **named: 1e9)
"""


def worthless(interface: Interface) -> dict[str, Program]:
    """Programs that define every required function and do no work, by what they answer."""
    return {name: _answering(interface, f"return {answer}") for name, answer in _ANSWERS.items()}


def raising(interface: Interface) -> Program:
    """A program whose functions all raise."""
    return _answering(interface, "raise RuntimeError('on purpose')")


def spoiling(seed: Program, interface: Interface, *, factor: float) -> Program:
    """A seed that multiplies every number in its arguments after it has answered honestly."""
    names = [function.name for function in interface.functions]
    wrapped = "\n".join(f"if '{name}' in globals():\n    {name} = _audit_spoiling({name})" for name in names)
    return seed.with_text(seed.text + _SPOIL.replace("{factor!r}", repr(factor)) + wrapped + "\n")


def meddling(seed: Program) -> Program:
    """A seed that first changes clocks, random numbers, arithmetic and whatever of the evaluator it can reach."""
    return seed.with_text(seed.text + _MEDDLE)


def _answering(interface: Interface, statement: str) -> Program:
    required = [function.name for function in interface.functions if function.required]
    names = required or [function.name for function in interface.functions[:1]]
    return Program.from_text("\n\n".join(f"def {name}(*arguments):\n    {statement}\n" for name in names))
