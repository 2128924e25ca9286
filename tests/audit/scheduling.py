"""A sound problem, small enough to audit in a second, and ten that differ from it by one fault each.

Jobs are put on machines; the score is the share of the makespan's lower bound in the makespan, in points.
"""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

from thekla.core.errors import GuestFault
from thekla.core.evaluation import FailureKind, Fault, InstanceResult, Limits
from thekla.core.problem import (
    Baseline,
    Function,
    Instance,
    Interface,
    Objective,
    Parameter,
    Problem,
    Role,
    Split,
)
from thekla.core.program import Program
from thekla.core.protocols import Guest
from thekla.core.rng import stream
from thekla.core.values import Value

__all__ = ["BROKEN", "Sound", "variants"]

MACHINES = 3

_STATEMENT = """Put every job on one of the machines so that the last machine to finish does so as early as it can.

`assign(sizes, machines)` gets the sizes of the jobs in seconds and the number of machines, and returns the number of a
machine, from 0, for every job in the order of `sizes`. The score of an instance is 100 times a lower bound on the
finish over the finish, in points; the score of a program is the mean over the instances.
"""

TURNS = "def assign(sizes, machines):\n    return [job % machines for job in range(len(sizes))]\n"
FIRST = "def assign(sizes, machines):\n    return [0] * len(sizes)\n"
HALVES = "def assign(sizes, machines):\n    return [min(machines - 1, job // 4) for job in range(len(sizes))]\n"
LEAST = """def assign(sizes, machines):
    load, chosen = [0.0] * machines, []
    for size in sizes:
        machine = min(range(machines), key=load.__getitem__)
        load[machine] += size
        chosen.append(machine)
    return chosen
"""
LONGEST = """def assign(sizes, machines):
    load, chosen = [0.0] * machines, [0] * len(sizes)
    for job in sorted(range(len(sizes)), key=lambda job: -sizes[job]):
        chosen[job] = min(range(machines), key=load.__getitem__)
        load[chosen[job]] += sizes[job]
    return chosen
"""


def variants(count: int) -> list[Program]:
    """Some programs that a mutator might make of the seeds."""
    texts = [HALVES, LEAST, TURNS.replace("job % machines", "(job + 1) % machines"), FIRST.replace("[0]", "[1]")]
    return [Program.from_text(text) for text in texts[:count]]


class Invalid(Exception):
    """An answer that the rules forbid."""


