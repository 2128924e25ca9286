"""Suite `speed`: faster counts only while no less is saved, on tables that nobody has seen."""

import pytest

from thekla.core.evaluation import FailureKind, InstanceResult, Limits
from thekla.core.problem import Split
from thekla.core.program import Program
from thekla.core.protocols import ProblemPackage
from thekla.evaluation.checks import check
from thekla.problems.llm_sql import build
from thekla.problems.llm_sql.racing import LlmSqlRaceReferee
from thekla.problems.llm_sql.workloads import SMOKE_RACE, instance
from thekla.problems.speed import RELATIVE_CPU
from thekla.testing.guests import ClockedGuest, InProcessGuest
from thekla.testing.problems import PairedRefereeConformance

RACE = "race/two-entities/s3/first150"
GGR, DP = build("speed").problem.seeds


class TestSpeedSuite(PairedRefereeConformance):
    def package(self) -> ProblemPackage:
        return build("speed")


def clocked(program: Program, call_s: float) -> ClockedGuest:
    return ClockedGuest(InProcessGuest(program, build("speed").problem.interface, Limits()), call_s)


def raced(program: Program, call_s: float, id: str = RACE, split: Split = Split.TRAIN) -> InstanceResult:
    referee = LlmSqlRaceReferee(GGR)
    return referee.judge_beside(clocked(program, call_s), clocked(GGR, 1.0), instance(id, split), seed=0)


def test_score_is_cpu_time_in_units_of_the_references() -> None:
    result = raced(DP, 0.25)
    assert result.fault is None
    assert result.scores[RELATIVE_CPU] == pytest.approx(0.25, rel=0.01)
    assert "hit rate" in result.feedback
    declared = {measure.name for measure in build("speed").problem.measures}
    assert set(result.measures) == declared - {"relative_instructions"}, "these guests count none"


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
