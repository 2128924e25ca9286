"""What a parameter file says: the lakehouse, the workload to generate, the scheduler and the estimator.

Names and defaults are those of Eudoxia's files, so that one file serves both; a name that is unknown is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Self

from .checking import suggestion
from .estimators import Estimator, noisy_estimator
from .generation import WorkloadParams
from .params import Params

__all__ = ["Settings"]

_LAKEHOUSE: Mapping[str, object] = MappingProxyType(
    {"num_pools": 8, "cpus_per_pool": 64, "ram_gb_per_pool": 256, "multi_operator_containers": True}
)
"""Where Eudoxia's defaults differ from those of `Params`."""

_WITHOUT_EFFECT: Mapping[str, object] = MappingProxyType({"num_segs": 1, "cpu_io_ratio": 0.5})
"""Names that Eudoxia accepts and that change nothing there, with its defaults."""

_ESTIMATORS = ("", "noisy")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """A parameter file, checked.

    Args:
        scheduler_algo: Name of the scheduler.
        estimator_algo: `noisy` for hints on memory, empty for none.
        noisy_estimator_sigma: Deviation of the logarithm of the hint's error.
        rest_scheduler_addr: Host and port of a scheduler of its own, for `rest`.
        rest_poll_interval: Simulated seconds after which `rest` asks without a reason.

    Raises:
        ValueError: A value is out of its range.
    """

    params: Params
    workload: WorkloadParams
    scheduler_algo: str = "priority"
    estimator_algo: str = ""
    noisy_estimator_sigma: float = 0.0
    rest_scheduler_addr: str = "localhost:8080"
    rest_poll_interval: float = 1.0

    def __post_init__(self) -> None:
        if self.estimator_algo not in _ESTIMATORS:
            raise ValueError(f"estimator_algo is {self.estimator_algo!r}; use 'noisy', or leave it empty")
        if not self.noisy_estimator_sigma >= 0:
            raise ValueError(f"noisy_estimator_sigma is {self.noisy_estimator_sigma!r}; give a number >= 0")
        if not self.rest_poll_interval > 0:
            raise ValueError(f"rest_poll_interval is {self.rest_poll_interval!r}; give seconds > 0")

    @classmethod
    def from_mapping(cls, values: Mapping[str, object]) -> Self:
        """The settings that a parameter file holds; what it leaves out has Eudoxia's default.

        Raises:
            ValueError: A name is unknown, or a value has the wrong type or is out of its range.
        """
        defaults = _defaults()
        _check_names(values, defaults)
        for name, value in values.items():
            _check_type(name, value, defaults[name])
        known = {**defaults, **values}

        def part(of: type) -> dict[str, object]:
            return {field.name: known[field.name] for field in fields(of) if field.name in known}

        return cls(
            params=Params.from_mapping(part(Params)),
            workload=WorkloadParams(**part(WorkloadParams)),  # type: ignore[arg-type]  # types are checked above
            **part(cls),  # type: ignore[arg-type]  # types are checked above
        )

    def estimator(self) -> Estimator | None:
        """A fresh estimator, None if none is asked for.

        Raises:
            ModuleNotFoundError: It needs numpy, and numpy is not installed.
        """
        if not self.estimator_algo:
            return None
        return noisy_estimator(sigma=self.noisy_estimator_sigma, seed=self.workload.random_seed)


def _defaults() -> dict[str, object]:
    """Every name of a parameter file with its default."""
    found: dict[str, object] = {}
    for of in (WorkloadParams, Params, Settings):
        found |= {field.name: field.default for field in fields(of) if field.name not in ("params", "workload")}
    return {**found, **_LAKEHOUSE, **_WITHOUT_EFFECT}


def _check_names(values: Mapping[str, object], known: Mapping[str, object]) -> None:
    for name in values:
        if name not in known:
            raise ValueError(f"unknown parameter {name!r}; {suggestion(name, sorted(known))}")


def _check_type(name: str, value: object, default: object) -> None:
    wanted = {bool: "true or false", str: "a text in quotes"}.get(type(default), "a number")
    fits = isinstance(value, type(default)) if isinstance(default, bool | str) else type(value) in (int, float)
    if not fits:
        raise ValueError(f"{name} is {value!r}; give {wanted}")
    if type(default) is int and name in ("num_pipelines", "random_seed") and type(value) is not int:
        raise ValueError(f"{name} is {value!r}; give an integer")