class Sound:
    """The problem, its referee and its package in one (`core.protocols.ProblemPackage`)."""

    fault: ClassVar[str] = ""
    check: ClassVar[str] = ""
    suites: ClassVar[Mapping[str, str]] = {"default": "jobs on machines"}
    evaluator_digest = hashlib.sha256(b"scheduling 1").hexdigest()
    limits = Limits(wall_s=5.0, cpu_s=2.0, memory_mb=256)
    guest_source: ClassVar[str] = ""
    rungs: ClassVar[Mapping[str, tuple[Role, str]]] = {
        "first": ("trivial", FIRST),
        "turns": ("rule", TURNS),
        "longest": ("state_of_the_art", LONGEST),
    }
    seeds: ClassVar[Sequence[str]] = (FIRST, HALVES)
    stated_bound: ClassVar[float] = 100.0

    @property
    def referee(self) -> Sound:
        return self

    @cached_property
    def problem(self) -> Problem:
        return Problem(
            name="scheduling",
            version="1",
            suite="default",
            statement=_STATEMENT,
            interface=Interface(
                functions=(
                    Function(
                        name="assign",
                        parameters=(
                            Parameter(name="sizes", type="list[float]"),
                            Parameter(name="machines", type="int"),
                        ),
                        result="list[int]",
                        doc="The number of a machine for every job.",
                    ),
                ),
                guest_source=self.guest_source,
            ),
            objectives=(Objective(name="points", unit="points", direction="maximize", bound=self.stated_bound),),
            seeds=tuple(Program.from_text(text) for text in self.seeds),
            instances={split: self.instances(split) for split in (Split.TRAIN, Split.VALIDATION)},
        )

    @cached_property
    def baselines(self) -> Sequence[Baseline]:
        return [
            Baseline(name=name, role=role, program=Program.from_text(text)) for name, (role, text) in self.rungs.items()
        ]

    def instances(self, split: Split) -> tuple[Instance, ...]:
        return tuple(self.instance(f"{split}/{number}", split) for number in range(3))

    def instance(self, name: str, split: Split) -> Instance:
        return Instance(id=name, split=split, digest=hashlib.sha256(repr(self.sizes(name)).encode()).hexdigest())

    def holdout(self, key: bytes) -> Sequence[Instance]:
        return [self.instance(f"drawn/{key.hex()}/{number}", Split.HOLDOUT) for number in range(2)]

    def judge_on_host(self, baseline: Baseline, instance: Instance, *, seed: int) -> InstanceResult:
        raise NotImplementedError

    def bound(self, instance: Instance) -> Mapping[str, float]:
        return {"points": 100.0}

    def sizes(self, name: str) -> list[float]:
        rng = stream(0, name)
        return [rng.uniform(1.0, 9.0) for _ in range(12)]

    def judge(self, guest: Guest, instance: Instance, *, seed: int) -> InstanceResult:
        try:
            return InstanceResult(scores={"points": self.points(guest, self.sizes(instance.id))})
        except GuestFault as fault:
            return InstanceResult(fault=Fault(kind=FailureKind(fault.kind), message=fault.message))
        except Invalid as error:
            return InstanceResult(fault=Fault(kind=FailureKind.INVALID, message=str(error)))

    def points(self, guest: Guest, sizes: Sequence[float]) -> float:
        return self.share(sizes, self.checked(guest.call("assign", list(sizes), MACHINES), len(sizes)))

    def checked(self, answer: Value, count: int) -> list[int]:
        if not isinstance(answer, list) or len(answer) != count:
            raise Invalid("expected the number of a machine for every job")
        chosen = [each for each in answer if type(each) is int and 0 <= each < MACHINES]
        if len(chosen) != count:
            raise Invalid("there is no such machine")
        return chosen

    def share(self, sizes: Sequence[float], chosen: Sequence[int]) -> float:
        load = [0.0] * MACHINES
        for size, machine in zip(sizes, chosen, strict=True):
            load[machine] += size
        return 100.0 * max(sum(sizes) / MACHINES, max(sizes)) / max(load)


class SelfReported(Sound):
    """The candidate returns its score beside its assignment."""

    fault = "self_reported_score"
    check = "numbers"
    guest_source = """
def connect(namespace):
    def assign(sizes, machines):
        chosen = namespace["assign"](sizes, machines)
        load = [0.0] * machines
        for size, machine in zip(sizes, chosen):
            load[machine] += size
        return {"chosen": chosen, "points": 100.0 * max(sum(sizes) / machines, max(sizes)) / max(load)}

    return {"assign": assign}
"""

    def points(self, guest: Guest, sizes: Sequence[float]) -> float:
        answer: Any = guest.call("assign", list(sizes), MACHINES)
        self.checked(answer["chosen"], len(sizes))
        return float(answer["points"])


class SkippedFailures(Sound):
    """The referee averages over the calls that did not fail."""

    fault = "skipped_failures"
    check = "failures"

    def points(self, guest: Guest, sizes: Sequence[float]) -> float:
        found = []
        for start in (0, 4, 8):
            try:
                found.append(super().points(guest, sizes[start : start + 4]))
            except GuestFault:
                continue
        return sum(found) / max(1, len(found))


