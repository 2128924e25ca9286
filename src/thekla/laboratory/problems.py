"""Problems by formula: what a strategy does on them is known in microseconds, and their optimum is known.

Each is a smooth, a flat, a deceptive or a many-sided surface, so that no one kind of selection is best on all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from thekla.core.evaluation import Failed, FailureKind, InstanceResult, Outcome, Scored
from thekla.core.problem import Function, Instance, Interface, Measure, Objective, Problem, Split
from thekla.core.program import Program
from thekla.core.rng import stream
from thekla.core.values import digest_of
from thekla.laboratory.genome import Genome
from thekla.testing.toy import ridge_score

__all__ = ["LABORATORY", "LabProblem", "Noise", "barren", "cluttered", "deceptive", "fmin5", "plateau", "scheduling"]

Scores = Callable[[Genome], Mapping[str, float]]


@dataclass(frozen=True, kw_only=True)
class Noise:
    """What a synthetic proposal model does besides changing one constant, as shares of its answers.

    Args:
        malformed: Answers without a program, or with one that does not run.
        crossover: Answers that mix the parent with another program, if there is one.
        leap: Answers of another form; three times as many when the ticket names a tactic.
        clutter: Answers that add a constant which counts for nothing, or, one in four, leave such a one out.
    """

    malformed: float = 0.0
    crossover: float = 0.0
    leap: float = 0.0
    clutter: float = 0.0


@dataclass(frozen=True, kw_only=True)
class LabProblem:
    """A problem that needs no sandbox: the score is computed from what the program says, not by running it.

    Args:
        optimum: The best possible score.
        spare: Most constants of a program that count for nothing.
        scores: A score for each instance.
    """

    problem: Problem
    forms: tuple[str, ...]
    dimensions: int
    optimum: float
    noise: Noise
    scores: Scores
    spare: int = 0

    @property
    def name(self) -> str:
        """The problem's name."""
        return self.problem.name

    def read(self, program: Program) -> Genome | None:
        """What a program says, None if it is not of this problem."""
        return Genome.of(program, forms=self.forms, dimensions=self.dimensions, spare=self.spare)

    def evaluate(self, program: Program) -> Outcome:
        """The outcome of a program."""
        genome = self.read(program)
        if genome is None:
            return Failed(kind=FailureKind.INVALID, stage="train", message="no form and constants of this problem")
        results = {name: InstanceResult(scores={"score": score}) for name, score in self.scores(genome).items()}
        score = sum(result.scores["score"] for result in results.values()) / len(results)
        first, second = (math.log10(value) for value in genome.constants[:2])
        measures = {"first": first, "second": second, "form": float(self.forms.index(genome.form))}
        return Scored(scores={"score": score}, measures=measures, instances=results, tier="trusted")


def fmin5() -> LabProblem:
    """A smooth, coupled ridge of five constants, with shallow ripples; the optimum is 1."""
    return _lab(
        "fmin5",
        "Five positive numbers near a hidden optimum, coupled in pairs.",
        start=Genome(form="a", constants=(1.0,) * 5),
        scores=lambda genome: {"one": ridge_score(genome.constants)},
        noise=Noise(),
    )


def plateau() -> LabProblem:
    """The ridge in steps: a constant has to change by a factor of 1.4 or so before the score does; the optimum is 1."""

    def scores(genome: Genome) -> dict[str, float]:
        return {"one": ridge_score([best * _stepped(value / best) for value, best in _pairs(genome.constants, _RIDGE)])}

    return _lab(
        "plateau",
        "As fmin5, in steps: most changes make no difference.",
        start=Genome(form="a", constants=(1.0,) * 5),
        scores=scores,
        noise=Noise(malformed=0.05, crossover=0.1, leap=0.02),
    )


def deceptive() -> LabProblem:
    """Three forms with ceilings 0.5, 0.7 and 1, each with another optimum: a better form is worse at first."""
    ceilings = {"a": 0.5, "b": 0.7, "c": 1.0}
    optima = {"a": (1.5, 0.6, 2.0), "b": (0.2, 5.0, 0.3), "c": (8.0, 0.1, 6.0)}

    def scores(genome: Genome) -> dict[str, float]:
        loss = sum(math.log(value / best) ** 2 for value, best in _pairs(genome.constants, optima[genome.form]))
        return {"one": ceilings[genome.form] / (1 + loss)}

    return _lab(
        "deceptive",
        "A form and three numbers; the best form scores badly until its numbers are right.",
        start=Genome(form="a", constants=(1.0,) * 3),
        forms=("a", "b", "c"),
        scores=scores,
        noise=Noise(malformed=0.05, crossover=0.15, leap=0.05),
    )


