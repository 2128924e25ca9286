"""Holds a program to the modules and calls that its problem allows. Standard library only; it runs beside the program.

It is a rule of the game and no wall: what a program must not reach at all is kept from it by the sandbox. Whoever goes
round it by way of frames or objects is found by reading the program, where the import by name would have been found.
"""

from __future__ import annotations

import builtins
import sys
import types
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NoReturn


class NotAllowedError(ImportError):
    """The program uses what its problem does not allow."""


def guarded_builtins(modules: Sequence[str] | None, forbidden: Sequence[str], own: Collection[str]) -> dict[str, Any]:
    """The built-in names as a program may use them.

    Args:
        modules: What it may import, with all below each; None: anything.
        forbidden: Calls that it may not make: names of built-ins, or dotted names.
        own: Names of the modules of the program itself.
    """
    guarded = dict(vars(builtins))
    guarded.update({name: _refusing(name) for name in forbidden if "." not in name})
    dotted = [name.rpartition(".") for name in forbidden if "." in name]
    load = builtins.__import__
    known = (*(modules or ()), *own, "__future__")

    def guarded_import(
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] = (),
        level: int = 0,
    ) -> types.ModuleType:
        wanted = [f"{name}.{each}" for each in fromlist or ()] or [name]
        if modules is not None and not level and not all(_covered(each, known) for each in wanted):
            raise NotAllowedError(
                f"{name!r} may not be imported; this problem allows {', '.join(modules) or 'nothing'}"
            )
        module = load(name, globals, locals, fromlist, level)
        for place, _, function in dotted:
            _close(place, function, guarded)
        return module

    guarded["__import__"] = guarded_import
    return guarded


def _covered(name: str, allowed: Collection[str]) -> bool:
    return any(name == each or name.startswith(f"{each}.") for each in allowed)


def _refusing(name: str) -> Callable[..., NoReturn]:
    def refuse(*arguments: object, **named: object) -> NoReturn:
        raise NotAllowedError(f"{name} may not be called; this problem asks for an algorithm of your own")

    return refuse


def _close(place: str, function: str, guarded: Mapping[str, Any]) -> None:
    """Let a function of a loaded module refuse the program, and serve everyone else as before."""
    owner = sys.modules.get(place)
    open_one = getattr(owner, function, None)
    if owner is None or open_one is None or getattr(open_one, "closed_for", None) is guarded:
        return
    original = getattr(open_one, "open_one", open_one)
    refuse = _refusing(f"{place}.{function}")

    def closed(*arguments: Any, **named: Any) -> Any:
        if sys._getframe(1).f_globals.get("__builtins__") is guarded:
            refuse()
        return original(*arguments, **named)

    closed.closed_for = guarded  # type: ignore[attr-defined]  # to be known again
    closed.open_one = original  # type: ignore[attr-defined]
    setattr(owner, function, closed)
