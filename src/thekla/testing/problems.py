"""The conformance suites of problems: what every package and every referee promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import pytest

from thekla.core.errors import GuestFault, ProblemError, SandboxError
from thekla.core.evaluation import InstanceResult
from thekla.core.problem import Instance, Split
from thekla.core.program import Program
from thekla.core.protocols import CandidateCheck, PairedReferee, ProblemPackage, Sandbox
from thekla.testing.guests import ClockedGuest, InProcessSandbox

__all__ = ["PairedRefereeConformance", "ProblemPackageConformance", "RefereeConformance"]


class RefereeConformance(ABC):
    """What a referee promises for honest programs.

    Subclass it, give it a package, and pytest runs it. It judges `sample()`, so choose instances that end quickly.
    """

    @abstractmethod
    def package(self) -> ProblemPackage:
        """The package under test."""

    def sandbox(self) -> Sandbox:
        """Where programs run; in this process unless told otherwise."""
        return InProcessSandbox()

    def sample(self) -> Sequence[Instance]:
        """Instances to judge on: those of the stages before the train split, or the first train instance."""
        problem = self.package().problem
        staged = [instance for stage in problem.stages for instance in stage.instances]
        return staged or problem.instances[Split.TRAIN][:1]

    def judge(self, program: Program, instance: Instance) -> InstanceResult:
        """What the referee says of a program in a fresh guest."""
        package = self.package()
        guest = self.sandbox().open(program, package.problem.interface, package.limits)
        try:
            return package.referee.judge(guest, instance, seed=0)
        finally:
            guest.close()

    def test_equal_arguments_give_equal_results(self) -> None:
        for seed in self.package().problem.seeds:
            for instance in self.sample():
                assert self.judge(seed, instance) == self.judge(seed, instance)

    def test_instances_before_it_do_not_change_a_result(self) -> None:
        seed, sample = self.package().problem.seeds[0], list(self.sample())
        forwards = {instance.id: self.judge(seed, instance) for instance in sample}
        backwards = {instance.id: self.judge(seed, instance) for instance in reversed(sample)}
        assert forwards == backwards

    def test_every_seed_gets_a_score_for_every_objective(self) -> None:
        problem = self.package().problem
        for seed in problem.seeds:
            for instance in self.sample():
                result = self.judge(seed, instance)
                assert result.fault is None, result.fault
                judged = {objective.name for objective in problem.objectives if objective.source == "referee"}
                assert set(result.scores) == judged

    def test_measures_are_the_declared_ones_and_archives_find_theirs(self) -> None:
        problem = self.package().problem
        declared = {measure.name for measure in problem.measures}
        needed = {measure.name for measure in problem.measures if measure.archive}
        for instance in self.sample():
            given = set(self.judge(problem.seeds[0], instance).measures)
            assert needed <= given <= declared

    def test_a_program_that_raises_gets_a_fault_and_no_score(self) -> None:
        functions = [function.name for function in self.package().problem.interface.functions]
        text = "\n\n".join(f"def {name}(*arguments):\n    raise RuntimeError('on purpose')" for name in functions)
        for instance in self.sample():
            try:
                result = self.judge(Program.from_text(text + "\n"), instance)
            except GuestFault:
                continue
            assert result.fault is not None
            assert "on purpose" in result.fault.message

    def test_feedback_on_a_holdout_is_empty(self) -> None:
        package = self.package()
        instance = package.holdout(b"conformance")[0]
        assert self.judge(package.problem.seeds[0], instance).feedback == ""


class ProblemPackageConformance(RefereeConformance):
    """What a package promises; includes what its referee promises."""

    _ladders: ClassVar[dict[type, dict[str, dict[str, InstanceResult]]]] = {}

    def ladder(self) -> dict[str, dict[str, InstanceResult]]:
        """Every baseline's results on the sample, by name and instance; judged once for all tests of a class."""
        if type(self) not in self._ladders:
            self._ladders[type(self)] = self._judged_ladder()
        return self._ladders[type(self)]

    def _judged_ladder(self) -> dict[str, dict[str, InstanceResult]]:
        package = self.package()
        return {
            baseline.name: {
                instance.id: package.judge_on_host(baseline, instance, seed=0)
                if baseline.program is None
                else self.judge(baseline.program, instance)
                for instance in self.sample()
            }
            for baseline in package.baselines
        }

    def test_every_baseline_gets_a_score(self) -> None:
        for name, results in self.ladder().items():
            assert [result.fault for result in results.values()] == [None] * len(results), name

    def test_baselines_without_a_program_are_marked_as_oracles(self) -> None:
        for baseline in self.package().baselines:
            assert (baseline.program is None) == (baseline.role == "oracle"), baseline.name

    def test_no_baseline_beats_the_bound(self) -> None:
        package = self.package()
        ladder = self.ladder()
        for instance in self.sample():
            for name, bound in package.bound(instance).items():
                objective = next(each for each in package.problem.objectives if each.name == name)
                for baseline, results in ladder.items():
                    score = results[instance.id].scores[name]
                    assert objective.gain(score) <= objective.gain(bound), f"{baseline} on {instance.id}"

    def test_holdout_is_determined_by_its_key_alone(self) -> None:
        package = self.package()
        one, two = list(package.holdout(b"one")), list(package.holdout(b"two"))
        assert list(package.holdout(b"one")) == one
        if package.problem.fixed_holdout:
            assert one == two
        else:
            assert {each.id for each in one}.isdisjoint(each.id for each in two)

    def test_holdout_meets_no_other_instance(self) -> None:
        package = self.package()
        problem = package.problem
        listed = {each.id for of in problem.instances.values() for each in of}
        listed |= {each.id for stage in problem.stages for each in stage.instances}
        for key in (b"", b"one", bytes(32)):
            drawn = package.holdout(key)
            assert len({each.id for each in drawn}) == len(drawn) > 0
            assert all(each.split is Split.HOLDOUT for each in drawn)
            assert listed.isdisjoint(each.id for each in drawn)

    def test_stages_use_nothing_that_is_kept_back(self) -> None:
        problem = self.package().problem
        kept = {each.id for split, of in problem.instances.items() if split is not Split.TRAIN for each in of}
        for stage in problem.stages:
            assert kept.isdisjoint(each.id for each in stage.instances), stage.name

    def test_its_own_check_lets_its_programs_pass_and_answers_alike(self) -> None:
        package = self.package()
        if not isinstance(package, CandidateCheck):
            return
        rungs = [baseline.program for baseline in package.baselines if baseline.program is not None]
        for program in [*package.problem.seeds, *rungs]:
            assert package.check(program) is None

    def test_its_own_check_fails_with_a_reason_and_without_a_score(self) -> None:
        package = self.package()
        if not isinstance(package, CandidateCheck):
            return
        for text in ("", "def :", "import nothing_of_this_name\n", "x = 1\n"):
            failed = package.check(Program.from_text(text))
            assert failed is None or (failed.message and failed.stage)
            assert failed == package.check(Program.from_text(text))

    def test_two_builds_are_equal(self) -> None:
        one, other = self.package(), self.package()
        assert one.problem == other.problem
        assert one.evaluator_digest == other.evaluator_digest
        assert len(one.evaluator_digest) == 64


