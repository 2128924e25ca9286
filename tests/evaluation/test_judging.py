"""A referee that compares gets its reference in a guest of its own, whose faults are never the candidate's."""

from types import SimpleNamespace
from typing import cast

from thekla.core.evaluation import EvaluationJob, FailureKind, InstanceResult, Limits
from thekla.core.problem import Instance, ProblemRef, Split
from thekla.core.program import Program
from thekla.core.protocols import Guest, PairedReferee, ProblemPackage
from thekla.evaluation.judging import judge_job
from thekla.sandbox import TrustedSandbox
from thekla.testing.guests import InProcessSandbox
from thekla.testing.toy import ToyPackage

ONES = "def answer():\n    return [1.0, 1.0, 1.0, 1.0, 1.0]\n"
TWOS = "def answer():\n    return [2.0, 2.0, 2.0, 2.0, 2.0]\n"


class Comparing:
    """Scores the quotient of the two programs' first numbers."""

    def __init__(self, reference: str) -> None:
        self.reference = Program.from_text(reference)

    def judge(self, guest: Guest, instance: Instance, *, seed: int) -> InstanceResult:
        raise AssertionError("a referee that compares is asked through judge_beside")

    def judge_beside(self, guest: Guest, reference: Guest, instance: Instance, *, seed: int) -> InstanceResult:
        first, second = guest.call("answer"), reference.call("answer")
        assert isinstance(first, list)
        assert isinstance(second, list)
        return InstanceResult(scores={"score": first[0] / second[0]})


def comparing(reference: str) -> ProblemPackage:
    """As much of a package as a job needs."""
    return cast(ProblemPackage, SimpleNamespace(problem=ToyPackage().problem, referee=Comparing(reference)))


def judged(reference: str, candidate: str = ONES) -> InstanceResult:
    job = EvaluationJob(
        problem=ProblemRef(name="toy", suite="default"),
        program=Program.from_text(candidate),
        instance=Instance(id="x1.0", split=Split.TRAIN, digest="d"),
        seed=0,
        stage="train",
        limits=Limits(),
    )
    return judge_job(comparing(reference), InProcessSandbox(), job).result


def test_the_reference_plays_in_a_guest_of_its_own() -> None:
    assert isinstance(Comparing(TWOS), PairedReferee)
    assert judged(TWOS).scores == {"score": 0.5}


def test_a_reference_that_cannot_be_loaded_is_a_fault_of_ours() -> None:
    fault = judged("raise RuntimeError('on purpose')\n").fault
    assert fault is not None
    assert fault.kind is FailureKind.INFRASTRUCTURE
    assert "the reference cannot be loaded" in fault.message


def test_a_candidate_that_cannot_be_loaded_is_its_own_fault() -> None:
    fault = judged(TWOS, "raise RuntimeError('on purpose')\n").fault
    assert fault is not None
    assert fault.kind is FailureKind.CRASH


def test_an_ordinary_referee_does_not_compare() -> None:
    assert not isinstance(ToyPackage().referee, PairedReferee)


class Drawing(ToyPackage):
    """Scores what the program draws."""

    def judge(self, guest: Guest, instance: Instance, *, seed: int) -> InstanceResult:
        drawn = guest.call("answer")
        assert isinstance(drawn, float)
        return InstanceResult(scores={"score": drawn})


class Renaming(Drawing):
    """The same, and says which instances differ in names only (`core.protocols.SharedDraws`)."""

    def drawn_as(self, instance: Instance) -> str:
        return instance.id.removesuffix("/renamed1")


def drawn(package: ProblemPackage, id: str) -> float:
    job = EvaluationJob(
        problem=ProblemRef(name="toy", suite="default"),
        program=Program.from_text("import random\n\ndef answer():\n    return random.random()\n"),
        instance=Instance(id=id, split=Split.TRAIN, digest="d"),
        seed=0,
        stage="train",
        limits=Limits(),
    )
    with TrustedSandbox() as sandbox:
        return judge_job(package, sandbox, job).result.scores["score"]


def test_a_package_says_which_instances_draw_equal_random_numbers() -> None:
    assert drawn(Drawing(), "x1.0") != drawn(Drawing(), "x1.0/renamed1")
    assert drawn(Renaming(), "x1.0") == drawn(Renaming(), "x1.0/renamed1") == drawn(Drawing(), "x1.0")
