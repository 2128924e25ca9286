"""A problem as data: objectives, typed interface, vocabulary, instances by split, stages of evaluation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from thekla.core.program import Program
from thekla.core.values import Data

__all__ = [
    "Baseline",
    "Block",
    "Constraint",
    "Field",
    "Function",
    "Hints",
    "Instance",
    "Interface",
    "Measure",
    "Method",
    "Objective",
    "Order",
    "Parameter",
    "Problem",
    "ProblemRef",
    "RecordType",
    "Split",
    "Stage",
    "Vocabulary",
]

Direction = Literal["minimize", "maximize"]
Aggregate = Literal["mean", "median", "sum", "min", "max"]
Source = Literal["referee", "program"]
Sense = Literal["at_most", "at_least"]
Order = Literal["first", "lexicographic"]
"""What a strategy for one objective makes of several: the first alone, or each to break the ties of those before it."""
Role = Literal[
    "trivial", "rule", "state_of_the_art", "oracle", "published", "bound", "seed", "milestone", "finalist", "winner"
]


class Split(StrEnum):
    """What instances are for. The hold-out is opened by `evaluation.splits` alone."""

    TRAIN = "train"
    VALIDATION = "validation"
    HOLDOUT = "holdout"
    PUBLIC = "public"  # fixed, published instances: shown for finalists and baselines, each opening counted


@dataclass(frozen=True, kw_only=True)
class Objective:
    """A number to be optimised.

    Args:
        baseline: Value of the problem's first seed on the split that steers the search.
        best_known: Best published value, with its source in `problem.toml`.
        bound: A proven bound; a score better than it is wrong.
        aggregate: How values of several instances become one.
        tolerance: Of the first objective: the share of the best score that a program may lose and still be preferred
            for the sake of the further objectives, in [0, 1). In lexicographic order of any but the last: how much
            two scores may differ, relative to each other, and count as equal.
        source: Who computes it: the referee on an instance, or the evaluation service from the program's text.

    Raises:
        ValueError: The tolerance is outside its range.
    """

    name: str
    unit: str
    direction: Direction
    baseline: float | None = None
    best_known: float | None = None
    bound: float | None = None
    aggregate: Aggregate = "mean"
    tolerance: float = 0.0
    source: Source = "referee"

    def __post_init__(self) -> None:
        if not 0 <= self.tolerance < 1:
            raise ValueError(f"tolerance of objective {self.name!r} is {self.tolerance!r}; give a share in [0, 1)")

    def gain(self, score: float) -> float:
        """`score` as a number of which more is better: the only place where the direction is applied.

        Raises:
            ValueError: The score is not finite.
        """
        if not math.isfinite(score):
            raise ValueError(f"score {score!r} of objective {self.name!r} is not finite")
        return score if self.direction == "maximize" else -score


@dataclass(frozen=True, kw_only=True)
class Measure:
    """A number that is shown or places a candidate in an archive; it is never optimised.

    Args:
        low, high: The range that an archive divides into cells; values outside count as the border.
    """

    name: str
    unit: str
    low: float = 0.0
    high: float = 1.0
    archive: bool = False
    description: str = ""

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"measure {self.name!r} spans {self.low} to {self.high}; low must be below high")


@dataclass(frozen=True, kw_only=True)
class Constraint:
    """What a program must keep to: one that does is preferred to any that does not (`core.constraints`).

    Args:
        name: An objective or measure of the problem.
        aggregate: How values of several instances become one; by default the worst of them counts.

    Raises:
        ValueError: The limit is not finite.
    """

    name: str
    sense: Sense
    limit: float
    unit: str = ""
    aggregate: Aggregate | None = None

    def __post_init__(self) -> None:
        if not math.isfinite(self.limit):
            raise ValueError(f"constraint {self.name!r} has the limit {self.limit!r}; it must be finite")

    def __str__(self) -> str:
        words = self.sense.replace("_", " ")
        return f"{self.name} {words} {self.limit:g} {self.unit}".rstrip()

    def excess(self, value: float) -> float:
        """By how much `value` is beyond the limit, relative to it (absolute for a limit of 0); 0 if it is not."""
        beyond = value - self.limit if self.sense == "at_most" else self.limit - value
        return max(0.0, beyond) / (abs(self.limit) or 1.0)


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A typed argument; `type` is a Python annotation over the interface's own types."""

    name: str
    type: str


