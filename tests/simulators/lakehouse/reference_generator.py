"""A slow generator of workloads that steps through the ticks and leaves every draw to numpy, as the original does.

It shares nothing with the one under test but the names of its parameters.
"""

import csv
import io
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from thekla.simulators.lakehouse import GeneratorRevision, WorkloadParams

COLUMNS = (
    "pipeline_id",
    "arrival_seconds",
    "priority",
    "operator_id",
    "parents",
    "baseline_cpu_seconds",
    "cpu_scaling",
    "memory_gb",
    "storage_read_gb",
)


class Drawn(NamedTuple):
    """A pipeline as it was drawn."""

    name: str
    priority: str
    parents: list[list[str]]


class Generator:
    """Gives the pipelines that arrive on each tick."""

    def __init__(self, params: WorkloadParams, revision: GeneratorRevision) -> None:
        self._params = params
        self._draws_shape = revision == "eudoxia-cur"
        self._rng = np.random.default_rng(params.random_seed)
        self._mean_wait = int(params.waiting_seconds_mean * params.ticks_per_second)
        self._ticks_to_wait = 0
        self._count = 0

    def tick(self) -> list[Drawn]:
        """The pipelines of the next tick."""
        if self._ticks_to_wait > 0:
            self._ticks_to_wait -= 1
            return []
        batch = [self._draw() for _ in range(self._params.num_pipelines)]
        wait = int(self._rng.normal(self._mean_wait, self._mean_wait / 4))
        self._ticks_to_wait = wait if wait > 0 else self._mean_wait
        return batch

    def _draw(self) -> Drawn:
        of = self._params
        self._count += 1
        shares = np.array([of.interactive_prob, of.query_prob, of.batch_prob])
        priority = self._rng.choice(["INTERACTIVE", "QUERY", "BATCH_PIPELINE"], p=shares / sum(shares.tolist()))
        shape = "linear"
        if self._draws_shape:
            weights = np.array([of.dag_linear_prob, of.dag_branch_in_prob, of.dag_branch_out_prob])
            shape = self._rng.choice(["linear", "in", "out"], p=weights / sum(weights.tolist()))
        if priority == "QUERY":
            return Drawn(f"p{self._count}", "QUERY", [[]])
        size = max(1, int(self._rng.normal(of.num_operators, of.num_operators / 4)))
        parents: list[list[str]] = [[] for _ in range(size)]
        for child in range(1, size):
            if shape == "linear":
                parents[child].append(f"op{child}")
            elif shape == "out":
                parents[child].append("op1")
            elif child == size - 1:
                parents[child] = [f"op{number}" for number in range(1, size)]
        return Drawn(f"p{self._count}", str(priority), parents)


def csv_of(params: WorkloadParams, revision: GeneratorRevision) -> str:
    """The trace file of some parameters."""
    out = io.StringIO(newline="")
    rows = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\n")
    rows.writeheader()
    generator = Generator(params, revision)
    for tick in range(int(params.duration * params.ticks_per_second)):
        for pipeline in generator.tick():
            rows.writerows(_rows(pipeline, tick * (1.0 / params.ticks_per_second)))
    return out.getvalue()


def _rows(pipeline: Drawn, arrival_seconds: float) -> Iterator[dict[str, object]]:
    query = pipeline.priority == "QUERY"
    for number, parents in enumerate(pipeline.parents, start=1):
        first = {"arrival_seconds": repr(arrival_seconds), "priority": pipeline.priority} if number == 1 else {}
        yield {
            "pipeline_id": pipeline.name,
            "operator_id": f"op{number}",
            "parents": ";".join(parents),
            "baseline_cpu_seconds": 15 if query else 1,
            "cpu_scaling": "linear3" if query else "const",
            "storage_read_gb": 35 if query else 55,
            **first,
        }
