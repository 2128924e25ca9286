"""A job judged again from its decisions comes to the same, or says in what it differs."""

from __future__ import annotations

from thekla.core.evaluation import EvaluationJob, InstanceResult
from thekla.core.problem import Instance, ProblemRef, Split
from thekla.core.program import Program
from thekla.core.protocols import Guest
from thekla.evaluation.replaying import Replay, replay_job
from thekla.testing.guests import InProcessSandbox
from thekla.testing.toy import ToyPackage


def replayed(package: ToyPackage, program: Program | None = None) -> Replay:
    problem = package.problem
    job = EvaluationJob(
        problem=ProblemRef(name="toy", suite="default"),
        program=program or problem.seeds[0],
        instance=problem.instances[Split.TRAIN][0],
        seed=0,
        stage="train",
        limits=package.limits,
    )
    return replay_job(package, InProcessSandbox(), job)


def test_a_score_that_follows_from_decisions_is_reached_without_the_program() -> None:
    found = replayed(ToyPackage())
    assert found.result.scores
    assert (found.difference, found.decisions) == ("", 1)


def test_a_referee_that_asks_otherwise_the_second_time_is_told() -> None:
    class Impatient(ToyPackage):
        """Asks once less each time."""

        asked = 3

        def judge(self, guest: Guest, instance: Instance, *, seed: int) -> InstanceResult:
            type(self).asked -= 1
            for _ in range(self.asked):
                guest.call("answer")
            return super().judge(guest, instance, seed=seed)

    assert replayed(Impatient()).difference == "it asked for 1 of 3 decisions less"


def test_a_referee_that_scores_what_it_keeps_is_told_with_both_scores() -> None:
    class Forgetful(ToyPackage):
        """The second judgement is worth more."""

        judged = 0

        def judge(self, guest: Guest, instance: Instance, *, seed: int) -> InstanceResult:
            type(self).judged += 1
            result = super().judge(guest, instance, seed=seed)
            return InstanceResult(scores={name: score * self.judged for name, score in result.scores.items()})

    assert "score 'score' was" in replayed(Forgetful()).difference


def test_a_program_that_fails_has_its_fault_both_times() -> None:
    found = replayed(ToyPackage(), Program.from_text("def answer():\n    return [1.0 / 0]\n"))
    assert found.result.fault is not None
    assert "ZeroDivisionError" in found.result.fault.message