@dataclass(frozen=True, kw_only=True)
class Function:
    """A callable of the interface, as the program must define it."""

    name: str
    parameters: tuple[Parameter, ...]
    result: str
    doc: str = ""
    required: bool = True


@dataclass(frozen=True, kw_only=True)
class Field:
    """An attribute that a program may read. `type` may carry a unit, as in `gb`, `cpu`, `seconds`, `count`."""

    name: str
    type: str
    doc: str = ""


@dataclass(frozen=True, kw_only=True)
class Method:
    """A method that a program may call."""

    name: str
    parameters: tuple[Parameter, ...]
    result: str
    doc: str = ""


@dataclass(frozen=True, kw_only=True)
class RecordType:
    """A type of object that a program meets."""

    name: str
    doc: str = ""
    fields: tuple[Field, ...] = ()
    methods: tuple[Method, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Interface:
    """The callable names of a problem with typed arguments and results.

    Args:
        functions: What a program defines.
        types: What it may see, with units as types: `numbers` lists the type names that are numbers.
        names: Global names that the guest gives to a program (constructors, enumerations), with their types.
        guest_source: Module that runs beside the program, with the standard library and `wheels` to import. It defines
            `names() -> dict` (put into the program's globals) and `connect(namespace) -> dict` (the callables
            that the referee may call). Empty: the referee calls the program's functions as they are.
        wheels: Distributions that the guest may import besides the standard library.
        modules: All that a program may import besides its own files, with what is below each; None: whatever is there.
        forbidden: Calls that a program may not make, by name, as in `sorted` or `numpy.linalg.solve`: for problems that
            ask for an algorithm where a library has one.
    """

    functions: tuple[Function, ...]
    types: tuple[RecordType, ...] = ()
    numbers: tuple[str, ...] = ("int", "float")
    names: Mapping[str, str] = field(default_factory=dict)
    guest_source: str = ""
    wheels: tuple[str, ...] = ()
    modules: tuple[str, ...] | None = None
    forbidden: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Block:
    """A building block for a generator without a model: a typed fragment, never a baseline in pieces.

    Args:
        kind: An expression of type `type`, or one or more statements.
        text: Python with typed holes, `{name: type}`, as in `{pipeline: Pipeline}.remaining_operators` or
            `{queue: list[Pipeline]}.sort(key=lambda item: {key: number})`. A hole is filled with a name or an
            expression of that type that is in scope. Equal hole names are filled alike.
    """

    name: str
    kind: Literal["expression", "statement"]
    type: str
    text: str
    doc: str = ""


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """The building blocks of a problem's interface, shown in every report."""

    blocks: tuple[Block, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Hints:
    """What those who know a problem would tell a search that is stuck, the most general first.

    Hints cost novelty, so none is given before the search stands still, and then one at a time (`search.hinting`).

    Args:
        version: Grows with every change of the list; a run goes on with the version that it began with.

    Raises:
        ValueError: A hint is empty, or there are hints and no version.
    """

    version: str = ""
    texts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not all(text.strip() for text in self.texts):
            raise ValueError("a hint is empty; leave it out")
        if self.texts and not self.version:
            raise ValueError('there are hints without a version; give them one, as in version = "1"')


@dataclass(frozen=True, kw_only=True)
class Instance:
    """One trace or workload, named; the referee alone can make or load its content.

    Args:
        id: Says all that is needed to make it again, as in `loop/b2/seed107`.
        digest: SHA-256 of the content, or of the recipe that makes it.
    """

    id: str
    split: Split
    digest: str


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A step of the cascade; a candidate that fails in it goes no further.

    Args:
        cpu_s: CPU time of one guest in it, where the problem's limit would let a program that never ends waste more.
    """

    name: str
    instances: tuple[Instance, ...]
    cpu_s: float = math.inf


@dataclass(frozen=True, kw_only=True)
class ProblemRef:
    """A problem as a journal names it: enough to build it again in another process.

    Args:
        name: Of the entry point, or the absolute path of a folder that is not installed.
    """

    name: str
    suite: str
    arguments: Mapping[str, Data] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The name as a heading shows it: of a problem that is named by its folder's path, the folder's name."""
        return self.name.rstrip("/").rpartition("/")[2] if self.name.startswith("/") else self.name


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """A rung of the ladder.

    Args:
        program: Runs through the same guest path as a candidate; None for an oracle (it needs hidden truth and
            runs on the host) and for figures that are published or computed.
        role: `oracle` and `bound` are marked so wherever they are shown; `seed`, `milestone` (led for a while),
            `finalist` and `winner` are a run's own candidates beside the ladder.
    """

    name: str
    role: Role
    program: Program | None = None
    description: str = ""
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What a search needs to know of a problem.

    Args:
        statement: Markdown that an engineer can act on.
        objectives: At least one; the first is the one that a single-objective strategy optimises.
        seeds: Weak programs to start from, at least one.
        instances: By split; the hold-out is absent, since it does not exist before the finalists are frozen.
        stages: The cascade before the train split, cheapest first (may be empty).
        published: Figures from the literature: name -> (value, source).
        fixed_holdout: Whether every run opens the same hold-out, as with files of a user; a drawn one is new each time.
        reproducible: Whether an equal evaluation gives an equal score; not so where running time counts.
        repeats: How often each instance is judged, each time with another seed that all programs share; the score of
            an instance is the mean.
        constraints: All of them hold for a feasible program, and feasible programs come first.
        order: What a strategy for one objective makes of several.
        hints: Shown to generators one by one, where a search stands still.
        train_cpu_s: CPU time of a guest on the train split, where it is less than the limit. What a search finds has
            more of it afterwards, so that a program close to it does not fail on the next instance.

    Raises:
        ValueError: No objective, no seed, no train instance, an instance in two splits, less than one repeat, or a
            constraint on what is neither an objective nor a measure.
    """

    name: str
    version: str
    suite: str
    statement: str
    interface: Interface
    objectives: tuple[Objective, ...]
    seeds: tuple[Program, ...]
    instances: Mapping[Split, tuple[Instance, ...]]
    stages: tuple[Stage, ...] = ()
    measures: tuple[Measure, ...] = ()
    vocabulary: Vocabulary = field(default_factory=Vocabulary)
    published: Mapping[str, tuple[float, str]] = field(default_factory=dict)
    fixed_holdout: bool = False
    reproducible: bool = True
    repeats: int = 1
    constraints: tuple[Constraint, ...] = ()
    order: Order = "first"
    hints: Hints = field(default_factory=Hints)
    train_cpu_s: float = math.inf

    def __post_init__(self) -> None:
        if not self.train_cpu_s > 0:
            raise ValueError(f"problem {self.name!r} gives a guest {self.train_cpu_s} CPU s on train; expected more")
        if self.repeats < 1:
            raise ValueError(f"problem {self.name!r} repeats an evaluation {self.repeats} times; at least 1 is needed")
        if not self.objectives or not self.seeds or not self.instances.get(Split.TRAIN):
            raise ValueError(f"problem {self.name!r} needs an objective, a seed program and a train instance")
        if Split.HOLDOUT in self.instances:
            raise ValueError(f"problem {self.name!r} lists hold-out instances; they are drawn when a run closes")
        seen: dict[str, Split] = {}
        for split, instances in self.instances.items():
            for instance in instances:
                if instance.id in seen:
                    raise ValueError(
                        f"instance {instance.id!r} is in both {seen[instance.id]} and {split}; "
                        "give each instance one split"
                    )
                seen[instance.id] = split
        self._check_constraints()

    def _check_constraints(self) -> None:
        known = [*(one.name for one in self.objectives), *(one.name for one in self.measures)]
        for constraint in self.constraints:
            if constraint.name not in known:
                raise ValueError(
                    f"problem {self.name!r} has nothing called {constraint.name!r} to constrain; "
                    f"it has {', '.join(known)}"
                )

    @property
    def objective(self) -> Objective:
        """The objective that a single-objective strategy optimises."""
        return self.objectives[0]