class PairedRefereeConformance(ABC):
    """What a referee promises that compares a program with a reference, each in a guest of its own.

    Subclass it, give it a package whose referee is one, and pytest runs it. Clocks are fakes: every call of a guest
    takes as long as the test says, so a comparison of CPU time comes out alike on every machine.
    """

    @abstractmethod
    def package(self) -> ProblemPackage:
        """The package under test."""

    def sandbox(self) -> Sandbox:
        """Where programs run; in this process unless told otherwise."""
        return InProcessSandbox()

    def sample(self) -> Instance:
        """The instance to compare on; one that ends quickly."""
        problem = self.package().problem
        staged = [instance for stage in problem.stages for instance in stage.instances]
        return (staged or problem.instances[Split.TRAIN])[0]

    def referee(self) -> PairedReferee:
        """The referee under test."""
        referee = self.package().referee
        assert isinstance(referee, PairedReferee)
        return referee

    def compare(
        self,
        program: Program,
        reference: Program | None = None,
        *,
        instance: Instance | None = None,
        call_s: float = 1.0,
    ) -> InstanceResult:
        """What the referee says of a program whose calls take `call_s`, beside a reference whose calls take 1 s."""
        package, referee, sandbox = self.package(), self.referee(), self.sandbox()
        mine, its = (
            ClockedGuest(sandbox.open(each, package.problem.interface, package.limits), seconds)
            for each, seconds in ((program, call_s), (reference or referee.reference, 1.0))
        )
        try:
            return referee.judge_beside(mine, its, instance or self.sample(), seed=0)
        finally:
            mine.close()
            its.close()

    def raising(self) -> Program:
        """A program whose every function raises."""
        functions = [function.name for function in self.package().problem.interface.functions]
        text = "\n\n".join(f"def {name}(*arguments):\n    raise RuntimeError('on purpose')" for name in functions)
        return Program.from_text(text + "\n")

    def test_it_refuses_to_judge_a_program_alone(self) -> None:
        package = self.package()
        guest = self.sandbox().open(self.referee().reference, package.problem.interface, package.limits)
        try:
            with pytest.raises(ProblemError):
                self.referee().judge(guest, self.sample(), seed=0)
        finally:
            guest.close()

    def test_the_reference_beside_itself_and_every_seed_get_scores_and_declared_measures(self) -> None:
        problem = self.package().problem
        judged = {objective.name for objective in problem.objectives if objective.source == "referee"}
        for program in (self.referee().reference, *problem.seeds):
            result = self.compare(program)
            assert result.fault is None, result.fault
            assert set(result.scores) == judged
            assert set(result.measures) <= {measure.name for measure in problem.measures}

    def test_equal_guests_give_equal_results(self) -> None:
        reference = self.referee().reference
        assert self.compare(reference, call_s=0.5) == self.compare(reference, call_s=0.5)

    def test_a_program_that_raises_gets_a_fault_and_no_score(self) -> None:
        result = self.compare(self.raising())
        assert result.fault is not None
        assert "on purpose" in result.fault.message
        assert not result.scores

    def test_a_reference_that_raises_is_no_fault_of_the_program(self) -> None:
        with pytest.raises(SandboxError, match="on purpose"):
            self.compare(self.referee().reference, self.raising())

    def test_feedback_on_a_holdout_is_empty(self) -> None:
        sample = replace(self.sample(), split=Split.HOLDOUT)
        assert self.compare(self.referee().reference, instance=sample).feedback == ""
