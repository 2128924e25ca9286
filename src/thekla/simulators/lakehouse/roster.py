"""The operators that have arrived, each made when somebody first asks for it: many a policy never gets to most."""

from .arrivals import visits
from .containers import Job, LifeTable, OperatorStatus
from .workload import Work

__all__ = ["Roster"]


class Roster:
    """Operators by number, in the order of their arrival and, within a pipeline, in visiting order.

    Args:
        corrected: See `LifeTable`.
    """

    def __init__(self, tick_length: float, *, corrected: bool) -> None:
        self._tick_length = tick_length
        self._corrected = corrected
        # An operator, or the pipeline whose operators are still to be made.
        self._operators: list[OperatorStatus | Job] = []
        # By identity: whoever asks keeps the trace and so its works alive, and equal ones mostly are one object.
        self._tables: dict[int, tuple[LifeTable, ...]] = {}
        self._graphs: dict[int, tuple[tuple[int, ...], list[list[int]]]] = {}

    def __len__(self) -> int:
        return len(self._operators)

    def __getitem__(self, number: int) -> OperatorStatus:
        found = self._operators[number]
        return found if isinstance(found, OperatorStatus) else self._make(found)[number - found.first]

    def admit(self, job: Job) -> tuple[tuple[int, ...], list[list[int]]]:
        """Gives a pipeline's operators the next numbers; returns what `visits` says of its graph."""
        job.first = len(self._operators)
        self._operators += [job] * len(job.spec.operators)
        return self._graph(job)

    def _graph(self, job: Job) -> tuple[tuple[int, ...], list[list[int]]]:
        specs = job.spec.operators
        graph = self._graphs.get(id(specs))
        if graph is None:
            graph = self._graphs[id(specs)] = visits(tuple([spec.parents for spec in specs]))
        return graph

    def _make(self, job: Job) -> list[OperatorStatus]:
        specs = job.spec.operators
        placed: list[OperatorStatus] = []
        for position, parents in zip(*self._graph(job), strict=True):
            spec = specs[position]
            placed.append(OperatorStatus(job, spec, [placed[parent] for parent in parents], self._life(spec.work)))
        self._operators[job.first : job.first + len(placed)] = placed
        return placed

    def _life(self, work: Work) -> tuple[LifeTable, ...]:
        tables = self._tables.get(id(work))
        if tables is None:
            tables = self._tables[id(work)] = tuple(
                LifeTable(each, self._tick_length, corrected=self._corrected) for each in work.segments
            )
        return tables
