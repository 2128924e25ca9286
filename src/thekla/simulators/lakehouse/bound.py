"""A lower bound on the penalty form of the adjusted latency that no scheduler can beat.

**What it bounds.** The score of a trace is ``sum w_j f_j / sum w_j``, where pipeline j has weight ``w_j`` and ``f_j``
is its latency, or the penalty P if it does not complete. Completing j thus *saves* ``w_j (P - f_j)``; an upper bound
on all savings together is a lower bound on the score.

**What it relaxes.** Schedulers of the relaxation know everything from the start, may stop and split operators at will,
ignore the order of operators within a pipeline (but for its critical path and its top speed), and see all pools
merged into one resource of size 1, a mix of memory and CPUs.

Where memory may be promised twice, the mix is CPUs alone. A pipeline's age limit is ignored, which only helps.

**Proof.** Fix a mix ``m`` in [0, 1]. A container with ``c`` of all C CPUs and ``g`` of all R GB holds the share
``(1 - m) g / R + m c / C`` of the mixed resource; all containers together never hold more than 1. To complete, operator
i needs a container of at least ``g_i`` GB for all of its ``d_i(c)`` seconds, so it uses at least ``p_i``, the minimum
over c of ``d_i(c) ((1 - m) g_i / R + m c / C)``. Spread exactly ``p_i`` evenly over its successful run: that takes no
more than the container held, and at a rate of at most ``p_i / min d_i``. So pipeline j receives ``p_j = sum p_i`` at
a rate of at most ``q_j``: the largest of its operators' rates if it is a chain, else their sum, and never above 1.
Let ``y_j(t)`` be that rate over ``p_j``; it starts at the arrival ``r_j`` and its integral is 1. If j completes at C_j,
the mean of t under ``y_j`` is at most ``C_j - p_j / (2 q_j)``, because ``y_j`` never exceeds ``q_j / p_j``. The
simulator counts one tick less than C_j - r_j, so

    saving_j <= integral of y_j(t) w_j (P + r_j + tick - p_j / (2 q_j) - t) dt.

For *any* prices ``u(t) >= 0`` of the resource, add ``u(t) (1 - sum_j p_j y_j(t)) >= 0`` under the integral:

    savings <= integral of u + sum_j max over y_j of [saving_j - integral of u p_j y_j].

The maximum over ``0 <= y_j <= q_j / p_j`` with integral at most 1 takes the best moments first. Time is cut into slots
with one price each, and a moment is valued at the left edge of its slot, both of which only raise the sum. As a saving
is also at most ``w_j (P - critical path)``, any mixture of the two bounds takes the place of the first; each pipeline
takes the mixture, of a few, that serves best. One that does not complete contributes 0. The prices come from a fixed
number of subgradient steps; their quality decides how tight the bound is, never whether it holds. The largest bound
over a few mixes of the resource is returned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .arrivals import deliveries
from .ideal import critical_ticks
from .params import Compat, Params
from .statistics import LATENCY_WEIGHTS
from .workload import CPU_SCALINGS, SCAN_GB_PER_SECOND, PipelineSpec, Segment, Trace, Work

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["penalised_latency_bound"]

_MIXES = (0.0, 0.25)  # 0 is memory alone; on the train instances one half of CPUs or more was never the best
_SLOTS = 240
_STEPS = 120
_SCALES = (1.0, 4.0, 16.0, 64.0, 256.0, 1024.0)  # of the prices from which the steps start
_CPU_RATIO = 1.02  # neighbouring CPU counts of the grid on which p_i is bounded; costs at most 2 % of it
_LEAST_CPU = 0.02
_SHARES = (1.0, 0.5, 0.0)  # of the first bound on a saving in its mixture with the critical path
_NEVER = -1e15
_ROUNDING = 1e-9  # relative slack for floating point


@dataclass(frozen=True, kw_only=True)
class _Jobs:
    """Pipelines that could complete at all, as arrays.

    Args:
        weights, arrivals_s, critical_s: Of each pipeline; the critical path in seconds as the simulator counts it.
        work: p_j, in seconds of the whole mixed resource.
        rates: q_j.
        all_weights: Sum of the weights of all pipelines that arrive, those that cannot complete included.
    """

    weights: Floats
    arrivals_s: Floats
    critical_s: Floats
    work: Floats
    rates: Floats
    all_weights: float


def penalised_latency_bound(trace: Trace, params: Params, penalty_s: float, compat: Compat = "thekla") -> float:
    """A number of seconds below which no scheduler's penalised latency on the trace can lie.

    Args:
        penalty_s: What an unfinished pipeline counts, at least the duration.
        compat: The rules, which say when pipelines are delivered.

    Raises:
        ModuleNotFoundError: numpy is not installed.
        ValueError: The penalty is below the duration.
    """
    if penalty_s < params.duration:
        raise ValueError(f"the penalty is {penalty_s!r} s; it must be at least the duration, {params.duration!r} s")
    numpy = _numpy()
    # Memory that is promised twice is no resource that containers share out, so that CPUs alone are left.
    mixes = (1.0,) if params.allow_memory_overcommit else _MIXES
    times = _Times(params)
    return max(_bound(numpy, _jobs(numpy, trace, params, mix, compat, times), params, penalty_s) for mix in mixes)


def _numpy() -> Any:
    try:
        import numpy
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            'the bound of the lakehouse needs numpy; pip install "thekla[problems]"', name="numpy"
        ) from error
    return numpy


def _bound(numpy: Any, jobs: _Jobs, params: Params, penalty_s: float) -> float:
    if jobs.all_weights == 0:
        return penalty_s
    if not len(jobs.weights):
        return penalty_s * (1 - _ROUNDING)
    savings = _most_savings(numpy, jobs, params, penalty_s)
    return float(max(0.0, (penalty_s - savings / jobs.all_weights) - _ROUNDING * penalty_s))


def _most_savings(numpy: Any, jobs: _Jobs, params: Params, penalty_s: float) -> float:
    """The least value of the dual over the prices that were tried."""
    dual = _dual_of(numpy, jobs, params, penalty_s)
    falling = 1.0 - numpy.arange(_SLOTS) / _SLOTS
    starts = [numpy.zeros(_SLOTS), *(scale * shape for scale in _SCALES for shape in (falling, (1.0 + falling) / 2))]
    best_prices = min(starts, key=lambda each: _price(numpy, dual, each)[0])
    best, used = _price(numpy, dual, best_prices)
    prices, total, step, failures = best_prices, best, 1.0, 0
    served = _greedy_savings(numpy, dual)
    for _ in range(_STEPS):
        slope = dual.slot_s - used
        slope = numpy.where((prices <= 0) & (slope > 0), 0.0, slope)
        norm = float((slope * slope).sum())
        if norm == 0.0 or total <= served:
            break
        # Polyak's step towards what a real division of the resource reaches, shortened when it stops helping.
        prices = numpy.maximum(0.0, prices - step * (total - served) / norm * slope)
        total, used = _price(numpy, dual, prices)
        if total < best:
            best, best_prices, failures = total, prices, 0
        elif (failures := failures + 1) == 6:
            step, failures, prices = step / 2, 0, best_prices
            total, used = _price(numpy, dual, prices)
    return best


@dataclass(frozen=True, kw_only=True)
class _Dual:
    """The dual problem of one mix over slots of equal length.

    Args:
        slot_s: Length of a slot in seconds.
        values: Saving per unit of mass, pipeline by slot; `_NEVER` before the arrival.
        ceilings: What each pipeline saves at most, by its critical path.
        work: p_j.
        caps: Mass that fits into one slot.
    """

    slot_s: float
    values: Floats
    ceilings: Floats
    work: Floats
    caps: Floats


def _dual_of(numpy: Any, jobs: _Jobs, params: Params, penalty_s: float) -> _Dual:
    slot_s = params.duration / _SLOTS
    edges = numpy.arange(_SLOTS) * slot_s
    # At its top speed; a pipeline that uses none of the mixed resource may be served in any single moment.
    fastest_s = numpy.divide(jobs.work, jobs.rates, out=numpy.zeros_like(jobs.work), where=jobs.rates > 0)
    lead = penalty_s + jobs.arrivals_s + 1.0 / params.ticks_per_second - fastest_s / 2
    begins = numpy.maximum(edges[None, :], jobs.arrivals_s[:, None])
    values = jobs.weights[:, None] * (lead[:, None] - begins)
    values[edges[None, :] + slot_s <= jobs.arrivals_s[:, None]] = _NEVER
    return _Dual(
        slot_s=slot_s,
        values=values,
        ceilings=jobs.weights * (penalty_s - jobs.critical_s),
        work=jobs.work,
        caps=slot_s / numpy.maximum(slot_s, fastest_s),
    )


def _price(numpy: Any, dual: _Dual, prices: Floats) -> tuple[float, Floats]:
    """The dual's value at the prices, and the seconds of the resource that its pipelines use per slot."""
    costs = dual.work[:, None] * prices[None, :]
    arrived = dual.values > _NEVER
    terms = numpy.full(len(dual.work), numpy.inf)
    uses = numpy.zeros(dual.values.shape, dtype=bool)
    for share in _SHARES:
        net = numpy.where(arrived, share * dual.values - costs, _NEVER)
        term, served = _best_moments(numpy, net, dual.caps)
        term = term + (1 - share) * dual.ceilings
        uses = numpy.where((term < terms)[:, None], served, uses)
        terms = numpy.minimum(term, terms)
    worth = (terms > 0.0) * dual.work * dual.caps
    return float(prices.sum() * dual.slot_s + numpy.maximum(terms, 0.0).sum()), (uses * worth[:, None]).sum(axis=0)


