"""Traces, changed: several as one, and the same under other names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from thekla.simulators.lakehouse import Params, Trace

__all__ = ["enlarged", "renamed", "superposed"]


def superposed(traces: Sequence[Trace], name: str) -> Trace:
    """All pipelines of the traces by arrival, numbered anew; those of an earlier trace come first at one instant."""
    together = sorted((each for trace in traces for each in trace.pipelines), key=lambda each: each.arrival_seconds)
    numbered = (replace(each, id=f"p{number}") for number, each in enumerate(together, start=1))
    return Trace(name=name, pipelines=tuple(numbered))


def enlarged(params: Params, factor: int) -> Params:
    """As many pools as before, each with `factor` times the CPUs and the memory."""
    return replace(
        params,
        cpus_per_pool=factor * params.cpus_per_pool,
        ram_gb_per_pool=factor * params.ram_gb_per_pool,
    )


def renamed(trace: Trace, rng: Random) -> Trace:
    """The trace with its pipelines' ids drawn anew, in an order that says nothing of the arrivals."""
    ids = [f"p{number}" for number in range(1, len(trace.pipelines) + 1)]
    rng.shuffle(ids)
    return replace(trace, pipelines=tuple(replace(each, id=id) for each, id in zip(trace.pipelines, ids, strict=True)))
