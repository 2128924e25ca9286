"""What an evaluation is: `Scored` or `Failed`, never a number that stands for a failure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from thekla.core.problem import Instance, Objective, ProblemRef
from thekla.core.program import Program
from thekla.core.values import Data, digest_of

__all__ = [
    "AGGREGATES",
    "Breach",
    "EvaluationDone",
    "EvaluationJob",
    "Failed",
    "FailureKind",
    "Fault",
    "InstanceResult",
    "Limits",
    "Outcome",
    "Scored",
    "Usage",
    "fold_results",
]


class FailureKind(StrEnum):
    """Why a candidate has no score."""

    NO_PROGRAM = "no_program"  # the generator's answer holds no program
    NOTE = "note"  # none was asked for: the answer is a note, and its words are the message
    SYNTAX = "syntax"  # does not parse
    INTERFACE = "interface"  # a function of the interface is missing or has another signature
    DUPLICATE = "duplicate"  # the run has evaluated this very text before, or one that decides alike
    CRASH = "crash"  # raised an exception, or its process died
    INVALID = "invalid"  # answered what the rules of the problem forbid
    PROTOCOL = "protocol"  # answered what is no plain data, or out of turn
    TIMEOUT = "timeout"  # used up its wall time
    CPU = "cpu"  # used up its CPU time
    MEMORY = "memory"  # used up its memory
    FORBIDDEN = "forbidden"  # tried what the sandbox forbids
    NONDETERMINISTIC = "nondeterministic"  # evaluated twice, it did not do the same
    OUTRACED = "outraced"  # could not be among the best any more, so that its evaluation was ended early
    QUARANTINED = "quarantined"  # scored better than a proven bound: the program, the evaluator or the bound is wrong
    INFRASTRUCTURE = "infrastructure"  # ours, not the candidate's: a worker died, a disk was full


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Resources used, as the host read them from the kernel."""

    cpu_s: float = 0.0
    wall_s: float = 0.0
    peak_memory_mb: float = 0.0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            cpu_s=self.cpu_s + other.cpu_s,
            wall_s=self.wall_s + other.wall_s,
            peak_memory_mb=max(self.peak_memory_mb, other.peak_memory_mb),
        )


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one guest may use, loading included.

    Args:
        frame_kib: Largest single message in either direction.
        threads: How many it may run, those of numerical libraries included; one unless a problem asks for more.

    Raises:
        ValueError: A limit is not positive.
    """

    wall_s: float = 30.0
    cpu_s: float = 20.0
    memory_mb: int = 512
    frame_kib: int = 64
    threads: int = 1

    def __post_init__(self) -> None:
        for name in ("wall_s", "cpu_s", "memory_mb", "frame_kib", "threads"):
            value = getattr(self, name)
            if not (value > 0 and math.isfinite(value)):
                raise ValueError(f"limit {name} is {value!r}; it must be a positive number")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Why one instance has no score; `traceback` shows the candidate's own frames only."""

    kind: FailureKind
    message: str
    traceback: str = ""


@dataclass(frozen=True, kw_only=True)
class InstanceResult:
    """What the referee says of one program on one instance: scores or a fault.

    Args:
        scores: One finite number per objective of the problem; empty if there is a fault.
        measures: Numbers that are shown or place a candidate in an archive, never optimised.
        feedback: Text for the generator; must hold nothing of a hold-out.
        behaviour: Digest of all that the program decided here; empty if the referee takes none. Programs with equal
            digests did the same.
    """

    scores: Mapping[str, float] = field(default_factory=dict)
    fault: Fault | None = None
    measures: Mapping[str, float] = field(default_factory=dict)
    feedback: str = ""
    behaviour: str = ""

    def __post_init__(self) -> None:
        if (self.fault is None) == (not self.scores):
            raise ValueError("an instance result holds either scores or a fault; found both or neither")
        for name, score in self.scores.items():
            if type(score) is not float or not math.isfinite(score):
                raise ValueError(f"score {name!r} is {score!r}; it must be a finite float")