def _best_moments(numpy: Any, net: Floats, caps: Floats) -> tuple[Floats, Any]:
    """The most that mass 1 earns in each row with at most `caps` per slot, and which slots it takes."""
    rows, slots = numpy.arange(len(caps)), net.shape[1]
    ordered = -numpy.sort(-net, axis=1)
    whole = numpy.minimum(numpy.floor(1.0 / caps).astype(int), slots)
    sums = numpy.concatenate([numpy.zeros((len(caps), 1)), numpy.cumsum(ordered, axis=1)], axis=1)
    rest = numpy.maximum(0.0, 1.0 - caps * whole)
    following = numpy.where(whole < slots, ordered[rows, numpy.minimum(whole, slots - 1)], 0.0)
    threshold = ordered[rows, numpy.maximum(whole, 1) - 1]
    return caps * sums[rows, whole] + rest * following, net >= threshold[:, None]


def _greedy_savings(numpy: Any, dual: _Dual) -> float:
    """What serving pipelines in order of value per work saves: a goal for the steps, no part of the proof."""
    free = numpy.full(_SLOTS, dual.slot_s)
    total = 0.0
    for i in numpy.argsort(-dual.ceilings / numpy.maximum(dual.work, 1e-12)):
        left, gained = 1.0, 0.0
        for slot in numpy.flatnonzero((dual.values[i] > 0) & (free > 1e-9)):
            mass = min(left, float(dual.caps[i]), float(free[slot] / max(dual.work[i], 1e-12)))
            gained += mass * float(dual.values[i, slot])
            free[slot] -= mass * dual.work[i]
            left -= mass
            if left < 1e-9:
                break
        total += min(gained, float(dual.ceilings[i]))
    return total


