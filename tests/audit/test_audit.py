"""The audit finds planted faults by name, and finds none where there is none."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thekla.audit import CHECKS, AuditReport, Elsewhere, Severity, audit
from thekla.audit.checks.answers import _KEPT, _shortened
from thekla.audit.checks.stages import kendall
from thekla.audit.page import render_audit
from thekla.audit.tree import traits
from thekla.core.codec import decode, encode
from thekla.core.errors import MissingExtraError
from thekla.core.evaluation import EvaluationDone, EvaluationJob, InstanceResult
from thekla.core.problem import Instance, Problem, ProblemRef, Role, Split, Stage
from thekla.core.program import Program
from thekla.core.protocols import Guest, Sandbox
from thekla.core.values import Array, Value
from thekla.evaluation.judging import judge_job
from thekla.sandbox import StrictSandbox, TrustedSandbox

from .scheduling import BROKEN, LONGEST, MACHINES, TURNS, Invalid, Sound, variants

# Faults that come with another one: what is constant is also no better than nothing, whoever claims it, and what hangs
# on a clock or on a stream that others draw from does not follow from decisions.
ALSO = {
    "constant_score": {"idle_state_of_the_art"},
    "shared_random_stream": {"score_beyond_decisions"},
    "wall_clock_score": {"score_beyond_decisions"},
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[StrictSandbox]:
    with StrictSandbox() as made:
        yield made


def audited(
    package: Sound,
    sandbox: Sandbox,
    *,
    quick: bool = False,
    budget_s: float = 300.0,
    only: str = "",
    elsewhere: Elsewhere | None = None,
) -> AuditReport:
    return audit(
        package,
        reference=ProblemRef(name="scheduling", suite="default"),
        sandbox=sandbox,
        mutate=variants,
        elsewhere=elsewhere,
        budget_s=budget_s,
        quick=quick,
        checks={only: CHECKS[only]} if only else CHECKS,
    )


def test_sound_problem_passes_every_check(sandbox: StrictSandbox) -> None:
    report = audited(Sound(), sandbox)
    assert [*report.of(Severity.FATAL), *report.of(Severity.WARNING)] == []
    assert report.verdict == "fit"
    assert [check.check for check in report.checks] == list(CHECKS)


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.fault)
def test_planted_fault_is_found_by_its_check(broken: type[Sound], sandbox: StrictSandbox) -> None:
    report = audited(broken(), sandbox, only=broken.check)
    assert [finding.fault for finding in report.of(Severity.FATAL)][:1] == [broken.fault]
    assert report.verdict == "unfit"
    assert all(finding.remedy for finding in report.of(Severity.FATAL))


class OrderOfASet(Sound):
    """The score hangs on which of two texts a set of them gives first, which the process's hash seed decides."""

    def __init__(self, hash_seed: int) -> None:
        self._first = hash_seed % 2

    def points(self, guest: Guest, sizes: Sequence[float]) -> float:
        return super().points(guest, sizes) - self._first


@pytest.mark.parametrize(("hash_seed", "faults"), [(0, []), (1, ["process_decides_score"])])
def test_a_referee_that_judges_otherwise_in_another_process_is_found(
    hash_seed: int, faults: list[str], sandbox: StrictSandbox
) -> None:
    def elsewhere(job: EvaluationJob) -> EvaluationDone:
        return judge_job(OrderOfASet(hash_seed), sandbox, job)

    report = audited(OrderOfASet(0), sandbox, only="twins", elsewhere=elsewhere)
    assert [finding.fault for finding in report.of(Severity.FATAL)] == faults


class UnchargedOmissions(Sound):
    """Jobs that an answer leaves out, or puts nowhere, are not charged; half of a weak answer is still no good one."""

    def checked(self, answer: Value, count: int) -> list[int]:
        if not isinstance(answer, list) or not answer or len(answer) > count:
            raise Invalid("expected the numbers of machines")
        done = super().checked([0 if each is None else each for each in answer], len(answer))
        placed = [MACHINES if each is None else machine for each, machine in zip(answer, done, strict=True)]
        return [*placed, *[MACHINES] * (count - len(answer))]

    def share(self, sizes: Sequence[float], chosen: Sequence[int]) -> float:
        load = [1e-9] * (MACHINES + 1)  # the last takes what is left out
        for size, machine in zip(sizes, chosen, strict=True):
            load[machine] += size
        return 100.0 * max(sum(sizes) / MACHINES, max(sizes)) / max(load[:MACHINES])

    def bound(self, instance: Instance) -> Mapping[str, float]:
        return {}


def test_omissions_that_pay_for_the_best_answer_only_are_found(sandbox: StrictSandbox) -> None:
    (finding,) = audited(UnchargedOmissions(), sandbox, only="omissions").of(Severity.FATAL)
    assert (finding.fault, finding.message.partition(" whose")[0]) == ("partial_answers_pay", "the best rung")
    assert not audited(Sound(), sandbox, only="omissions").checks[0].findings