def scheduling() -> LabProblem:
    """A dispatch rule for one machine, on eight workloads of 25 jobs: total weighted tardiness relative to due dates.

    The score of a workload is c / (c + cost), where c is the cost of the order by due dates, so more is better and 0.5
    is that rule. The constants are the exponents or weights of processing time, weight and due date.
    """
    workloads = {f"load{load}": _jobs(load) for load in range(8)}
    references = {name: _tardiness(jobs, lambda job: job.due) for name, jobs in workloads.items()}
    indices: Mapping[str, Callable[[_Job, Sequence[float]], float]] = {
        "linear": lambda job, x: x[0] * job.time - x[1] * job.weight + x[2] * job.due / 10,
        "ratio": lambda job, x: job.time ** min(x[0], 9.0) * job.due ** min(x[2], 9.0) / job.weight ** min(x[1], 9.0),
        "slack": lambda job, x: max(0.0, job.due / 10 - x[2]) * x[0] + job.time / job.weight * x[1],
    }

    def scores(genome: Genome) -> dict[str, float]:
        index = indices[genome.form]
        costs = {name: _tardiness(jobs, lambda job: index(job, genome.constants)) for name, jobs in workloads.items()}
        return {name: references[name] / (references[name] + cost) for name, cost in costs.items()}

    return _lab(
        "scheduling",
        "A rule that orders the jobs of one machine, judged by weighted tardiness on eight workloads.",
        start=Genome(form="linear", constants=(0.1, 0.1, 3.0)),
        forms=tuple(indices),
        scores=scores,
        noise=Noise(malformed=0.05, crossover=0.15, leap=0.05),
    )


def barren() -> LabProblem:
    """The ridge where most edits lead nowhere: half of the answers hold nothing new, and other forms are dead ends.

    So it is for a syntax-tree mutator on real programs: what is far away by structure is broken, not promising.
    """
    ceilings = {"a": 1.0, "x": 0.02, "y": 0.01, "z": 0.005}

    def scores(genome: Genome) -> dict[str, float]:
        return {"one": ceilings[genome.form] * ridge_score(genome.constants)}

    return _lab(
        "barren",
        "As fmin5, with three further forms that are never any good; most proposals are wasted.",
        start=Genome(form="a", constants=(1.0,) * 5),
        forms=tuple(ceilings),
        scores=scores,
        noise=Noise(malformed=0.5, crossover=0.05, leap=0.15),
    )


def cluttered() -> LabProblem:
    """The ridge where programs may grow by constants that count for nothing, and are changed as often as the others.

    So it is for edits of real programs: of more and more lines that do nothing ever fewer are worth an edit.
    """
    lab = _lab(
        "cluttered",
        "As fmin5; a program may hold further numbers, which do nothing.",
        start=Genome(form="a", constants=(1.0,) * 5),
        scores=lambda genome: {"one": ridge_score(genome.constants[:5])},
        noise=Noise(clutter=0.3),
    )
    return replace(lab, spare=40)


LABORATORY: Mapping[str, Callable[[], LabProblem]] = {
    "fmin5": fmin5,
    "plateau": plateau,
    "deceptive": deceptive,
    "scheduling": scheduling,
    "barren": barren,
    "cluttered": cluttered,
}

_RIDGE = (0.37, 4.2, 11.0, 0.08, 1.9)  # the optimum of fmin5
_STEP = 0.7  # in the logarithm of a constant


@dataclass(frozen=True, kw_only=True)
class _Job:
    time: float
    weight: float
    due: float


def _stepped(ratio: float) -> float:
    return math.exp(_STEP * round(math.log(ratio) / _STEP))


def _pairs(values: Sequence[float], others: Sequence[float]) -> Sequence[tuple[float, float]]:
    return list(zip(values, others, strict=True))


@lru_cache(maxsize=16)
def _jobs(load: int) -> tuple[_Job, ...]:
    """Jobs whose due dates are tighter and more spread on later loads."""
    rng = stream(load, "laboratory", "jobs")
    times = [rng.uniform(1, 10) for _ in range(25)]
    total, tightness, width = sum(times), 0.3 + 0.07 * load, 0.2 + 0.1 * (load % 4)
    return tuple(
        _Job(
            time=time,
            weight=float(rng.randint(1, 9)),
            due=max(time, total * (1 - tightness + width * rng.uniform(-1, 1))),
        )
        for time in times
    )


def _tardiness(jobs: Sequence[_Job], key: Callable[[_Job], float]) -> float:
    clock = cost = 0.0
    for job in sorted(jobs, key=key):
        clock += job.time
        cost += job.weight * max(0.0, clock - job.due)
    return cost


def _lab(
    name: str,
    statement: str,
    *,
    start: Genome,
    scores: Scores,
    noise: Noise,
    forms: tuple[str, ...] = ("a",),
) -> LabProblem:
    instances = tuple(
        Instance(id=instance, split=Split.TRAIN, digest=digest_of([name, instance])) for instance in scores(start)
    )
    problem = Problem(
        name=name,
        version="1",
        suite="default",
        statement=statement,
        interface=Interface(functions=(Function(name="answer", parameters=(), result="tuple[str, list[float]]"),)),
        objectives=(Objective(name="score", unit="1", direction="maximize", bound=1.0),),
        seeds=(start.program,),
        instances={Split.TRAIN: instances},
        measures=(
            Measure(name="first", unit="1", low=-2.0, high=2.0, archive=True),
            Measure(name="second", unit="1", low=-2.0, high=2.0, archive=True),
            Measure(name="form", unit="1", low=0.0, high=float(len(forms)), archive=len(forms) > 1),
        ),
    )
    return LabProblem(
        problem=problem, forms=forms, dimensions=len(start.constants), optimum=1.0, noise=noise, scores=scores
    )
