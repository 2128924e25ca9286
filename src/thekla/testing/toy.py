"""A problem small enough to evaluate in microseconds: the smooth coupled ridge `fmin5`.

A program returns five positive numbers x. With optimum o, weights w, u_i = ln(x_i / o_i) and
v_i = u_i + 0.5 u_(i+1 mod 5): f = sum_i w_i v_i^2 + 0.15 sum_i (1 - cos(2 pi u_i)); score = 1 / (1 + f), best 1.
Instances multiply the optimum, so that a program fits one split better than another.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence

from thekla.core.errors import ConfigError
from thekla.core.evaluation import FailureKind, Fault, InstanceResult, Limits
from thekla.core.problem import (
    Baseline,
    Function,
    Hints,
    Instance,
    Interface,
    Measure,
    Objective,
    Problem,
    Split,
    Stage,
)
from thekla.core.program import Program
from thekla.core.protocols import Guest
from thekla.core.rng import stream
from thekla.core.run import Prompt, Proposal, Section, Ticket, Told
from thekla.core.values import Value

__all__ = ["ConstantMutator", "PlainPrompts", "ToyPackage", "build", "ridge_score"]

_OPTIMUM = (0.37, 4.2, 11.0, 0.08, 1.9)
_WEIGHTS = (1.0, 2.0, 4.0, 1.0, 2.0)
_SEED = Program.from_text("def answer():\n    return [1.0, 1.0, 1.0, 1.0, 1.0]\n")
_BASELINE = Program.from_text("def answer():\n    return [0.5, 4.0, 10.0, 0.1, 2.0]\n")
_HINTS = Hints(version="7", texts=("vary one number at a time", "the third number is the largest"))


def ridge_score(x: Sequence[float], *, scale: float = 1.0) -> float:
    """The score of five positive numbers on the instance whose optimum is multiplied by `scale`."""
    u = [math.log(value / (best * scale)) for value, best in zip(x, _OPTIMUM, strict=True)]
    v = [u[i] + 0.5 * u[(i + 1) % 5] for i in range(5)]
    # fsum: what `sum` makes of floats depends on the version of Python.
    ridge = math.fsum(weight * value**2 for weight, value in zip(_WEIGHTS, v, strict=True))
    return 1 / (1 + ridge + 0.15 * math.fsum(1 - math.cos(2 * math.pi * value) for value in u))


class ToyPackage:
    """The toy as a problem folder offers it (`core.protocols.ProblemPackage`, `core.protocols.Referee`)."""

    def __init__(self, suite: str = "default") -> None:
        self.suites = {
            "default": "instances whose optimum differs by a factor",
            "single": "one train instance and no stage before it, so that an evaluation is one guest",
            "hinted": "as single, and with hints for a search that stands still",
        }
        if suite not in self.suites:
            raise ConfigError(f"the toy problem has no suite {suite!r}; it has {', '.join(self.suites)}")
        train = tuple(_instance(name, Split.TRAIN) for name in ("x1.0", "x1.1"))
        stages = (Stage(name="smoke", instances=(_instance("x1.05", Split.TRAIN),)),)
        self.referee = self
        self.limits = Limits(wall_s=5.0, cpu_s=2.0, memory_mb=256)
        self.baselines = (
            Baseline(name="ones", role="trivial", program=_SEED),
            Baseline(name="near", role="rule", program=_BASELINE),
            Baseline(name="optimum", role="oracle", description="knows the instance"),
        )
        self.evaluator_digest = hashlib.sha256(b"toy 1").hexdigest()
        self.problem = Problem(
            name="toy",
            version="1",
            suite=suite,
            statement="Return five positive numbers near a hidden optimum.",
            interface=Interface(functions=(Function(name="answer", parameters=(), result="list[float]"),)),
            objectives=(Objective(name="score", unit="1", direction="maximize", bound=1.0),),
            seeds=(_SEED,),
            instances={
                Split.TRAIN: train if suite == "default" else train[:1],
                Split.VALIDATION: (_instance("x0.9", Split.VALIDATION),),
            },
            stages=stages if suite == "default" else (),
            hints=_HINTS if suite == "hinted" else Hints(),
            measures=(Measure(name="first", unit="1", low=0.0, high=2.0, archive=True),),
        )

    def judge(self, guest: Guest, instance: Instance, *, seed: int) -> InstanceResult:
        answer = guest.call("answer")
        numbers = _numbers(answer)
        if numbers is None:
            message = f"answer() gave {str(answer)[:80]}; expected five numbers in (0, 1e9]"
            return InstanceResult(fault=Fault(kind=FailureKind.INVALID, message=message))
        score = ridge_score(numbers, scale=float(instance.id[1:]))
        return InstanceResult(scores={"score": score}, measures={"first": numbers[0]}, feedback=f"score {score:.4f}")

    def holdout(self, key: bytes) -> Sequence[Instance]:
        rng = stream(int.from_bytes(key[:8], "big"), "hold-out")
        return [_instance(f"x{rng.uniform(0.8, 1.2):.6f}", Split.HOLDOUT) for _ in range(3)]

    def judge_on_host(self, baseline: Baseline, instance: Instance, *, seed: int) -> InstanceResult:
        return InstanceResult(scores={"score": 1.0}, measures={"first": 0.37 * float(instance.id[1:])})

    def bound(self, instance: Instance) -> Mapping[str, float]:
        return {"score": 1.0}


def build(suite: str = "default") -> ToyPackage:
    """The entry point of the problem."""
    return ToyPackage(suite)


class ConstantMutator:
    """Multiplies one constant of the parent by a log-normal factor (`core.protocols.Generator`).

    Args:
        malformed: Share of answers that hold no program, or one that does not run.
    """

    name = "constants"
    version = "1"

    def __init__(self, *, malformed: float = 0.0) -> None:
        self._malformed = malformed

    async def propose(self, problem: Problem, ticket: Ticket, prompt: Prompt, *, seed: int) -> Proposal:
        rng = stream(seed, self.name)
        generator = f"{self.name}@{self.version}"
        draw = rng.random()
        if draw < self._malformed / 3:
            return Proposal(raw="I cannot.", program=None, operator="refuse", generator=generator, reason="no code")
        if draw < self._malformed:
            text = "def answer(:\n" if draw < 2 * self._malformed / 3 else "def answer():\n    return [1.0 / 0]\n"
            return Proposal(raw=text, program=Program.from_text(text), operator="break", generator=generator)
        parent = ticket.parents[0].program.text
        numbers = json.loads(parent[parent.index("[") : parent.index("]") + 1])
        at = rng.randrange(len(numbers))
        sigma = 1.4 if rng.random() < 0.15 else 0.35
        numbers[at] = min(1e9, max(1e-9, numbers[at] * math.exp(rng.gauss(0.0, sigma))))
        text = f"def answer():\n    return {numbers}\n"
        return Proposal(raw=text, program=Program.from_text(text), operator="constant", generator=generator)


class PlainPrompts:
    """The parent's text and nothing else (`core.protocols.PromptBuilder`)."""

    name = "plain"
    version = "1"

    def build(self, problem: Problem, ticket: Ticket, history: Sequence[Told]) -> Prompt:
        text = ticket.parents[0].program.text if ticket.parents else ""
        return Prompt(sections=(Section(name="parent", text=text, tokens=len(text) // 4),))


def _instance(name: str, split: Split) -> Instance:
    return Instance(id=name, split=split, digest=hashlib.sha256(name.encode()).hexdigest())


def _numbers(answer: Value) -> list[float] | None:
    if not isinstance(answer, list) or len(answer) != 5:
        return None
    numbers = [float(value) for value in answer if type(value) in (int, float) and 0 < value <= 1e9]
    return numbers if len(numbers) == 5 else None
