"""Answers of a scheduler, checked on the trusted side before any of them takes effect."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

__all__ = [
    "RULES",
    "Answer",
    "AssignmentOrder",
    "FaultKind",
    "Gate",
    "IllegalAnswer",
    "Message",
    "PolicyFault",
    "Scheduler",
    "SuspensionOrder",
    "shown",
]

Message = dict[str, object]
"""Plain data only; `thekla.simulators.lakehouse.session` documents what each message holds."""

FaultKind = str
"""What went wrong: `exception` or `hidden` in the policy, `bad_message` of a session, or one of `RULES`."""

RULES = (
    "bad_answer",
    "bad_priority",
    "bad_size",
    "bad_wake",
    "duplicate",
    "illegal_transition",
    "no_function",
    "not_assignable",
    "not_suspendable",
    "operator_count",
    "overallocated_cpu",
    "overallocated_ram",
    "parents_incomplete",
    "unknown_container",
    "unknown_operator",
    "unknown_pool",
    "zero_tick_operator",
)
"""The rules that an answer can break."""


class Scheduler(Protocol):
    """Whatever answers the lakehouse's messages: a policy in this process, or one in a sandboxed guest."""

    def start(self, message: Message, /) -> Message: ...
    def step(self, message: Message, /) -> Message: ...


@dataclass(frozen=True, kw_only=True)
class PolicyFault:
    """What a policy did wrong, and when.

    Args:
        kind: The rule that was broken, or `exception`, `hidden` or `bad_message`.
        tick: The tick in which it took effect.
        message: What was found and what was expected, in a sentence.
        value: What was found, as text; empty where that is not one value.
        allowed: What would have been right, as text.
        line: Line of the program that asked for it, or None if that is unknown.
        traceback: Frames of the program, for an exception.
    """

    kind: FaultKind
    tick: int
    message: str
    value: str = ""
    allowed: str = ""
    line: int | None = None
    traceback: str = ""


