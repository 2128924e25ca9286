"""Counts that the kernel keeps of a process in hardware, where it gives them: instructions, which no clock disturbs."""

from __future__ import annotations

import ctypes
import os
import platform
import struct
from dataclasses import dataclass
from typing import Final, Self

__all__ = ["INSTRUCTIONS", "TASK_CLOCK_NS", "CountedEvent", "ProcessCounter"]

_NUMBER_OF_CALL: Final = {"x86_64": 298, "aarch64": 241}  # of perf_event_open(2)
_SIZE: Final = 112  # of `struct perf_event_attr` in its fifth version, which Linux has known since 4.1
_FLAGS_AT: Final = 40
_INHERIT, _EXCLUDE_KERNEL, _EXCLUDE_HV = 1 << 1, 1 << 5, 1 << 6
_CLOSE_ON_EXEC: Final = 1 << 3
_TIMES: Final = 0b11  # the reading ends with the time that the counter was wanted, and the time that it ran


@dataclass(frozen=True, kw_only=True)
class CountedEvent:
    """What is counted, by the kernel's numbers (`linux/perf_event.h`)."""

    type: int
    config: int


INSTRUCTIONS: Final = CountedEvent(type=0, config=1)
"""Instructions retired in user mode, by the processor's own counter, which many virtual machines lack."""

TASK_CLOCK_NS: Final = CountedEvent(type=1, config=1)
"""CPU nanoseconds by the kernel's clock: the same machinery without a processor's counter, for tests."""


class ProcessCounter:
    """Counts an event in a process and in the threads that it starts later, from now on."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def open(cls, pid: int, event: CountedEvent = INSTRUCTIONS) -> Self | None:
        """A counter of the process; None where the kernel gives none, or not of this process to this user."""
        number = _NUMBER_OF_CALL.get(platform.machine())
        if number is None or pid <= 0:
            return None
        attributes = bytearray(_SIZE)
        struct.pack_into("=IIQQQQ", attributes, 0, event.type, _SIZE, event.config, 0, 0, _TIMES)
        struct.pack_into("=Q", attributes, _FLAGS_AT, _INHERIT | _EXCLUDE_KERNEL | _EXCLUDE_HV)
        call = ctypes.CDLL(None, use_errno=True).syscall
        descriptor = call(
            ctypes.c_long(number), bytes(attributes), pid, ctypes.c_int(-1), ctypes.c_int(-1), _CLOSE_ON_EXEC
        )
        return cls(descriptor) if descriptor >= 0 else None

    def read(self) -> int:
        """How often it happened; scaled up if the processor had fewer counters than were wanted meanwhile."""
        count, wanted_ns, ran_ns = struct.unpack("=QQQ", os.read(self._descriptor, 24))
        return int(count if ran_ns in (0, wanted_ns) else count * wanted_ns / ran_ns)

    def close(self) -> None:
        """Give the counter back; may be called again."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
