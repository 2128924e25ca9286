"""The strict tier, and what all tiers share whose guests are forked from a confined interpreter."""

from __future__ import annotations

import logging
import math
import os
import threading
from collections.abc import Callable, Mapping
from typing import ClassVar, Final, Self

from thekla.core.evaluation import Limits
from thekla.core.problem import Interface
from thekla.core.program import Program
from thekla.core.values import Value
from thekla.sandbox.enclosures import Enclosure
from thekla.sandbox.guest import StrictGuest
from thekla.sandbox.launch import Features, Zygote, ZygoteDied, ZygoteKind
from thekla.sandbox.order import order_of
from thekla.sandbox.selftest import probe, require

__all__ = ["StrictSandbox", "StrictTwin"]

_USUAL: Final = ZygoteKind()

_log = logging.getLogger(__name__)


class StrictSandbox:
    """The default tier: Landlock, a seccomp allow-list, hard limits, and namespaces where they can be had.

    It needs no root and no package. Guests are forked from a clean interpreter per set of declared wheels and count of
    threads. Limits hold for a guest's whole life, from its fork to its end, the host's own work between two calls
    included in the wall time; `memory_mb` is what a guest may map beyond the interpreter that it was forked from.

    Args:
        namespaces: Whether to use namespaces where they can be had; without them the tier still holds.
        test_itself: Whether to try attacks first and refuse if one works; only the full test may leave this out.
        enclosure: What the interpreter is started in, for the tiers around this one.

    Raises:
        SandboxError: Something that the tier needs is missing; it never goes weaker.
    """

    tier: ClassVar[str] = "strict"
    conceded: ClassVar[frozenset[str]] = frozenset()
    """Attacks that the tier does not claim to stop."""
    landlock: ClassVar[bool] = True

    def __init__(
        self, *, namespaces: bool = True, test_itself: bool = True, enclosure: Enclosure | None = None
    ) -> None:
        self._namespaces = namespaces
        self._enclosure = enclosure
        self._zygotes: dict[ZygoteKind, Zygote] = {}
        self._owner = os.getpid()
        self._lock = threading.Lock()
        self._zygote(_USUAL)
        if test_itself:
            self._test()

    @property
    def features(self) -> Features:
        """What the kernel granted."""
        return self._zygote(_USUAL).features

    @property
    def zygote_pid(self) -> int:
        """Process id of the zygote for interfaces without wheels; all of its guests descend from it."""
        return self._zygote(_USUAL).pid

    def open(self, program: Program, interface: Interface, limits: Limits, *, seed: int = 0) -> StrictGuest:
        """A fresh guest with the program loaded; its `random` is seeded from `seed`.

        Raises:
            GuestFault: The program cannot be loaded.
            SandboxError: The sandbox itself failed.
        """
        return self._open(program, interface, limits, seed, twin=False)

    def details(self) -> str:
        """What the tier rests on here, as in `landlock 6, namespaces mount uts ipc pid net, file system of its own`."""
        features = self.features
        parts = [f"landlock {features.landlock}" if features.landlock else "no landlock"]
        parts.append(f"namespaces {' '.join(features.namespaces)}" if features.namespaces else "no namespaces")
        return ", ".join([*parts, *(["file system of its own"] if features.enclosed else [])])

    def twin(self) -> StrictTwin:
        """The same tier under other accidents: guests with another hash seed and address layout."""
        return StrictTwin(self._open, self.tier, self.details)

    def _open(self, program: Program, interface: Interface, limits: Limits, seed: int, *, twin: bool) -> StrictGuest:
        order = order_of(program, interface, limits, seed)
        kind = ZygoteKind(wheels=tuple(sorted(set(interface.wheels))), threads=limits.threads, twin=twin)
        zygote = self._zygote(kind)
        try:
            return _opened(zygote, interface.guest_source, order, limits)
        except ZygoteDied as error:
            _log.warning("%s; starting it again", error)
            return _opened(self._restart(kind, zygote), interface.guest_source, order, limits)

    def close(self) -> None:
        """End all guests."""
        with self._lock:
            for zygote in self._zygotes.values():
                zygote.close()
            self._zygotes.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _test(self) -> None:
        try:
            require(probe(self, quick=True, conceded=self.conceded), tier=self.tier)
        except BaseException:
            self.close()
            raise

    def _zygote(self, kind: ZygoteKind) -> Zygote:
        with self._lock:
            if self._owner != os.getpid():  # after a fork of the host the zygotes are the parent's
                self._zygotes, self._owner = {}, os.getpid()
            if kind not in self._zygotes:
                self._zygotes[kind] = Zygote(
                    kind, namespaces=self._namespaces, landlock=self.landlock, enclosure=self._enclosure
                )
            return self._zygotes[kind]

    def _restart(self, kind: ZygoteKind, broken: Zygote) -> Zygote:
        with self._lock:
            if self._zygotes.get(kind) is broken:
                broken.close()
                del self._zygotes[kind]
        return self._zygote(kind)


class StrictTwin:
    """A sandbox whose guests have another hash seed and address layout; it closes with the one it is of."""

    def __init__(self, opening: Callable[..., StrictGuest], tier: str, details: Callable[[], str]) -> None:
        self._opening = opening
        self._details = details
        self.tier = tier

    def details(self) -> str:
        """As the sandbox that it is the twin of."""
        return self._details()

    def open(self, program: Program, interface: Interface, limits: Limits, *, seed: int = 0) -> StrictGuest:
        """As `StrictSandbox.open`."""
        return self._opening(program, interface, limits, seed, twin=True)

    def close(self) -> None:
        """Nothing: the guests are those of the sandbox that it is the twin of."""


def _opened(zygote: Zygote, source: str, order: Mapping[str, Value], limits: Limits) -> StrictGuest:
    zygote.prepare(source)
    guest = StrictGuest(zygote, zygote.fork(memory_mb=limits.memory_mb, cpu_s=limits.cpu_s), limits)
    try:
        guest.exchange(order, frame_bytes=math.inf)
    except BaseException:
        guest.close()
        raise
    return guest
