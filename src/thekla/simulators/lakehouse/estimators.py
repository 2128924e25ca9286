"""Hints about what operators need, given to a scheduler when a pipeline arrives."""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType, ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

from .pipelines import Estimate
from .present import Segment
from .views import registrar
from .workload import Work

if TYPE_CHECKING:
    import numpy

__all__ = ["ESTIMATOR_NAMES", "EstimatedOperator", "Estimator", "load_estimator", "noisy_estimator"]

Estimator = Callable[[Work], float | None]
"""Peak memory in GB that a scheduler is told of an operator, or None for no hint.

It is called once for each operator, in order of arrival and within a pipeline in visiting order, and must be fresh for
each simulation if it keeps a state.
"""


_INITS = "__estimator_inits__"
_ESTIMATORS = "__estimators__"
register_estimator_init = registrar(_INITS)
register_estimator = registrar(_ESTIMATORS)

ESTIMATOR_NAMES: Mapping[str, object] = MappingProxyType(
    {
        "Estimate": Estimate,
        "register_estimator": register_estimator,
        "register_estimator_init": register_estimator_init,
    }
)
"""Names that an estimator's program finds among its globals."""


class EstimatedOperator:
    """An operator as an estimator's program sees it, with all that it needs."""

    def __init__(self, work: Work) -> None:
        self.segments = [
            Segment(each.cpu_seconds, each.cpu_scaling, each.memory_gb, each.storage_read_gb) for each in work.segments
        ]
        self.estimate = Estimate()

    def get_segments(self) -> list[Segment]:
        """Its segments, in the order in which they run."""
        return self.segments


def load_estimator(
    source: str, *, params: Mapping[str, object] | None = None, filename: str = "<estimator>"
) -> Estimator:
    """Runs a *trusted* program in this process and returns its estimator, good for one simulation.

    The program registers ``estimate(e, operator)`` with ``@register_estimator(key=...)``, and may register ``init(e)``
    with ``@register_estimator_init(key=...)``; the last key counts. ``e.params`` holds `params`, and other attributes
    of ``e`` are the program's own. The estimate is what the function returns (GB, an ``Estimate`` or None for no hint)
    or, if that is None, what it put into ``operator.estimate.mem_peak_gb``.

    Raises:
        SyntaxError: The source does not parse; whatever else the program raises passes through.
        ValueError: It registers no estimator.
    """
    module = ModuleType("estimator")
    vars(module).update(ESTIMATOR_NAMES)
    exec(compile(source, filename, "exec"), vars(module))
    functions: dict[str, Callable[[Any, EstimatedOperator], Any]] = vars(module).get(_ESTIMATORS, {})
    if not functions:
        raise ValueError(f"{filename} registers no estimator; decorate one with @register_estimator(key=...)")
    key = next(reversed(functions))
    own = SimpleNamespace(params=dict(params or {}))
    init = vars(module).get(_INITS, {}).get(key)
    if init is not None:
        init(own)

    def estimate(work: Work) -> float | None:
        operator = EstimatedOperator(work)
        found = functions[key](own, operator)
        found = operator.estimate if found is None else found
        return found.mem_peak_gb if isinstance(found, Estimate) else found

    return estimate


def noisy_estimator(*, sigma: float = 0.0, seed: int = 42) -> Estimator:
    """The true peak times a log-normal factor of median 1, draw for draw that of Eudoxia's `noisy`.

    Args:
        sigma: Standard deviation of the factor's logarithm; 0 tells the truth and needs no numpy.

    Raises:
        ModuleNotFoundError: `sigma` is above 0 and numpy is not installed.
        ValueError: `sigma` or `seed` is out of its range.
    """
    if not (math.isfinite(sigma) and sigma >= 0):
        raise ValueError(f"sigma is {sigma!r}; give a finite number >= 0")
    if seed < 0:
        raise ValueError(f"seed is {seed!r}; give an integer >= 0")
    if sigma == 0:
        return lambda work: work.peak_memory_gb
    rng = _pcg64(seed)
    return lambda work: work.peak_memory_gb * float(rng.lognormal(0.0, sigma))


def _pcg64(seed: int) -> "numpy.random.Generator":
    try:
        import numpy
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError('noisy estimates need numpy; pip install "thekla[problems]"', name="numpy") from error
    return numpy.random.default_rng(seed)
