"""Random workloads, draw for draw those of Eudoxia's generator (numpy's PCG64), and the traces of the published loop.

Needs numpy, which comes with the extra `problems`.
"""

import math
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Literal, Self

from .checking import check_names
from .workload import OperatorSpec, PipelineSpec, PriorityClass, Trace, Work

if TYPE_CHECKING:
    import numpy

__all__ = ["PUBLISHED_SEEDS", "GeneratorRevision", "WorkloadParams", "generate_trace", "loop_trace", "published_traces"]

GeneratorRevision = Literal["eudoxia-pin", "eudoxia-cur"]
"""`eudoxia-pin` is revision 84214231, which the published loop used; `eudoxia-cur`, c62122c, draws a shape as well."""

PUBLISHED_SEEDS = (10, 11)
"""Seeds of the two traces at each burstiness of the published loop."""

_QUERY_WORK = Work(cpu_seconds=15, cpu_scaling="linear3", storage_read_gb=35)
_STEP_WORK = Work(cpu_seconds=1, cpu_scaling="const", storage_read_gb=55)


@dataclass(frozen=True, kw_only=True)
class WorkloadParams:
    """How pipelines arrive and what they look like; the names and defaults of Eudoxia.

    Args:
        duration: Length of the trace in seconds.
        ticks_per_second: Ticks per second; arrivals fall on ticks.
        waiting_seconds_mean: Mean seconds between batches (normal, deviation a quarter of it).
        num_pipelines: Pipelines per batch.
        num_operators: Mean operators of a pipeline that is not a query (normal, deviation a quarter of it).
        interactive_prob, query_prob, batch_prob: Shares of the classes; they sum to 1.
        dag_linear_prob, dag_branch_in_prob, dag_branch_out_prob: Weights of the shapes; drawn by `eudoxia-cur` only.
        random_seed: Seed of the only random stream.

    Raises:
        ValueError: A value is out of its range.
    """

    duration: float = 600
    ticks_per_second: int = 1000
    waiting_seconds_mean: float = 10.0
    num_pipelines: int = 4
    num_operators: float = 5
    interactive_prob: float = 0.3
    query_prob: float = 0.1
    batch_prob: float = 0.6
    dag_linear_prob: float = 1.0
    dag_branch_in_prob: float = 0.0
    dag_branch_out_prob: float = 0.0
    random_seed: int = 42

    def __post_init__(self) -> None:
        for name in ("duration", "ticks_per_second", "waiting_seconds_mean", "num_pipelines", "num_operators"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} is {value!r}; give a finite number > 0")
        classes = (self.interactive_prob, self.query_prob, self.batch_prob)
        shapes = (self.dag_linear_prob, self.dag_branch_in_prob, self.dag_branch_out_prob)
        for share in (*classes, *shapes):
            if not (math.isfinite(share) and share >= 0):
                raise ValueError(f"a probability is {share!r}; give a finite number >= 0")
        if abs(sum(classes) - 1) > 1e-9:
            raise ValueError(f"the probabilities of the three classes sum to {sum(classes)!r}; make it 1")
        if sum(shapes) <= 0:
            raise ValueError("the weights of the three shapes are all 0; give at least one a weight")
        if self.random_seed < 0:
            raise ValueError(f"random_seed is {self.random_seed!r}; give an integer >= 0")

    @classmethod
    def from_mapping(cls, values: Mapping[str, object]) -> Self:
        """The parameters that a mapping names; what it leaves out keeps its default.

        Raises:
            ValueError: A name is unknown (the message gives the nearest one) or a value out of range.
        """
        check_names(cls, values)
        return cls(**values)  # type: ignore[arg-type]  # names are checked above, values by __post_init__


def generate_trace(params: WorkloadParams, *, revision: GeneratorRevision = "eudoxia-pin", name: str = "") -> Trace:
    """A random trace; equal parameters and revision give an equal trace.

    Arrivals are ``tick * (1 / ticks_per_second)``, as the original writes them into a file, so that a replay delivers
    some of them one tick late (1 % of the ticks at 1000 ticks/s).

    Raises:
        ModuleNotFoundError: numpy is not installed.
    """
    return Trace(name=name or f"seed-{params.random_seed}", pipelines=tuple(_pipelines(params, revision)))


