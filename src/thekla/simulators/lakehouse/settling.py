"""Whether further calls can change anything: a picture of a policy's state before a call, compared with that after it.

A policy's state is what can be reached from its own attributes of ``s`` and from the globals of its program: through
lists, dicts, sets, deques, tuples, functions (closures and defaults), bound methods, and objects of the program's own
classes. Views are not followed: a session is told of writes to them. Anything else, such as an iterator, cannot be
compared and counts as changed. Besides, the generator behind the module `random` is looked at.

Part of what a guest gets: nothing but the standard library and the files it names.
"""

import sys
from bisect import insort
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from fractions import Fraction
from functools import lru_cache, partial
from operator import is_
from random import Random
from types import (
    BuiltinFunctionType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
    NoneType,
    SimpleNamespace,
)
from typing import Any

from .present import Present

__all__ = ["Picture", "Settler"]

_Parts = Callable[[Any], list[Any]]

# Equal values of these types are as good as the same one.
_VALUES = frozenset((NoneType, bool, int, float, complex, str, bytes, range, Fraction))
# Objects of these modules' types hold nothing that a decision could depend on.
_STATELESS = ("__future__", "abc", "logging", "typing")
_SHARED = ("clock", "executor", "_present")  # attributes of ``s`` that are not the policy's own
_LOADERS = ("__builtins__", "__loader__", "__spec__")
_PATIENCE = 256  # quiet calls between two looks at a state that keeps changing, at most


def _of_dict(mapping: Mapping[Any, Any]) -> list[Any]:
    return [*mapping, *mapping.values()]


def _of_function(function: FunctionType) -> list[Any]:
    cells = function.__closure__ or ()
    return [*map(_content, cells), function.__defaults__, function.__kwdefaults__, *_of_dict(function.__dict__)]


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # nothing in it yet
        return None


def _of_class(owner: type) -> list[Any]:
    described = (property, staticmethod, classmethod)
    return [
        getattr(value, "__func__", None) or getattr(value, "fget", None) if isinstance(value, described) else value
        for name, value in vars(owner).items()
        if isinstance(value, FunctionType) or not (name.startswith("__") or name == "_abc_impl")
    ]


def _of_nothing(value: object) -> list[Any]:
    return []


_PARTS: dict[type, _Parts] = {
    **dict.fromkeys((list, tuple, set, frozenset, deque), list),
    **dict.fromkeys((dict, defaultdict, OrderedDict, Counter), _of_dict),
    **dict.fromkeys((object, ModuleType, GetSetDescriptorType, MemberDescriptorType), _of_nothing),
    MethodType: lambda method: [method.__func__, method.__self__],
    SimpleNamespace: lambda space: _of_dict(vars(space)),
    partial: lambda bound: [bound.func, bound.args, bound.keywords],
    type(lru_cache(_content)): lambda cached: [cached.__wrapped__],
    Random: lambda random: [hash(random.getstate())],
    bytearray: lambda data: [bytes(data)],
}


class Picture:
    """The state reachable from some roots, remembered by `take` and compared by `change`.

    Args:
        home: Name of the program's module: functions, classes and objects of classes defined there are followed.
        followed: Further classes whose objects are followed.
        views: Types whose objects are not followed.
    """

    def __init__(self, home: str, *, followed: Iterable[type], views: Iterable[type]) -> None:
        self._home = home
        self._followed = frozenset(followed)
        self._plain = {*_VALUES, *views}
        self._roots: Mapping[str, object] = {}
        self._seen: list[tuple[str, Any, _Parts, list[Any]]] = []
        self._opaque = ""

    def take(self, roots: Mapping[str, object]) -> None:
        """Remembers what can be reached from the named roots."""
        self._seen, self._opaque, self._roots = [], "", roots
        plain, known = self._plain, set[int]()
        stack: list[tuple[str, Any]] = list(roots.items())
        if "random" in sys.modules:
            stack.append(("the module random", sys.modules["random"].getstate))
        while stack:
            name, value = stack.pop()
            if type(value) in plain or id(value) in known:
                continue
            known.add(id(value))
            parts_of = self._follow(value)
            if parts_of is None:
                self._opaque = f"{name} holds an object of type {type(value).__name__}, which cannot be compared"
                return
            parts = parts_of(value)
            self._seen.append((name, value, parts_of, parts))
            if not set(map(type, parts)) <= plain:
                stack += [(name, part) for part in parts if type(part) not in plain]

    def change(self, roots: Mapping[str, object]) -> str:
        """What has changed since `take`, or cannot be told, in a few words; empty if nothing has."""
        if self._opaque:
            return self._opaque
        for name in (*self._roots, *roots):
            if not _equal(roots.get(name, self), self._roots.get(name, self)):
                return f"{name} changes"
        for name, value, parts_of, before in self._seen:
            after = parts_of(value)
            if len(after) != len(before) or not (all(map(is_, after, before)) or all(map(_equal, after, before))):
                return f"{name} changes"
        return ""

    def _follow(self, value: Any) -> _Parts | None:
        """How to list what a value is made of, or None if that cannot be told."""
        kind = type(value)
        parts_of = _PARTS.get(kind)
        if parts_of is not None:
            return parts_of
        if kind.__module__ in _STATELESS or isinstance(value, Enum):
            return _of_nothing
        if isinstance(value, BuiltinFunctionType):
            # A method of a built-in object, such as `queue.append`, or a function, which is bound to its module.
            return lambda method: [method.__self__]
        if isinstance(value, FunctionType | type):
            followed = _of_class if isinstance(value, type) else _of_function
            return followed if value.__module__ == self._home else _of_nothing
        return self._follow_object(kind)

    def _follow_object(self, kind: type) -> _Parts | None:
        ours = [base for base in kind.__mro__ if base.__module__ == self._home or base in self._followed]
        rest = [base for base in kind.__mro__ if base not in ours and base.__module__ not in _STATELESS]
        if not ours or any(base not in _PARTS for base in rest):
            return None
        slots = [name for base in ours for name in _slots(base)]
        return lambda own: [
            *(part for base in rest for part in _PARTS[base](own)),
            *_of_dict(getattr(own, "__dict__", {})),
            *(getattr(own, name, None) for name in slots),
        ]