class LeakedTruth(Sound):
    """A good assignment is among the arguments, in the place of the number of machines."""

    fault = "leaked_truth"
    check = "echoes"

    def points(self, guest: Guest, sizes: Sequence[float]) -> float:
        load, best = [0.0] * MACHINES, [0] * len(sizes)
        for job in sorted(range(len(sizes)), key=lambda job: -sizes[job]):
            best[job] = min(range(MACHINES), key=load.__getitem__)
            load[best[job]] += sizes[job]
        answer = guest.call("assign", list(sizes), {"count": MACHINES, "expected": best})
        return self.share(sizes, self.checked(answer, len(sizes)))

    rungs: ClassVar[Mapping[str, tuple[Role, str]]] = {
        "first": ("trivial", FIRST),
        "turns": ("rule", TURNS.replace("job % machines", 'job % machines["count"]')),
    }
    seeds = (FIRST, FIRST.replace("[0]", "[1]"))


class SharedRandom(Sound):
    """The referee perturbs sizes by the random stream of its process."""

    fault = "shared_random_stream"
    check = "twins"

    def points(self, guest: Guest, sizes: Sequence[float]) -> float:
        return super().points(guest, [size * (1 + 0.1 * random.random()) for size in sizes])


class MutableInputs(Sound):
    """The guest sends back the sizes, which the program can change, and the referee scores those."""

    fault = "mutable_inputs"
    check = "harm"
    guest_source = """
def connect(namespace):
    def assign(sizes, machines):
        return {"chosen": namespace["assign"](sizes, machines), "sizes": sizes}

    return {"assign": assign}
"""

    def points(self, guest: Guest, sizes: Sequence[float]) -> float:
        answer: Any = guest.call("assign", list(sizes), MACHINES)
        load = [1e-9] * MACHINES
        for size, machine in zip(answer["sizes"], self.checked(answer["chosen"], len(sizes)), strict=True):
            load[machine] += size
        return 100.0 * max(sum(sizes) / MACHINES, max(sizes)) / max(load)

    def bound(self, instance: Instance) -> Mapping[str, float]:
        return {}


class UnreachablePoints(Sound):
    """A hundred points are promised, and at most fifty can be had."""

    fault = "unreachable_bound"
    check = "bounds"

    def share(self, sizes: Sequence[float], chosen: Sequence[int]) -> float:
        return super().share(sizes, chosen) / 2

    def bound(self, instance: Instance) -> Mapping[str, float]:
        return {"points": 50.0}


class IdleStateOfTheArt(Sound):
    """What is called the state of the art decides as the trivial rung does."""

    fault = "idle_state_of_the_art"
    check = "ladder"
    rungs: ClassVar[Mapping[str, tuple[Role, str]]] = {
        "first": ("trivial", FIRST),
        "published": ("state_of_the_art", FIRST + "\n\ndef unused():\n    return 0\n"),
    }


class WallClock(Sound):
    """The score is charged for the time that a call took by the clock on the wall."""

    fault = "wall_clock_score"
    check = "twins"

    def points(self, guest: Guest, sizes: Sequence[float]) -> float:
        begun_s = time.perf_counter()
        points = super().points(guest, sizes)
        return points - (time.perf_counter() - begun_s)


class OverlappingSplits(Sound):
    """Validation is train under other names."""

    fault = "overlapping_splits"
    check = "contents"

    def sizes(self, name: str) -> list[float]:
        return super().sizes(name.rpartition("/")[2] if not name.startswith("drawn") else name)

    def instance(self, name: str, split: Split) -> Instance:
        return Instance(id=name, split=split, digest=hashlib.sha256(name.encode()).hexdigest())


class ConstantScore(Sound):
    """The score reads nothing of the assignment."""

    fault = "constant_score"
    check = "resolution"

    def share(self, sizes: Sequence[float], chosen: Sequence[int]) -> float:
        return 50.0


BROKEN: Sequence[type[Sound]] = (
    SelfReported,
    SkippedFailures,
    LeakedTruth,
    SharedRandom,
    MutableInputs,
    UnreachablePoints,
    IdleStateOfTheArt,
    WallClock,
    OverlappingSplits,
    ConstantScore,
)
