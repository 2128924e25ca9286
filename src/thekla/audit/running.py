"""The audit itself: every check in turn, within a budget of time."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeAlias

from thekla.audit.bench import Bench, Elsewhere, Mutate, OutOfTime
from thekla.audit.checks import CHECKS, Check
from thekla.audit.findings import AuditReport, CheckResult, Finding, Severity
from thekla.core.errors import MissingExtraError, ProblemError
from thekla.core.problem import ProblemRef
from thekla.core.protocols import AcceptsFaults, ProblemPackage, Sandbox

__all__ = ["AuditObserver", "audit"]

AuditObserver: TypeAlias = Callable[[str, int, int], None]
"""Told the name of a check that begins, its place and the number of checks."""

_LOGGER = logging.getLogger(__name__)
_OUT_OF_TIME = "the audit's time is up; give it more with --budget-s"


def audit(
    package: ProblemPackage,
    *,
    reference: ProblemRef,
    sandbox: Sandbox,
    second: Sandbox | None = None,
    mutate: Mutate,
    elsewhere: Elsewhere | None = None,
    budget_s: float,
    quick: bool = False,
    observer: AuditObserver = lambda name, place, count: None,
    clock: Callable[[], float] = time.monotonic,
    checks: Mapping[str, Check] = CHECKS,
) -> AuditReport:
    """The audit of a problem; it judges on train and validation instances, never on a hold-out.

    Args:
        second: A sandbox with processes of its own, for twin evaluations.
        mutate: Makes variants of the seeds.
        elsewhere: Judges in another process with another hash seed, to see whether the referee hangs on its own.
        budget_s: Wall seconds; checks that come too late are marked as skipped.
        quick: Only the checks that find fatal faults on one cheap instance.

    Raises:
        MissingExtraError, ProblemError: The problem needs what is not on this machine: a package, or public data.
    """
    begun_s = clock()
    bench = Bench(
        package,
        reference=reference,
        sandbox=sandbox,
        second=second,
        mutate=mutate,
        elsewhere=elsewhere,
        budget_s=budget_s,
        clock=clock,
        quick=quick,
    )
    chosen = {name: check for name, check in checks.items() if check.quick or not quick}
    results = []
    for place, (name, check) in enumerate(chosen.items(), 1):
        observer(name, place, len(chosen))
        results.append(_run(bench, name, check, clock))
    return AuditReport(
        problem=package.problem.name,
        suite=package.problem.suite,
        version=package.problem.version,
        evaluator=package.evaluator_digest,
        tier=sandbox.tier,
        quick=quick,
        instances=tuple(sorted(bench.judged)),
        checks=tuple(results),
        evaluations=bench.evaluations,
        wall_s=clock() - begun_s,
    )


def _run(bench: Bench, name: str, check: Check, clock: Callable[[], float]) -> CheckResult:
    begun_s, skipped = clock(), ""
    findings: list[Finding] = []
    try:
        for finding in check.run(bench):
            findings.append(_weighed(finding, bench.package))
    except OutOfTime:
        skipped = _OUT_OF_TIME
    except (MissingExtraError, ProblemError):  # what the machine lacks, told to whoever asked for the audit
        raise
    except Exception as error:  # border: the problem's own code is what is being audited
        _LOGGER.debug("check %s raised", name, exc_info=True)
        findings.append(_broken(error))
    return CheckResult(
        check=name, about=check.about, findings=tuple(findings), skipped=skipped, wall_s=clock() - begun_s
    )


def _weighed(finding: Finding, package: ProblemPackage) -> Finding:
    """The finding, one degree less grave and with the reason if the problem accepts just this one."""
    reasons = package.accepted if isinstance(package, AcceptsFaults) else {}
    reason = reasons.get(f"{finding.fault} {finding.subject}".strip())
    if finding.severity is Severity.INFO or reason is None:
        return finding
    milder = Severity.WARNING if finding.severity is Severity.FATAL else Severity.INFO
    return replace(finding, severity=milder, message=f"{finding.message}; accepted by the problem: {reason}")


def _broken(error: Exception) -> Finding:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return Finding(
        fault="broken_problem",
        severity=Severity.FATAL,
        message=f"the problem's code raised {type(error).__name__}: {error} ({frame.name}, line {frame.lineno})",
        remedy="a problem must answer every question of thekla.core.protocols.ProblemPackage; test it with "
        "thekla.testing.problems.ProblemPackageConformance",
        evidence={"file": frame.filename.rpartition("/")[2], "line": frame.lineno},
    )
