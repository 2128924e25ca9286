"""Free resources and containers of one pool."""

import math

from .containers import Container
from .memory import MemorySum, PoolMemory, RunningMemory
from .params import Compat, Params

__all__ = ["Pool"]


class Pool:
    """One pool; `cpu` and `ram_gb` are free, `check` is the tick in which its memory will run out, or None.

    The original only ever adds to and subtracts from what is free, so fractional sizes drift. Here that is kept for
    its revisions, and otherwise what is free is computed from the containers, with one rounding.
    """

    __slots__ = (
        "_exact",
        "_max_cpu",
        "_max_ram_gb",
        "active",
        "check",
        "cpu",
        "lives",
        "memory",
        "ram_gb",
        "suspending",
    )

    def __init__(self, params: Params, compat: Compat) -> None:
        self._exact = compat == "thekla"
        self._max_cpu = self.cpu = params.cpus_per_pool
        self._max_ram_gb = self.ram_gb = params.ram_gb_per_pool
        self.check: int | None = None
        self.active: dict[int, Container] = {}
        self.suspending: dict[int, Container] = {}
        self.lives: list[int] = []
        # The pin has no memory of pools: a container is only held to its own size.
        self.memory: PoolMemory | None = None
        if compat != "eudoxia-pin":
            sum_of = RunningMemory if compat == "eudoxia-cur" else MemorySum
            self.memory = sum_of(params.ram_gb_per_pool, 1.0 / params.ticks_per_second)

    def take(self, container: Container) -> None:
        """Makes a new container part of the pool."""
        self.active[container.number] = container
        if self.memory is not None:
            self.memory.join(container)
        if self._exact:
            self._settle()
        else:
            self.cpu -= container.cpu
            self.ram_gb -= container.ram_gb

    def give_back(self, container: Container) -> None:
        """Frees what a container held that is in the pool no more."""
        if self._exact:
            self._settle()
        else:
            self.cpu += container.cpu
            self.ram_gb += container.ram_gb

    def _settle(self) -> None:
        held = [*self.active.values(), *self.suspending.values()]
        self.cpu = math.fsum([self._max_cpu, *(-container.cpu for container in held)])
        self.ram_gb = math.fsum([self._max_ram_gb, *(-container.ram_gb for container in held)])