def _jobs(numpy: Any, trace: Trace, params: Params, mix: float, compat: Compat, times: _Times) -> _Jobs:
    tick_s = 1.0 / params.ticks_per_second
    needs: dict[Work, tuple[int, float, float]] = {}
    rows: list[tuple[float, float, float, float, float]] = []
    all_weights = 0.0
    for arrival, pipeline in deliveries(trace, params.ticks_per_second, compat):
        if arrival >= params.max_ticks:
            break
        weight = float(LATENCY_WEIGHTS[pipeline.priority])
        all_weights += weight
        for operator in pipeline.operators:
            if operator.work not in needs:
                needs[operator.work] = _need(operator.work, params, mix, compat, times)
        own = [needs[operator.work] for operator in pipeline.operators]
        critical = critical_ticks(pipeline, lambda work: needs[work][0])
        feasible = arrival + critical <= params.max_ticks
        if feasible and all(gb <= params.ram_gb_per_pool for _, gb, _ in own):
            rates = [work / (ticks * tick_s) for ticks, _, work in own]
            rate = min(1.0, max(rates) if _is_chain(pipeline) else sum(rates))
            work = sum(work for _, _, work in own)
            rows.append((weight, arrival * tick_s, (critical - 1) * tick_s, work, rate))
    table = numpy.array(rows, dtype=float).reshape(len(rows), 5)
    return _Jobs(
        weights=table[:, 0],
        arrivals_s=table[:, 1],
        critical_s=table[:, 2],
        work=table[:, 3],
        rates=table[:, 4],
        all_weights=all_weights,
    )


