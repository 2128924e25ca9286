"""Online transaction scheduling as a problem package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

from thekla.core.problem import Instance, Problem, Stage
from thekla.core.values import Value
from thekla.problems.folder import ProblemFolder
from thekla.problems.package import FolderPackage

from .interface import VOCABULARY, interface
from .referee import RATIO, TransactionsOnlineReferee
from .workloads import arrivals, drawn_holdout, probes, reference, relabelled, resized, smoke, splits, varied

__all__ = ["TransactionsOnlinePackage"]

_FOLDER = ProblemFolder(__package__, sources=("thekla.simulators.transactions",))

_KEYS = {
    "default": "\nThe operations of waiting transactions are what they will be.\n",
    "predicted": (
        "\nThe operations of waiting transactions are predictions: a tenth of the keys is wrong, positions and kinds\n"
        "of access are right. A probe believes them; what is committed runs with its true keys, of which only the\n"
        "start becomes known.\n"
    ),
}


class TransactionsOnlinePackage(FolderPackage):
    """One suite of the problem."""

    folder = _FOLDER

    @cached_property
    def problem(self) -> Problem:
        """The problem as data."""
        return Problem(
            name=_FOLDER.name,
            version=_FOLDER.data["version"],
            suite=self._suite,
            statement=_FOLDER.text("statement.md") + _KEYS[self._suite],
            interface=interface(),
            objectives=_FOLDER.objectives(self._suite),
            seeds=(_FOLDER.program("seeds/oldest_first.py"), _FOLDER.program("seeds/better_of_two.py")),
            instances=splits(self._suite),
            stages=(
                Stage(name="smoke", instances=(smoke(self._suite),)),
                Stage(name="probe", instances=probes(self._suite)),
            ),
            measures=_FOLDER.measures,
            vocabulary=VOCABULARY,
            published=_FOLDER.published(self._suite),
            hints=_FOLDER.hints,
        )

    @cached_property
    def referee(self) -> TransactionsOnlineReferee:
        """The trusted judge."""
        return TransactionsOnlineReferee()

    def holdout(self, key: bytes) -> Sequence[Instance]:
        """The hold-out that `key` determines."""
        return drawn_holdout(self._suite, key)

    def resized(self, instance: Instance, factor: float) -> Instance | None:
        """The same family and seed with `factor` times the transactions, seen through the same window."""
        return resized(instance, factor)

    def varied(self, instance: Instance, *, seed: int) -> Instance | None:
        """Another draw of about the same size."""
        return varied(instance, seed=seed)

    def relabelled(self, instance: Instance, *, seed: int) -> Instance | None:
        """The same arrivals, their keys under other names."""
        return relabelled(instance, seed=seed)

    def hidden(self, instance: Instance) -> Sequence[Value]:
        """The true operations of transactions that are announced otherwise."""
        given = arrivals(instance.id)
        announced = {each.operations for each in given.hints}
        true = (each.operations for each in given.workload.transactions if each.operations not in announced)
        return [[list(operation) for operation in operations] for operations in true]

    def bound(self, instance: Instance) -> Mapping[str, float]:
        """The proven least makespan of any order, over that of shortest makespan first."""
        against = reference(instance.id)
        return {RATIO: against.bound / against.smf}