class IllegalAnswer(Exception):
    """An answer broke a rule; it becomes a `PolicyFault`."""

    def __init__(
        self, kind: FaultKind, message: str, *, value: str = "", allowed: str = "", line: int = 0, traceback: str = ""
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.value = value
        self.allowed = allowed
        self.line = line
        self.traceback = traceback

    def fault(self, tick: int) -> PolicyFault:
        """The fault that it is in a tick."""
        return PolicyFault(
            kind=self.kind,
            tick=tick,
            message=self.message,
            value=self.value,
            allowed=self.allowed,
            line=self.line or None,
            traceback=self.traceback,
        )


class AssignmentOrder(NamedTuple):
    """A container to create: operator numbers in running order, its size, its priority; where in the answer it was."""

    operators: list[int]
    cpu: float
    ram_gb: float
    priority: int
    place: int
    line: int


class SuspensionOrder(NamedTuple):
    """A container to suspend; where in the answer it was."""

    container: int
    place: int
    line: int


class Answer(NamedTuple):
    """A well-formed answer, by pool, and the ticks after which the policy asked to be called again.

    It is empty if it asks for nothing, not even for what is refused.
    """

    suspensions: dict[int, list[SuspensionOrder]]
    assignments: dict[int, list[AssignmentOrder]]
    suspension_count: int
    assignment_count: int
    wake_ticks: int | None
    why: str
    empty: bool


# What a session may report of its policy; every other kind is the engine's finding.
_REFUSALS = (
    "bad_answer",
    "bad_priority",
    "bad_size",
    "bad_wake",
    "duplicate",
    "no_function",
    "not_assignable",
    "operator_count",
    "unknown_container",
    "unknown_operator",
    "unknown_pool",
)
_FAULTS = ("exception", "hidden", *_REFUSALS)
# Far beyond any lakehouse, and well inside what floats can square and sum.
_SMALLEST, _LARGEST = 1e-9, 1e9
_LONGEST = 200  # characters of a reason
_KEPT = 100  # refusals that are told one by one; all are counted
_NOTHING = Answer({}, {}, 0, 0, None, "", True)


class Gate:
    """Lets through what is right in the answers of one simulation.

    What is not ends the simulation, or, if it is `lenient`, is counted and left out.
    """

    def __init__(self, *, num_pools: int, lenient: bool) -> None:
        self._num_pools = num_pools
        self._lenient = lenient
        self.refusals: Counter[FaultKind] = Counter()
        self.refused: list[PolicyFault] = []
        self.stops_back: list[int] = []
        """Places in the last answer of the suspensions that were refused."""
        self.orders_back: list[int] = []
        """Places in the last answer of the assignments that were refused."""

    def has_turned_back(self) -> bool:
        """Whether any order of the last answer was refused."""
        return bool(self.stops_back or self.orders_back)

    def refuse(self, illegal: IllegalAnswer, tick: int, order: AssignmentOrder | SuspensionOrder | None = None) -> None:
        """Notes what broke a rule.

        Raises:
            IllegalAnswer: The simulation is not lenient.
        """
        if order is not None:
            illegal.line = order.line
        if not self._lenient:
            raise illegal
        self.refusals[illegal.kind] += 1
        if len(self.refused) < _KEPT:
            self.refused.append(illegal.fault(tick))
        if isinstance(order, AssignmentOrder):
            self.orders_back.append(order.place)
        elif order is not None:
            self.stops_back.append(order.place)

    def read(self, message: object, tick: int) -> Answer:
        """The answer that a message holds, if its shape, numbers and pools are right.

        Raises:
            IllegalAnswer: The message reports a fault of the policy, or it is not a well-formed answer.
        """
        self.stops_back, self.orders_back = [], []
        if not isinstance(message, dict):
            raise _unlike("bad_message", "the answer", message, "an object")
        if not message:
            return _NOTHING
        if "fault" in message:
            raise _reported(message["fault"], _FAULTS)
        if not message.keys() <= {"a", "s", "l", "w", "x", "y"}:
            keys = sorted(map(str, message))
            raise _unlike("bad_message", "the list of keys of the answer", keys, "some of a, l, s, w, x and y")
        stops, orders = _list(message, "s"), _list(message, "a")
        lines = _lines(message, len(stops) + len(orders))
        reports = _list(message, "x")
        self._note_reports(reports, tick)
        suspensions: dict[int, list[SuspensionOrder]] = {}
        assignments: dict[int, list[AssignmentOrder]] = {}
        for place, stop in enumerate(stops):
            suspension = SuspensionOrder(-1, place, lines[place])
            try:
                pool, suspension = _suspension(stop, suspension, self._num_pools)
            except IllegalAnswer as illegal:
                self._refuse_entry(illegal, tick, suspension)
            else:
                suspensions.setdefault(pool, []).append(suspension)
        for place, order in enumerate(orders):
            assignment = AssignmentOrder([], 0, 0, 0, place, lines[len(stops) + place])
            try:
                pool, assignment = _assignment(order, assignment, self._num_pools)
            except IllegalAnswer as illegal:
                self._refuse_entry(illegal, tick, assignment)
            else:
                assignments.setdefault(pool, []).append(assignment)
        empty = not (stops or orders or reports)
        return Answer(suspensions, assignments, len(stops), len(orders), _wake(message), _why(message), empty)

    def _refuse_entry(self, illegal: IllegalAnswer, tick: int, order: AssignmentOrder | SuspensionOrder) -> None:
        if illegal.kind == "bad_message":
            raise illegal
        self.refuse(illegal, tick, order)

    def _note_reports(self, reports: list[object], tick: int) -> None:
        """Counts what the session refused itself, as [kind, message, line, value, allowed]."""
        for report in reports:
            if not (isinstance(report, list) and len(report) == 5 and self._lenient):
                raise _unlike("bad_message", "a refusal", report, "none, or in a lenient simulation a list of five")
            kind, text, line, value, allowed = report
            illegal = _reported([kind, text, "", line, value, allowed], _REFUSALS)
            if illegal.kind == "bad_message":
                raise illegal
            self.refuse(illegal, tick)


def _reported(report: object, kinds: tuple[str, ...]) -> IllegalAnswer:
    """What a session reports of its policy, as an exception."""
    if isinstance(report, list) and len(report) in (3, 6):
        kind, message, traceback, line, value, allowed = report if len(report) == 6 else [*report, 0, "", ""]
        texts = (kind, message, traceback, value, allowed)
        if all(isinstance(text, str) for text in texts) and type(line) is int and line >= 0 and kind in kinds:
            return IllegalAnswer(kind, message, value=value, allowed=allowed, line=line, traceback=traceback)
    expected = f"[kind, message, traceback, line, value, allowed] with the kind one of {', '.join(kinds)}"
    return _unlike("bad_message", "the report of a fault", report, expected)


def _list(message: Mapping[str, object], key: str) -> list[object]:
    value = message.get(key, [])
    if not isinstance(value, list):
        raise _unlike("bad_message", f"{key!r} of the answer", value, "a list")
    return value


def _lines(message: Mapping[str, object], count: int) -> list[int]:
    lines = _list(message, "l")
    if not lines:
        return [0] * count
    if len(lines) != count:
        raise _unlike("bad_message", "the lines of the answer", lines, f"{count} numbers")
    return [line if type(line) is int and line >= 0 else 0 for line in lines]


def _suspension(value: object, order: SuspensionOrder, num_pools: int) -> tuple[int, SuspensionOrder]:
    if not (isinstance(value, list) and len(value) == 2 and type(value[0]) is int):
        raise _unlike("bad_message", "a suspension", value, "[container, pool]")
    return _pool(value[1], num_pools), order._replace(container=value[0])


def _assignment(value: object, order: AssignmentOrder, num_pools: int) -> tuple[int, AssignmentOrder]:
    if not (isinstance(value, list) and len(value) == 5 and isinstance(value[0], list)):
        raise _unlike("bad_message", "an assignment", value, "[operators, cpu, ram, priority, pool]")
    operators, cpu, ram_gb, priority, pool = value
    if not operators:
        raise _unlike("operator_count", "the operators of an assignment", operators, "at least one")
    if priority not in (1, 2, 3):
        raise _unlike("bad_priority", "the priority of an assignment", priority, "1, 2 or 3")
    size = _size("cpu", cpu), _size("ram", ram_gb)
    return _pool(pool, num_pools), AssignmentOrder(operators, *size, priority, order.place, order.line)


def _pool(value: object, num_pools: int) -> int:
    if type(value) is not int or not 0 <= value < num_pools:
        raise _unlike("unknown_pool", "the pool", value, f"a number from 0 to {num_pools - 1}")
    return value


def _size(name: str, value: object) -> float:
    if (type(value) is not int and type(value) is not float) or not (_SMALLEST <= value <= _LARGEST):
        raise _unlike("bad_size", f"{name} of an assignment", value, f"a number from {_SMALLEST:g} to {_LARGEST:g}")
    return value


def _wake(message: Mapping[str, object]) -> int | None:
    value = message.get("w")
    if value is None:
        return None
    if type(value) is not int or value < 1:
        raise _unlike("bad_wake", "the number of ticks after which to call", value, "an integer >= 1")
    return value


def _why(message: Mapping[str, object]) -> str:
    why = message.get("y", "")
    if not isinstance(why, str):
        raise _unlike("bad_message", "'y' of the answer", why, "a text")
    return why[:_LONGEST]


def _unlike(kind: FaultKind, what: str, value: object, allowed: str) -> IllegalAnswer:
    found = shown(value)
    return IllegalAnswer(kind, f"{what} is {found}; expected {allowed}", value=found, allowed=allowed)


def shown(value: object) -> str:
    """A value from outside as it appears in a message: cut to 80 characters, and never an error."""
    try:
        text = repr(value)
    except ValueError:  # an integer of thousands of digits has no repr
        text = f"a {type(value).__name__} too long to show"
    return text if len(text) <= 80 else f"{text[:77]}..."