@dataclass(frozen=True, kw_only=True)
class Scored:
    """A program that ran on all instances of a split.

    Args:
        scores: The fold of the instances' scores, per objective.
        measures: Mean over the instances, per measure.
        instances: Each instance's result by instance id, in the problem's order.
        tier: The sandbox tier under which it ran.
        behaviour: Digest of what it decided in the stages before the train split; empty if there is none.
    """

    scores: Mapping[str, float]
    measures: Mapping[str, float] = field(default_factory=dict)
    instances: Mapping[str, InstanceResult] = field(default_factory=dict)
    tier: str = ""
    behaviour: str = ""
    cost: Usage = field(default_factory=Usage, compare=False)


@dataclass(frozen=True, kw_only=True)
class Breach:
    """A score that is better than a proven bound, which cannot be.

    Args:
        instance: Where; empty if it is the score of the whole split.
    """

    objective: str
    instance: str
    score: float
    bound: float


@dataclass(frozen=True, kw_only=True)
class Failed:
    """A program without a score; it holds no number that could compete with one.

    Args:
        stage: Where it failed: `answer`, `check`, or the name of a stage of the cascade.
        cost: What finding out used.
        breaches: Why it is quarantined: evidence, which is shown and never ranked.
    """

    kind: FailureKind
    stage: str
    message: str
    traceback: str = ""
    cost: Usage = field(default_factory=Usage, compare=False)
    breaches: tuple[Breach, ...] = ()


Outcome: TypeAlias = Scored | Failed

AGGREGATES: Mapping[str, Callable[[Sequence[float]], float]] = {
    "mean": statistics.fmean,
    "median": statistics.median,
    "sum": math.fsum,
    "min": min,
    "max": max,
}


def fold_results(
    objectives: Sequence[Objective], results: Mapping[str, InstanceResult], *, stage: str, tier: str, cost: Usage
) -> Outcome:
    """The outcome of a program, from its results on the instances of one split.

    One fault fails the program: a trace that a candidate cannot finish is never left out of an average.

    Raises:
        ValueError: There is no result, or one lacks an objective.
    """
    if not results:
        raise ValueError("no instance results to fold; a split needs at least one instance")
    for name, result in results.items():
        if result.fault is not None:
            fault = result.fault
            return Failed(
                kind=fault.kind,
                stage=stage,
                message=f"on instance {name!r}: {fault.message}",
                traceback=fault.traceback,
                cost=cost,
            )
    scores = {}
    for objective in objectives:
        missing = [name for name, result in results.items() if objective.name not in result.scores]
        if missing:
            raise ValueError(f"the referee gave no score {objective.name!r} for instances {missing}")
        scores[objective.name] = float(
            AGGREGATES[objective.aggregate]([result.scores[objective.name] for result in results.values()])
        )
    common = set.intersection(*(set(result.measures) for result in results.values()))
    measures = {name: statistics.fmean(result.measures[name] for result in results.values()) for name in sorted(common)}
    return Scored(scores=scores, measures=measures, instances=dict(results), tier=tier, cost=cost)


@dataclass(frozen=True, kw_only=True)
class EvaluationJob:
    """One program on one instance with one seed: the unit that a backend runs in a fresh guest.

    Args:
        twin: Whether it runs under other accidents than usual, another hash seed and address layout, to be compared.
    """

    problem: ProblemRef
    program: Program
    instance: Instance
    seed: int
    stage: str
    limits: Limits
    twin: bool = False

    def key(self, evaluator_digest: str) -> str:
        """Content address of the evaluation: equal keys give equal results."""
        limits = self.limits
        content: dict[str, Data] = {
            "program": self.program.id,
            "evaluator": evaluator_digest,
            "instance": [self.instance.id, self.instance.digest],
            "seed": self.seed,
            "limits": [limits.wall_s, limits.cpu_s, limits.memory_mb, limits.frame_kib],
        }
        unusual: dict[str, Data] = {"twin": True} if self.twin else {}
        if limits.threads > 1:
            unusual["threads"] = limits.threads
        return digest_of({**content, **unusual})


@dataclass(frozen=True, kw_only=True)
class EvaluationDone:
    """The end of a job: its result, what it used, and the sandbox tier that held.

    Args:
        details: What the tier rested on there, as the kernel granted it; empty if the sandbox does not say.
    """

    job: EvaluationJob
    result: InstanceResult
    usage: Usage
    tier: str
    details: str = ""