SHORTEST = "def assign(sizes, machines):\n    return sorted(range(len(sizes)), key=sizes.__getitem__)\n"


class RepeatedItems(Sound):
    """An order of jobs in which one may stand again and again; the first and the last job are long."""

    seeds = ("def assign(sizes, machines):\n    return list(range(len(sizes)))\n",)
    rungs: ClassVar[Mapping[str, tuple[Role, str]]] = {"shortest": ("rule", SHORTEST)}

    def sizes(self, name: str) -> list[float]:
        return [50.0, *super().sizes(name), 60.0]

    def checked(self, answer: Value, count: int) -> list[int]:
        if not isinstance(answer, list) or len(answer) != count:
            raise Invalid("expected all jobs in an order")
        chosen = [each for each in answer if type(each) is int and 0 <= each < count]
        if len(chosen) != count:
            raise Invalid("there is no such job")
        return chosen

    def share(self, sizes: Sequence[float], chosen: Sequence[int]) -> float:
        return 100.0 * self.waits(sorted(sizes)) / self.waits([sizes[each] for each in chosen])

    @staticmethod
    def waits(sizes: Sequence[float]) -> float:
        return sum(itertools.accumulate(sizes))

    def bound(self, instance: Instance) -> Mapping[str, float]:
        return {}


def test_items_that_stand_twice_in_the_place_of_others_are_found(sandbox: StrictSandbox) -> None:
    (finding,) = audited(RepeatedItems(), sandbox, only="omissions").of(Severity.FATAL)
    assert finding.fault == "partial_answers_pay"
    assert "(the first one twice)" in finding.message


@given(
    count=st.integers(2, 9),
    kept=st.sampled_from(sorted(_KEPT)),
)
def test_every_way_to_leave_out_leaves_out(count: int, kept: str) -> None:
    whole: Value = {"plan": list(range(count)), "by_name": {f"k{each}": each for each in range(count)}, "note": "x"}
    cut = _shortened(whole, _KEPT[kept])
    assert isinstance(cut, dict)
    plan, by_name = cut["plan"], cut["by_name"]
    assert isinstance(plan, list)
    assert isinstance(by_name, dict)
    assert len({each for each in plan if isinstance(each, int)}) < count
    assert set(by_name.items()) < {(f"k{each}", each) for each in range(count)}
    assert cut["note"] == "x"


class LooksAtTheGuest(Sound):
    """The score is charged for what the guest had used, which no decision says."""

    def points(self, guest: Guest, sizes: Sequence[float]) -> float:
        return super().points(guest, sizes) - guest.usage.wall_s


@pytest.mark.parametrize(("package", "faults"), [(Sound(), []), (LooksAtTheGuest(), ["score_beyond_decisions"])])
def test_a_score_of_more_than_decisions_is_found(package: Sound, faults: list[str], sandbox: StrictSandbox) -> None:
    report = audited(package, sandbox, only="replay")
    assert [finding.fault for finding in report.of(Severity.FATAL)] == faults
    assert [finding.fault for finding in report.of(Severity.INFO)] == ([] if faults else ["replay_cost"])


@pytest.mark.slow
@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.fault)
def test_whole_audit_names_the_planted_fault_and_no_other(broken: type[Sound], sandbox: StrictSandbox) -> None:
    fatal = {finding.fault for finding in audited(broken(), sandbox).of(Severity.FATAL)}
    assert broken.fault in fatal
    assert fatal - {broken.fault} <= ALSO.get(broken.fault, set())


def test_quick_audit_is_a_part_of_the_whole_one_and_judges_one_instance(sandbox: StrictSandbox) -> None:
    report = audited(Sound(), sandbox, quick=True)
    assert report.verdict == "fit"
    assert report.instances == ("train/0",)
    assert [check.check for check in report.checks] == [name for name, check in CHECKS.items() if check.quick]


def test_audit_judges_no_holdout(sandbox: StrictSandbox) -> None:
    class Sealed(Sound):
        def judge(self, guest: Guest, instance: Instance, *, seed: int) -> InstanceResult:
            assert instance.split is not Split.HOLDOUT
            return super().judge(guest, instance, seed=seed)

    report = audited(Sealed(), sandbox, quick=True)
    assert not any(name.startswith("drawn") for name in report.instances)
    assert report.verdict == "fit"


def test_audit_without_time_says_what_it_left_out_and_does_not_pass(sandbox: StrictSandbox) -> None:
    ticks = itertools.count()
    report = audit(
        Sound(),
        reference=ProblemRef(name="scheduling", suite="default"),
        sandbox=sandbox,
        mutate=variants,
        budget_s=1.0,
        clock=lambda: float(next(ticks)),
    )
    assert report.verdict == "incomplete"
    assert "seeds" in {check.check for check in report.checks if check.skipped}


