"""What a lakehouse is made of and how long it is watched."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal, Self

from .checking import check_names

__all__ = ["Calls", "Compat", "Params"]

Compat = Literal["thekla", "eudoxia-pin", "eudoxia-cur"]
"""Whose rules hold: `thekla`, or a revision of Eudoxia with its defects: `eudoxia-pin` is 84214231, `eudoxia-cur`
is c62122c."""

Calls = Literal["events", "exact", "auto"]
"""When a policy is called: `events`, when something happened or it asked; `exact`, on every tick as in the original,
which costs time but is what a policy needs that counts its calls; `auto`, on every tick on which it is not known that
the call would change nothing."""


@dataclass(frozen=True, kw_only=True)
class Params:
    """The lakehouse: its pools, its rules and the length of the simulation; Eudoxia's names.

    The defaults are those of the published loop (Eudoxia's own are 8 pools of 64 CPUs and 256 GB, with containers of
    several operators).

    Args:
        duration: Simulated seconds.
        ticks_per_second: Ticks per second.
        num_pools: Pools; a container lives in one of them.
        cpus_per_pool: CPUs of each pool.
        ram_gb_per_pool: Memory of each pool in GB.
        multi_operator_containers: Whether a container may run several operators, one after the other.
        allow_memory_overcommit: Whether containers of a pool may be promised more memory than it has.
        max_job_seconds: Age at which a pipeline is given up, in seconds; 0 for never.

    Raises:
        ValueError: A value is out of its range.
    """

    duration: float = 600
    ticks_per_second: int = 1000
    num_pools: int = 1
    cpus_per_pool: float = 64
    ram_gb_per_pool: float = 500
    multi_operator_containers: bool = False
    allow_memory_overcommit: bool = False
    max_job_seconds: float = 0

    def __post_init__(self) -> None:
        for name in ("duration", "ticks_per_second", "num_pools", "cpus_per_pool", "ram_gb_per_pool"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} is {value!r}; give a finite number > 0")
        for name in ("ticks_per_second", "num_pools"):
            value = getattr(self, name)
            if not isinstance(value, int):
                raise ValueError(f"{name} is {value!r}; give an integer")
        if not (math.isfinite(self.max_job_seconds) and self.max_job_seconds >= 0):
            raise ValueError(f"max_job_seconds is {self.max_job_seconds!r}; give a finite number >= 0")

    @classmethod
    def from_mapping(cls, values: Mapping[str, object]) -> Self:
        """The parameters that a mapping names; what it leaves out keeps its default.

        Raises:
            ValueError: A name is unknown or a value out of range.
        """
        check_names(cls, values)
        return cls(**values)  # type: ignore[arg-type]  # the names are checked above, the values by __post_init__

    def as_dict(self) -> dict[str, bool | int | float]:
        """The parameters by name, as a scheduler sees them in ``s.params``."""
        return asdict(self)

    @property
    def max_ticks(self) -> int:
        """Ticks of the simulation."""
        return int(self.duration * self.ticks_per_second)

    @property
    def max_job_ticks(self) -> int:
        """Age in ticks at which a pipeline is given up; 0 for never."""
        return int(self.max_job_seconds * self.ticks_per_second)
