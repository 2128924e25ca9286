"""Answers of a scheduler, checked on the trusted side before any of them takes effect."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Never, Protocol

__all__ = [
    "Answer",
    "AssignmentOrder",
    "FaultKind",
    "IllegalAnswer",
    "Message",
    "PolicyFault",
    "Scheduler",
    "read_answer",
    "shown",
]

Message = dict[str, object]
"""Plain data only; `thekla.simulators.lakehouse.views` documents what each message holds."""

FaultKind = str
"""What went wrong: `exception`, `hidden` or `illegal` on the policy's side, or the rule that an answer broke."""


class Scheduler(Protocol):
    """Whatever answers the lakehouse's messages: a policy in this process, or one in a sandboxed guest."""

    def start(self, message: Message, /) -> Message: ...
    def step(self, message: Message, /) -> Message: ...


@dataclass(frozen=True, kw_only=True)
class PolicyFault:
    """Why a policy's simulation ended early: the rule that was broken, when, and what was found and allowed."""

    kind: FaultKind
    tick: int
    message: str
    traceback: str = ""


class IllegalAnswer(Exception):
    """An answer broke a rule; the engine turns it into a `PolicyFault`."""

    def __init__(self, kind: FaultKind, message: str, traceback: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.traceback = traceback


class AssignmentOrder(NamedTuple):
    """A container to create: operator numbers in running order, its size, its priority."""

    operators: list[int]
    cpu: float
    ram_gb: float
    priority: int


class Answer(NamedTuple):
    """A well-formed answer, by pool, and the ticks after which the policy asked to be called again."""

    suspensions: dict[int, list[int]]
    assignments: dict[int, list[AssignmentOrder]]
    suspension_count: int
    assignment_count: int
    wake_ticks: int | None


# What a policy's own side may report; every other kind is the engine's finding.
_POLICY_FAULTS = ("exception", "hidden", "illegal")
# Far beyond any lakehouse, and well inside what floats can square and sum.
_SMALLEST, _LARGEST = 1e-9, 1e9
_NOTHING = Answer({}, {}, 0, 0, None)


def read_answer(message: object, *, num_pools: int) -> Answer:
    """The answer that a message holds, if its shape, numbers and pools are right.

    Raises:
        IllegalAnswer: The message reports a fault of the policy, or it is not a well-formed answer.
    """
    if not isinstance(message, dict):
        _refuse("bad_message", f"the answer is {shown(message)}; expected an object")
    if not message:
        return _NOTHING
    if "fault" in message:
        _raise_fault(message["fault"])
    if not message.keys() <= {"a", "s", "w"}:
        _refuse("bad_message", f"the answer has the keys {shown(sorted(map(str, message)))}; expected a, s and w")
    suspensions: dict[int, list[int]] = {}
    assignments: dict[int, list[AssignmentOrder]] = {}
    stops, orders = _list(message, "s"), _list(message, "a")
    for stop in stops:
        if not (isinstance(stop, list) and len(stop) == 2 and type(stop[0]) is int):
            _refuse("bad_message", f"a suspension is {shown(stop)}; expected [container, pool]")
        suspensions.setdefault(_pool(stop[1], num_pools), []).append(stop[0])
    for order in orders:
        if not (isinstance(order, list) and len(order) == 5 and isinstance(order[0], list)):
            _refuse("bad_message", f"an assignment is {shown(order)}; expected [operators, cpu, ram, priority, pool]")
        operators, cpu, ram_gb, priority, pool = order
        if not operators:
            _refuse("operator_count", "an assignment has no operator; give it at least one")
        if priority not in (1, 2, 3):
            _refuse("bad_priority", f"the priority of an assignment is {shown(priority)}; expected 1, 2 or 3")
        assignments.setdefault(_pool(pool, num_pools), []).append(
            AssignmentOrder(operators, _size("cpu", cpu), _size("ram", ram_gb), priority)
        )
    return Answer(suspensions, assignments, len(stops), len(orders), _wake(message))


def _raise_fault(report: object) -> Never:
    if isinstance(report, list) and len(report) == 3 and all(isinstance(each, str) for each in report):
        kind, message, traceback = report
        if kind in _POLICY_FAULTS:
            raise IllegalAnswer(kind, message, traceback)
    expected = f"[kind, message, traceback] with the kind one of {', '.join(_POLICY_FAULTS)}"
    _refuse("bad_message", f"the fault is {shown(report)}; expected {expected}")


def _list(message: Mapping[str, object], key: str) -> list[object]:
    value = message.get(key, [])
    if not isinstance(value, list):
        _refuse("bad_message", f"{key!r} of the answer is {shown(value)}; expected a list")
    return value


def _pool(value: object, num_pools: int) -> int:
    if type(value) is not int or not 0 <= value < num_pools:
        _refuse("unknown_pool", f"the pool is {shown(value)}; pools are numbered 0 to {num_pools - 1}")
    return value


def _size(name: str, value: object) -> float:
    if (type(value) is not int and type(value) is not float) or not (_SMALLEST <= value <= _LARGEST):
        expected = f"a number from {_SMALLEST:g} to {_LARGEST:g}"
        _refuse("bad_size", f"{name} of an assignment is {shown(value)}; expected {expected}")
    return value


def _wake(message: Mapping[str, object]) -> int | None:
    value = message.get("w")
    if value is None:
        return None
    if type(value) is not int or value < 1:
        _refuse("bad_wake", f"the policy asked to be called after {shown(value)} ticks; expected an integer >= 1")
    return value


def _refuse(kind: FaultKind, message: str) -> Never:
    raise IllegalAnswer(kind, message)


def shown(value: object) -> str:
    """A value from outside as it appears in a message: cut to 80 characters, and never an error."""
    try:
        text = repr(value)
    except ValueError:  # an integer of thousands of digits has no repr
        text = f"a {type(value).__name__} too long to show"
    return text if len(text) <= 80 else f"{text[:77]}..."