def test_problem_whose_code_raises_is_unfit_and_told_where(sandbox: StrictSandbox) -> None:
    class Raising(Sound):
        def bound(self, instance: Instance) -> Mapping[str, float]:
            raise KeyError("no such table")

    (finding,) = audited(Raising(), sandbox, only="bounds").of(Severity.FATAL)
    assert finding.fault == "broken_problem"
    assert "no such table" in finding.message


def test_declared_hidden_values_are_found_where_a_program_meets_them(sandbox: StrictSandbox) -> None:
    class Telling(Sound):
        def hidden(self, instance: Instance) -> Sequence[float]:
            return self.sizes(instance.id)[:1]

    class Silent(Sound):
        def hidden(self, instance: Instance) -> Sequence[float]:
            return [0.123456789]

    (finding,) = audited(Telling(), sandbox, only="truth").of(Severity.FATAL)
    assert finding.fault == "leaked_truth"
    assert not audited(Silent(), sandbox, only="truth").checks[0].findings


def test_sequences_and_arrays_are_distinctive_as_a_whole_and_their_small_numbers_are_not() -> None:
    def found(value: Value) -> set[str]:
        return {trait for trait, _ in traits(value)}

    keys = [[3, 1], [4, 2], [1, 3], [5, 4]]
    assert found({"told": [{"keys": keys}]}) >= found(keys) != set()
    assert found([[3, 1], [4, 2]]) == found([0] * 100) == found("short") == set()
    loads = Array(dtype="int32", shape=(2, 2), data=bytes(range(16)))
    assert found([loads]) == found(loads) != set()


def test_stage_that_ranks_programs_otherwise_than_train_is_found(sandbox: StrictSandbox) -> None:
    class Staged(Sound):
        stage: ClassVar[str] = "train/1"

        @cached_property
        def problem(self) -> Problem:
            chosen = Instance(id=self.stage, split=Split.TRAIN, digest=self.stage)
            return replace(super().problem, stages=(Stage(name="first", instances=(chosen,)),))

    class Misleading(Staged):
        stage: ClassVar[str] = "backwards/1"

        def judge(self, guest: Guest, instance: Instance, *, seed: int) -> InstanceResult:
            result = super().judge(guest, instance, seed=seed)
            if not instance.id.startswith("backwards"):
                return result
            return replace(result, scores={name: 100.0 - score for name, score in result.scores.items()})

    (agreeing,) = audited(Staged(), sandbox, only="stages").checks[0].findings
    assert (agreeing.fault, agreeing.severity) == ("stage_agreement", Severity.INFO)
    (finding,) = audited(Misleading(), sandbox, only="stages").checks[0].findings
    assert (finding.fault, finding.severity, finding.subject) == ("misleading_stage", Severity.WARNING, "first")


def test_a_cheat_that_only_a_filter_lets_pass_gains_nothing(sandbox: StrictSandbox) -> None:
    class Filtered(Sound):
        lenient: ClassVar[str] = "smoke/"
        exploits: ClassVar[Mapping[str, Program]] = {
            "no machine": Program.from_text("def assign(sizes, machines):\n    return [-1] * len(sizes)\n")
        }

        @cached_property
        def problem(self) -> Problem:
            chosen = Instance(id="smoke/1", split=Split.TRAIN, digest="smoke/1")
            return replace(super().problem, stages=(Stage(name="smoke", instances=(chosen,)),))

        def judge(self, guest: Guest, instance: Instance, *, seed: int) -> InstanceResult:
            result = super().judge(guest, instance, seed=seed)
            time.sleep(0.0 if instance.id == "smoke/1" else 0.3)
            if result.fault is None or not instance.id.startswith(self.lenient):
                return result
            return InstanceResult(scores={self.problem.objectives[0].name: 100.0})

    class Open(Filtered):
        lenient: ClassVar[str] = ""

    # The train split is too dear for the budget, so the checks judge on the stage.
    report = audited(Filtered(), sandbox, budget_s=30.0, only="exploits")
    assert report.verdict == "fit"
    assert "smoke/1" in report.instances
    (finding,) = audited(Open(), sandbox, budget_s=30.0, only="exploits").of(Severity.FATAL)
    assert (finding.fault, finding.subject) == ("exploit_pays", "no machine")


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=12))
def test_kendall_is_symmetric_and_bounded_and_turns_with_the_order(pairs: list[tuple[int, int]]) -> None:
    xs, ys = [x for x, _ in pairs], [y for _, y in pairs]
    tau = kendall(xs, ys)
    assert (tau is None) == (len(set(xs)) < 2 or len(set(ys)) < 2)
    assert tau == kendall(ys, xs)
    if tau is not None:
        assert -1 <= tau <= 1
        assert kendall(xs, [-y for y in ys]) == -tau
        assert kendall(xs, xs) == pytest.approx(1.0)