def loop_trace(burst: int, seed: int) -> Trace:
    """A trace of the published loop's family: 600 s, 1 pipeline/s on average, in batches of ``10 * 2**burst``.

    `burst` 0 to 4 with seeds 10 and 11 are the ten published traces; their siblings have any other seed.

    Raises:
        ModuleNotFoundError: numpy is not installed.
        ValueError: `burst` or `seed` is negative.
    """
    if burst < 0:
        raise ValueError(f"burst is {burst}; give an integer >= 0")
    scale = 2**burst
    params = WorkloadParams(
        num_pipelines=10 * scale, waiting_seconds_mean=10.0 * scale, num_operators=10, random_seed=seed
    )
    return generate_trace(params, name=f"loop-b{burst}-s{seed}")


def published_traces() -> tuple[Trace, ...]:
    """The ten traces on which the published results were computed, in their order (burst, then seed)."""
    return tuple(loop_trace(burst, seed) for burst in range(5) for seed in PUBLISHED_SEEDS)


def _pipelines(params: WorkloadParams, revision: GeneratorRevision) -> Iterator[PipelineSpec]:
    rng = _pcg64(params.random_seed)
    tick_length = 1.0 / params.ticks_per_second
    max_ticks = int(params.duration * params.ticks_per_second)
    mean_wait = int(params.waiting_seconds_mean * params.ticks_per_second)
    classes = (PriorityClass.INTERACTIVE, PriorityClass.QUERY, PriorityClass.BATCH_PIPELINE)
    shares = _upper_ends(params.interactive_prob, params.query_prob, params.batch_prob)
    shapes = _upper_ends(params.dag_linear_prob, params.dag_branch_in_prob, params.dag_branch_out_prob)
    query = (OperatorSpec(name="op1", parents=(), work=_QUERY_WORK),)
    known: dict[tuple[int, int], tuple[OperatorSpec, ...]] = {}
    tick, number = 0, 0
    while tick < max_ticks:
        for _ in range(params.num_pipelines):
            number += 1
            priority = classes[bisect_right(shares, rng.random())]
            shape = bisect_right(shapes, rng.random()) if revision == "eudoxia-cur" else 0
            operators: tuple[OperatorSpec, ...] = query
            if priority is not PriorityClass.QUERY:
                count = max(1, int(rng.normal(params.num_operators, params.num_operators / 4)))
                if (shape, count) not in known:
                    known[shape, count] = _operators(shape, count)
                operators = known[shape, count]
            yield PipelineSpec(
                id=f"p{number}", arrival_seconds=tick * tick_length, priority=priority, operators=operators
            )
        wait = int(rng.normal(mean_wait, mean_wait / 4))
        tick += (wait if wait > 0 else mean_wait) + 1


def _operators(shape: int, count: int) -> tuple[OperatorSpec, ...]:
    """`count` equal operators: a chain (0), all into the last (1) or all out of the first (2)."""

    def parents(position: int) -> tuple[int, ...]:
        if position == 0:
            return ()
        if shape == 0:
            return (position - 1,)
        if shape == 1:
            return tuple(range(position)) if position == count - 1 else ()
        return (0,)

    return tuple(
        OperatorSpec(name=f"op{position + 1}", parents=parents(position), work=_STEP_WORK) for position in range(count)
    )


def _upper_ends(*weights: float) -> list[float]:
    """Where the share of each weight ends in [0, 1]; the place of a uniform draw among them is the choice.

    It is the choice of numpy's `Generator.choice`, which makes the same sums and the one draw, and takes a dozen times
    as long to check what it is given.
    """
    total = sum(weights)
    ends = list(accumulate(weight / total for weight in weights))
    return [end / ends[-1] for end in ends]


def _pcg64(seed: int) -> "numpy.random.Generator":
    try:
        import numpy
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            'generating lakehouse traces needs numpy; pip install "thekla[problems]"', name="numpy"
        ) from error
    return numpy.random.default_rng(seed)
