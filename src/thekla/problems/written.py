"""Problems in four short files: the data in `problem.toml`, and three functions that draw, judge and bound a workload.

What a package must be besides (splits, hold-out, digests, faults, hidden feedback) is made here, so that an author
writes only what is particular to the problem:

    # __init__.py of the folder
    from thekla.problems.written import written_problem
    from .evaluator import bound, judge, workload

    build = written_problem(__package__, workload=workload, judge=judge, bound=bound)

Four more functions are optional. With `resized`, `varied` and `relabelled`, `thekla promote` has larger, near and
renamed workloads to put a winner to the test on, and the audit compares scores under other names; what `hidden` tells
must not reach a program, and the audit looks for it.

`problem.toml` is as `folder` reads it, and says besides:

    [suites.default]
    train = 6                         # instances of each split; the hold-out is drawn when a run closes
    validation = 10
    holdout = 10

    [interface]
    seeds = ["seeds/oldest.py"]       # weak programs to start from
    numbers = ["count"]               # names of types that are numbers, besides int and float
    guest = "guest.py"                # runs beside the program; left out if arguments are plain data
    wheels = ["numpy"]                # what programs may import besides the standard library
    modules = ["math"]                # all that they may import; left out: anything that is installed there
    forbidden = ["sorted"]            # calls that they may not make

    [interface.functions.evict]
    parameters = { pages = "list[Page]" }
    result = "Page"
    doc = "What the function decides."

    [interface.types.Page]
    doc = "What it is."
    fields.age = { type = "count", doc = "What it means, with its unit." }

    [[vocabulary]]                    # building blocks of the mutator; see `core.problem.Block`
    name = "least page"
    kind = "expression"
    type = "Page"
    text = "min({pages: list[Page]}, key=lambda each: {key: number})"
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from random import Random
from typing import Any, Generic, TypeVar

from thekla.core.errors import GuestFault, ProblemError
from thekla.core.evaluation import FailureKind, Fault, InstanceResult
from thekla.core.problem import (
    Block,
    Field,
    Function,
    Instance,
    Interface,
    Parameter,
    Problem,
    RecordType,
    Split,
    Vocabulary,
)
from thekla.core.protocols import Guest
from thekla.core.rng import stream
from thekla.core.values import Value, digest_of
from thekla.problems.folder import ProblemFolder, drawn_seed
from thekla.problems.names import RENAMED, other_name
from thekla.problems.package import FolderPackage

__all__ = ["Functions", "InvalidAnswer", "Judged", "WrittenPackage", "written_problem"]

W = TypeVar("W")

_NEAR = re.compile(r"/near\d+$")
_SIZED = re.compile(r"/x(?P<factor>\d+(\.\d+)?)$")


class InvalidAnswer(Exception):
    """An answer that the rules of the problem forbid; the text says which, and is shown to the program's author."""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What an author's `judge` says of a program on one workload.

    Args:
        score: Of the suite's objective, finite.
        measures: By the names in `problem.toml`.
        feedback: For whoever improves the program: what went well and badly, in a line or two.
    """

    score: float
    measures: Mapping[str, float] = field(default_factory=dict)
    feedback: str = ""


def written_problem(
    package: str | None,
    *,
    workload: Callable[[Random], W],
    judge: Callable[[Guest, W], Judged],
    bound: Callable[[W], float | None] = lambda drawn: None,
    resized: Callable[[Random, float], W] | None = None,
    varied: Callable[[W, Random], W] | None = None,
    relabelled: Callable[[W, Random], W] | None = None,
    hidden: Callable[[W], Sequence[Value]] = lambda drawn: (),
    sources: Sequence[str] = (),
) -> Callable[[str], WrittenPackage[W]]:
    """The function `build` of a problem's folder.

    Args:
        package: `__package__` of the folder.
        workload: Draws the content of an instance; it uses the generator that it is given and nothing else.
        judge: Calls the program's functions on the guest and computes the score from its own data. It raises
            `InvalidAnswer`, and lets every other exception of the guest pass.
        bound: A score that no program can beat on the workload, proven; None if none is known.
        resized: Draws a workload that is so many times as large, from the generator that `workload` would be given.
        varied: A neighbour of a workload: the same but for a part that the generator chooses. The search of workloads
            on which a program does badly goes from neighbour to neighbour.
        relabelled: The same workload under other names, which must change no honest program's score.
        hidden: Values of a workload that no program may be told; see `core.protocols.HiddenTruth`.
        sources: Dotted names of packages outside the folder that decide a score.

    Raises:
        ProblemError: The folder was not imported as a package.
    """
    if not package:
        raise ProblemError("a problem's folder must be imported as a package; name it by its path, as in ./myproblem")
    folder = ProblemFolder(package, sources=sources, wheels=("thekla",))
    functions = Functions(
        workload=workload,
        judge=judge,
        bound=bound,
        resized=resized,
        varied=varied,
        relabelled=relabelled,
        hidden=hidden,
    )

    @lru_cache(maxsize=8)
    def build(suite: str = "default") -> WrittenPackage[W]:
        return WrittenPackage(folder, suite, functions)

    return build


@dataclass(frozen=True, kw_only=True)
class Functions(Generic[W]):
    """What an author writes; see `written_problem`."""

    workload: Callable[[Random], W]
    judge: Callable[[Guest, W], Judged]
    bound: Callable[[W], float | None]
    resized: Callable[[Random, float], W] | None
    varied: Callable[[W, Random], W] | None
    relabelled: Callable[[W, Random], W] | None
    hidden: Callable[[W], Sequence[Value]]


class WrittenPackage(FolderPackage, Generic[W]):
    """One suite of a problem that is written as four files; its own referee.

    Changed instances (`core.protocols.WorkloadSpace`) bear what was done behind their id and are made again from it:
    `train/0/near7`, `train/0/x5`, `train/0/renamed1`.
    """

    def __init__(self, folder: ProblemFolder, suite: str, functions: Functions[W]) -> None:
        self.folder = folder
        super().__init__(suite)
        self._functions = functions
        self._drawn: dict[str, W] = {}

    @cached_property
    def problem(self) -> Problem:
        """The problem as data.

        Raises:
            ProblemError: `problem.toml` lacks something.
        """
        told, suite = self._table("interface"), self.folder.data["suites"][self._suite]
        try:
            return Problem(
                name=self.folder.name,
                version=str(self.folder.data["version"]),
                suite=self._suite,
                statement=self.folder.text("statement.md"),
                interface=self._interface(told),
                objectives=self.folder.objectives(self._suite),
                seeds=tuple(self.folder.program(path) for path in told["seeds"]),
                instances={
                    split: tuple(self._instance(f"{split}/{number}", split) for number in range(suite[str(split)]))
                    for split in (Split.TRAIN, Split.VALIDATION)
                },
                measures=self.folder.measures,
                vocabulary=Vocabulary(blocks=tuple(Block(**each) for each in self.folder.data.get("vocabulary", ()))),
                published=self.folder.published(self._suite),
                hints=self.folder.hints,
            )
        except KeyError as error:
            raise ProblemError(
                f"problem.toml of {self.folder.name!r} lacks {error}; see thekla.problems.written"
            ) from error
        except (TypeError, ValueError) as error:
            raise ProblemError(f"problem.toml of {self.folder.name!r}: {error}") from error

    @property
    def referee(self) -> WrittenPackage[W]:
        """The trusted judge: this object."""
        return self

    def judge(self, guest: Guest, instance: Instance, *, seed: int) -> InstanceResult:
        """The author's judgement, with faults as values. Nothing is random, so `seed` has no effect."""
        try:
            judged = self._functions.judge(guest, self._workload(instance.id))
        except GuestFault as fault:
            return InstanceResult(
                fault=Fault(kind=FailureKind(fault.kind), message=fault.message, traceback=fault.traceback)
            )
        except InvalidAnswer as error:
            return InstanceResult(fault=Fault(kind=FailureKind.INVALID, message=str(error)))
        return InstanceResult(
            scores={self._objective.name: float(judged.score)},
            measures=judged.measures,
            feedback="" if instance.split is Split.HOLDOUT else judged.feedback,
        )

    def holdout(self, key: bytes) -> Sequence[Instance]:
        """The hold-out that `key` determines."""
        count = int(self.folder.data["suites"][self._suite].get("holdout", 0))
        seeds = (drawn_seed(key, self.folder.name, self._suite, number) for number in range(count))
        return tuple(self._instance(f"drawn/{seed}", Split.HOLDOUT) for seed in seeds)

    def bound(self, instance: Instance) -> Mapping[str, float]:
        """The author's bound, if one is known."""
        value = self._functions.bound(self._workload(instance.id))
        return {} if value is None else {self._objective.name: float(value)}

    def resized(self, instance: Instance, factor: float) -> Instance | None:
        """A workload of that many times the size from the same draw; None for one that is changed already."""
        if factor == 1:
            return instance
        changed = any(each.search(instance.id) for each in (_NEAR, _SIZED, RENAMED))
        if changed or self._functions.resized is None:
            return None
        return self._instance(f"{instance.id}/x{factor:g}", instance.split)

    def varied(self, instance: Instance, *, seed: int) -> Instance | None:
        """A neighbour, of a neighbour as well; None for one under other names."""
        if self._functions.varied is None or RENAMED.search(instance.id):
            return None
        return self._instance(f"{instance.id}/near{seed}", instance.split)

    def relabelled(self, instance: Instance, *, seed: int) -> Instance | None:
        """The same workload under other names; None for one that bears others already."""
        id = other_name(instance.id, seed)
        return None if id is None or self._functions.relabelled is None else self._instance(id, instance.split)

    def hidden(self, instance: Instance) -> Sequence[Value]:
        """What the author declares hidden."""
        return self._functions.hidden(self._workload(instance.id))

    def _workload(self, id: str) -> W:
        if id not in self._drawn:
            self._drawn[id] = self._made(id)
        return self._drawn[id]

    def _made(self, id: str) -> W:
        """The workload of an id, by what was done last and the workload before that."""
        given, (before, _, done) = self._functions, id.rpartition("/")
        rng = stream(0, self.folder.name, self._suite, id)
        if RENAMED.search(id) and given.relabelled is not None:
            return given.relabelled(self._workload(before), rng)
        if _NEAR.search(id) and given.varied is not None:
            return given.varied(self._workload(before), rng)
        if _SIZED.search(id) and given.resized is not None:
            return given.resized(stream(0, self.folder.name, self._suite, before), float(done[1:]))
        return given.workload(rng)

    def _instance(self, id: str, split: Split) -> Instance:
        recipe = [self.folder.name, str(self.folder.data["version"]), self._suite, id]
        return Instance(id=id, split=split, digest=digest_of(list(recipe)))

    def _table(self, name: str) -> Mapping[str, Any]:
        if name not in self.folder.data:
            raise ProblemError(f"problem.toml of {self.folder.name!r} has no [{name}]; see thekla.problems.written")
        table: Mapping[str, Any] = self.folder.data[name]
        return table

    def _interface(self, told: Mapping[str, Any]) -> Interface:
        return Interface(
            functions=tuple(_function(name, row) for name, row in told["functions"].items()),
            types=tuple(_record(name, row) for name, row in told.get("types", {}).items()),
            numbers=("int", "float", "number", *told.get("numbers", ())),
            guest_source=self.folder.text(told["guest"]) if "guest" in told else "",
            wheels=tuple(told.get("wheels", ())),
            modules=tuple(told["modules"]) if "modules" in told else None,
            forbidden=tuple(told.get("forbidden", ())),
        )


def _function(name: str, row: Mapping[str, Any]) -> Function:
    parameters = tuple(Parameter(name=each, type=type) for each, type in row["parameters"].items())
    return Function(
        name=name,
        parameters=parameters,
        result=row["result"],
        doc=row.get("doc", ""),
        required=row.get("required", True),
    )


def _record(name: str, row: Mapping[str, Any]) -> RecordType:
    fields = tuple(Field(name=each, **told) for each, told in row.get("fields", {}).items())
    return RecordType(name=name, doc=row.get("doc", ""), fields=fields)