def test_declared_variants_must_score_alike(sandbox: StrictSandbox) -> None:
    class Renamed(Sound):
        factor = 1.0

        def variants(self, instance: Instance) -> Sequence[tuple[Instance, float]]:
            return [(Instance(id=f"{instance.id}/in-ms", split=instance.split, digest=""), self.factor)]

        def sizes(self, name: str) -> list[float]:
            plain = super().sizes(name.removesuffix("/in-ms"))
            return [1000.0 * size for size in plain] if name.endswith("/in-ms") else plain

    class Wrong(Renamed):
        factor = 2.0

    assert not audited(Renamed(), sandbox, only="variants").checks[0].findings
    (finding,) = audited(Wrong(), sandbox, only="variants").of(Severity.FATAL)
    assert finding.fault == "variant_differs"


def test_rung_that_reads_names_is_warned_of_and_a_declared_reason_is_enough(sandbox: StrictSandbox) -> None:
    class Renamed(Sound):
        rungs: ClassVar[Mapping[str, tuple[Role, str]]] = {
            **Sound.rungs,
            "shifty": ("rule", TURNS.replace("% machines", "% (machines if sum(sizes) < 3000 else 1)")),
        }

        def variants(self, instance: Instance) -> Sequence[tuple[Instance, float]]:
            return [(Instance(id=f"{instance.id}/in-ms", split=instance.split, digest=""), 1.0)]

        def sizes(self, name: str) -> list[float]:
            plain = super().sizes(name.removesuffix("/in-ms"))
            return [1000.0 * size for size in plain] if name.endswith("/in-ms") else plain

    class Accepting(Renamed):
        accepted: ClassVar[Mapping[str, str]] = {"rung_reads_names shifty": "it counts in seconds"}

    found = audited(Renamed(), sandbox, only="variants").checks[0].findings
    assert [(one.fault, one.subject, one.severity) for one in found] == [
        ("rung_reads_names", "shifty", Severity.WARNING)
    ]
    (accepted,) = audited(Accepting(), sandbox, only="variants").checks[0].findings
    assert accepted.severity is Severity.INFO
    assert accepted.message.endswith("accepted by the problem: it counts in seconds")


def test_audit_without_a_sandbox_leaves_this_process_as_it_is() -> None:
    clock = time.monotonic
    report = audited(Sound(), TrustedSandbox(), quick=True)
    assert report.verdict == "fit"
    assert report.tier == "trusted"
    assert time.monotonic is clock


def test_what_the_machine_lacks_is_no_fault_of_the_problem(sandbox: StrictSandbox) -> None:
    class Lacking(Sound):
        def bound(self, instance: Instance) -> Mapping[str, float]:
            raise MissingExtraError("the bound", extra="problems", package="numpy")

    with pytest.raises(MissingExtraError):
        audited(Lacking(), sandbox, only="bounds")


def test_exploit_that_pays_is_fatal(sandbox: StrictSandbox) -> None:
    class Exploited(Sound):
        exploits: ClassVar[Mapping[str, Program]] = {
            "honest after all": Program.from_text(LONGEST),
            "refused": Program.from_text("def assign(sizes, machines):\n    return [True] * len(sizes)\n"),
        }

    (finding,) = audited(Exploited(), sandbox, only="exploits").of(Severity.FATAL)
    assert finding.fault == "exploit_pays"
    assert finding.evidence["program"] == "honest after all"


def test_accepted_fault_is_a_warning_with_its_reason_and_hides_no_other(sandbox: StrictSandbox) -> None:
    class Accepting(Sound):
        exploits: ClassVar[Mapping[str, Program]] = {
            "known": Program.from_text(LONGEST),
            "unknown": Program.from_text(LONGEST + "\n"),
        }
        accepted: ClassVar[Mapping[str, str]] = {"exploit_pays known": "as published"}

    report = audited(Accepting(), sandbox, only="exploits")
    assert [finding.subject for finding in report.of(Severity.FATAL)] == ["unknown"]
    (warning,) = report.of(Severity.WARNING)
    assert warning.message.endswith("accepted by the problem: as published")


def test_report_survives_its_plain_form_and_its_page_escapes_what_a_problem_says(sandbox: StrictSandbox) -> None:
    report = audited(Sound(), sandbox, only="cost")
    assert decode(AuditReport, json.loads(json.dumps(encode(report)))) == report
    marked = replace(report, problem="<script>alert(1)</script>")
    page = render_audit(marked)
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
