"""Suite `speed`: faster counts only while no less is saved, on tables that nobody has seen."""

from collections.abc import Callable

import pytest

from thekla.core.errors import ProblemError, SandboxError
from thekla.core.evaluation import FailureKind, InstanceResult, Limits, Usage
from thekla.core.problem import Split
from thekla.core.program import Program
from thekla.core.protocols import PairedReferee
from thekla.core.values import Value
from thekla.evaluation.checks import check
from thekla.problems.llm_sql import build
from thekla.problems.llm_sql.racing import LlmSqlRaceReferee
from thekla.problems.llm_sql.workloads import SMOKE_RACE, instance
from thekla.problems.speed import RELATIVE_CPU
from thekla.testing.guests import InProcessGuest

RACE = "race/two-entities/s3/first150"
GGR, DP = build("speed").problem.seeds


class ClockedGuest:
    """Runs a program, and takes as many CPU seconds for every call as it is told."""

    def __init__(self, program: Program, call_s: float) -> None:
        self._inner = InProcessGuest(program, build("speed").problem.interface, Limits())
        self._call_s = call_s
        self._cpu_s = 0.0

    def call(self, name: str, *args: Value) -> Value:
        self._cpu_s += self._call_s
        return self._inner.call(name, *args)

    def serve(self, name: str, answer: Callable[..., Value]) -> None:
        raise AssertionError(name)

    def close(self) -> None:
        self._inner.close()

    @property
    def usage(self) -> Usage:
        return Usage(cpu_s=self._cpu_s)


def raced(program: Program, call_s: float, id: str = RACE, split: Split = Split.TRAIN) -> InstanceResult:
    referee = LlmSqlRaceReferee(GGR)
    return referee.judge_beside(ClockedGuest(program, call_s), ClockedGuest(GGR, 1.0), instance(id, split), seed=0)


def test_score_is_cpu_time_in_units_of_the_references() -> None:
    result = raced(DP, 0.25)
    assert result.fault is None
    assert result.scores[RELATIVE_CPU] == pytest.approx(0.25, rel=0.01)
    assert "hit rate" in result.feedback
    assert set(result.measures) == {measure.name for measure in build("speed").problem.measures}


def test_programs_that_decide_alike_are_no_twins_in_a_race() -> None:
    assert raced(GGR, 0.5).behaviour == ""
    assert [stage.name for stage in build("speed").problem.stages] == ["smoke"]


@pytest.mark.parametrize("name", ["same_again", "change_table"])
def test_a_fast_program_that_saves_less_gets_no_score(name: str) -> None:
    fault = raced(build().exploits[name], 0.01).fault
    assert fault is not None
    assert fault.kind is FailureKind.INVALID
    assert "of the reference; at most 0.002 less is allowed" in fault.message


def test_an_answer_that_is_no_permutation_ends_the_race() -> None:
    fault = raced(build().exploits["constant_text"], 0.01).fault
    assert fault is not None
    assert fault.kind is FailureKind.INVALID
    assert fault.message.startswith("turn 0: rows")


def test_a_smoke_race_asks_only_whether_a_program_works() -> None:
    assert raced(build().exploits["same_again"], 0.01, SMOKE_RACE).fault is None
    assert raced(build().exploits["constant_text"], 0.01, SMOKE_RACE).fault is not None


def test_a_broken_reference_is_not_the_programs_fault() -> None:
    broken = Program.from_text("def reorder(table):\n    return None\n")
    referee = LlmSqlRaceReferee(broken)
    with pytest.raises(SandboxError, match="the reference of the race failed"):
        referee.judge_beside(ClockedGuest(GGR, 1.0), ClockedGuest(broken, 1.0), instance(RACE, Split.TRAIN), seed=0)


def test_feedback_on_a_holdout_is_empty() -> None:
    assert raced(GGR, 1.0, split=Split.HOLDOUT).feedback == ""


def test_the_referee_compares_and_refuses_to_judge_alone() -> None:
    package = build("speed")
    assert isinstance(package.referee, PairedReferee)
    with pytest.raises(ProblemError, match="compares two guests"):
        package.referee.judge(ClockedGuest(GGR, 1.0), package.problem.instances[Split.TRAIN][0], seed=0)


def test_seeds_and_rungs_of_the_race_pass_the_checks_and_holdouts_are_drawn() -> None:
    package = build("speed")
    programs = [*package.problem.seeds, *(rung.program for rung in package.baselines if rung.program)]
    assert [check(program, package.problem.interface) for program in programs] == [None] * len(programs)
    assert package.bound(package.problem.instances[Split.TRAIN][0]) == {RELATIVE_CPU: 0.0}
    drawn = {each.id for each in package.holdout(b"key")}
    assert drawn.isdisjoint(each.id for of in package.problem.instances.values() for each in of)


@pytest.mark.slow
@pytest.mark.parametrize("rung", ["greedy-prefix", "subset-dp", "parts-dp", "ggr-dependencies"])
def test_rungs_of_the_race_save_no_less_than_the_reference(rung: str) -> None:
    (program,) = [each.program for each in build("speed").baselines if each.name == rung and each.program]
    for each in build("speed").problem.instances[Split.TRAIN]:
        assert raced(program, 1.0, each.id).fault is None
