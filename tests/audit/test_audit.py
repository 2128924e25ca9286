"""The audit finds planted faults by name, and finds none where there is none."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

import pytest

from thekla.audit import CHECKS, AuditReport, Severity, audit
from thekla.audit.page import render_audit
from thekla.core.codec import decode, encode
from thekla.core.errors import MissingExtraError
from thekla.core.evaluation import InstanceResult
from thekla.core.problem import Instance, ProblemRef, Split
from thekla.core.program import Program
from thekla.core.protocols import Guest, Sandbox
from thekla.sandbox import StrictSandbox, TrustedSandbox

from .scheduling import BROKEN, LONGEST, Sound, variants

# Faults that come with another one: what is constant is also no better than nothing, whoever claims it.
ALSO = {
    "constant_score": {"idle_state_of_the_art"},
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[StrictSandbox]:
    with StrictSandbox() as made:
        yield made


def audited(
    package: Sound, sandbox: Sandbox, *, quick: bool = False, budget_s: float = 300.0, only: str = ""
) -> AuditReport:
    return audit(
        package,
        reference=ProblemRef(name="scheduling", suite="default"),
        sandbox=sandbox,
        mutate=variants,
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