class _Times:
    """Fewest ticks of operators at the CPU counts of a grid; counted once for each, as they are the same in any mix."""

    def __init__(self, params: Params) -> None:
        self._tick_s = 1.0 / params.ticks_per_second
        uppers = [min(_LEAST_CPU, params.cpus_per_pool)]
        while uppers[-1] < params.cpus_per_pool:
            uppers.append(min(uppers[-1] * _CPU_RATIO, params.cpus_per_pool))
        self._uppers = uppers
        self.lowers = [0.0, *uppers[:-1]]
        self._known: dict[Work, list[int]] = {}

    def __getitem__(self, work: Work) -> list[int]:
        if work not in self._known:
            self._known[work] = [
                max(1, sum(_ticks(segment, cpus, self._tick_s) for segment in work.segments)) for cpus in self._uppers
            ]
        return self._known[work]


def _need(work: Work, params: Params, mix: float, compat: Compat, times: _Times) -> tuple[int, float, float]:
    """Fewest ticks, least memory in GB, and least use in seconds of the mixed resource, of one operator."""
    tick_s = 1.0 / params.ticks_per_second
    gb = max(_least_memory_gb(segment, tick_s) for segment in work.segments)
    memory_share = (1 - mix) * gb / (params.num_pools * params.ram_gb_per_pool)
    cpus = params.num_pools * params.cpus_per_pool
    if compat != "thekla" and any(segment.cpu_scaling == "log" for segment in work.segments):
        # Under these rules its time falls again towards few CPUs: one tick is all that is safe to say.
        return 1, gb, tick_s * memory_share
    # Time falls with CPUs and their share grows: between two counts of the grid, the time of the upper one at the
    # share of the lower one is less than either truth.
    ticks = times[work]
    least = min(
        count * tick_s * (memory_share + mix * lower / cpus) for count, lower in zip(ticks, times.lowers, strict=True)
    )
    return ticks[-1], gb, least


def _least_memory_gb(segment: Segment, tick_s: float) -> float:
    """Memory without which a segment cannot end, in GB."""
    if segment.memory_gb is not None:
        return segment.memory_gb
    # Memory that grows with the scan may stop a little short of its size, if no tick of computing follows.
    return min(segment.storage_read_gb, int((segment.storage_read_gb / SCAN_GB_PER_SECOND) / tick_s) * tick_s * 20)


def _ticks(segment: Segment, cpus: float, tick_s: float) -> int:
    if segment.cpu_scaling == "log" and cpus < 1:
        seconds = segment.cpu_seconds / cpus
    else:
        seconds = CPU_SCALINGS[segment.cpu_scaling](segment.cpu_seconds, cpus)
    return int((segment.storage_read_gb / SCAN_GB_PER_SECOND) / tick_s) + int(seconds / tick_s)


def _is_chain(pipeline: PipelineSpec) -> bool:
    """Whether no two operators can ever run at the same time because each waits for the one before."""
    return all(position - 1 in operator.parents for position, operator in enumerate(pipeline.operators) if position)