def _slots(base: type) -> list[str]:
    slots = vars(base).get("__slots__", ())
    return [slots] if isinstance(slots, str) else [name for name in slots if name not in ("__dict__", "__weakref__")]


def _equal(after: object, before: object) -> bool:
    return after is before or (type(after) is type(before) and type(after) in _VALUES and after == before)


class Settler:
    """Asks for calls on further ticks until a call has shown that the ones after it change nothing.

    A call is quiet if it brings no result and no pipeline and leaves no view to change by itself. If a quiet call
    answers nothing, leaves the policy's state as it was and reads nothing that passes with the tick, then a call on
    the next tick finds what this one found and does what it did: nothing. So it is with every tick after it, until
    there is news, the policy has asked to be called, or the age limit of a pipeline that it looked at has come.

    Args:
        namespace: The globals of the program.
        followed: Classes besides the program's own whose objects may be part of its state.
        views: Classes of the views.
    """

    def __init__(
        self, present: Present, namespace: Mapping[str, object], *, followed: Iterable[type], views: Iterable[type]
    ) -> None:
        self._present = present
        self._namespace = namespace
        self._picture = Picture(str(namespace.get("__name__")), followed=followed, views=views)
        self._wakes: list[int] = []
        self._failures = 0
        self._told = ""
        self.pause = 0
        """Quiet calls until the next look at the state."""

    def call(self, scheduler: object, act: Callable[[], dict[str, Any]], *, quiet: bool) -> dict[str, Any]:
        """Makes a call, and adds to its answer when the next one should be at the latest."""
        present = self._present
        present.begin()
        looks = quiet and self.pause == 0
        if looks:
            self._picture.take(self._roots(scheduler))
            present.watching = True
        try:
            message = act()
        finally:
            present.watching = False
        if quiet and not looks:
            self.pause -= 1
        why = self._unsettled(scheduler) if looks else ""
        if not looks or why or not message.keys() <= {"w"}:
            return self.go_on(message, why)
        self._remember_wake(message)
        due = min([present.expires, *self._wakes[:1]])
        return {"w": due - present.tick} if due < sys.maxsize else {}

    def go_on(self, message: dict[str, Any], why: str = "") -> dict[str, Any]:
        """The answer with the wish to be called on the next tick."""
        self._remember_wake(message)
        message["w"] = 1
        if why and self._failures > 1 and why != self._told:
            message["y"] = self._told = why
        return message

    def _unsettled(self, scheduler: object) -> str:
        present = self._present
        if present.touched:
            why = f"it sets {present.touched}"
        else:
            why = self._picture.change(self._roots(scheduler)) or (
                f"it reads {present.passing}" if present.passing else ""
            )
        self._failures = self._failures + 1 if why else 0
        self.pause = min(2**self._failures, _PATIENCE) if why else 0
        return why

    def _remember_wake(self, message: dict[str, Any]) -> None:
        tick = self._present.tick
        self._wakes = [wake for wake in self._wakes if wake > tick]
        if "w" in message:
            insort(self._wakes, tick + message["w"])

    def _roots(self, scheduler: object) -> dict[str, object]:
        roots = {name: value for name, value in self._namespace.items() if name not in _LOADERS}
        roots.update((f"s.{name}", value) for name, value in vars(scheduler).items() if name not in _SHARED)
        return roots
