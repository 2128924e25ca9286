"""What an audit says: findings with severity and remedy, by check, and the verdict that follows from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, TypeAlias

from thekla.core.values import Data

__all__ = ["AuditReport", "CheckResult", "Finding", "Severity", "Verdict"]

Verdict: TypeAlias = Literal["fit", "fit with warnings", "unfit", "incomplete"]


class Severity(StrEnum):
    """How much a finding weighs."""

    FATAL = "fatal"  # scores of this problem cannot be believed
    WARNING = "warning"  # they can, and the search or its report will suffer
    INFO = "info"  # a measured fact


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that an audit found.

    Args:
        fault: The name of what is wrong (or of the fact), as in `constant_score`; names are listed in docs/reference.
        remedy: What to do about it; empty for a fact.
        subject: The program that it is about, if it is about one; with the fault it names what a problem may accept.
        evidence: The numbers behind the message.
    """

    fault: str
    severity: Severity
    message: str
    remedy: str = ""
    subject: str = ""
    evidence: Mapping[str, Data] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """What one check found.

    Args:
        check: Its name in `checks.CHECKS`.
        about: The promise that it tests, in one line.
        skipped: Why it did not run to its end; empty if it did.
    """

    check: str
    about: str
    findings: tuple[Finding, ...] = ()
    skipped: str = ""
    wall_s: float = 0.0

    @property
    def worst(self) -> Severity | None:
        """The severity of its gravest finding, None if it found nothing at all."""
        return next((level for level in Severity if any(one.severity is level for one in self.findings)), None)


@dataclass(frozen=True, kw_only=True)
class AuditReport:
    """The audit of one suite of a problem.

    Args:
        evaluator: The evaluator digest that it holds for: another referee, simulator or Python needs another audit.
        tier: Sandbox tier of the programs that were run.
        quick: Whether only the quick checks were asked for.
        instances: Ids of the instances that were judged.
        evaluations: Programs judged, each on one instance.
    """

    problem: str
    suite: str
    version: str
    evaluator: str
    tier: str
    quick: bool
    instances: tuple[str, ...]
    checks: tuple[CheckResult, ...]
    evaluations: int
    wall_s: float

    def of(self, severity: Severity) -> Iterator[Finding]:
        """The findings of a severity, in the order of the checks."""
        return (one for check in self.checks for one in check.findings if one.severity is severity)

    @property
    def verdict(self) -> Verdict:
        """`unfit` with a fatal finding; `incomplete` if a check was cut off and nothing fatal was found."""
        if any(self.of(Severity.FATAL)):
            return "unfit"
        if any(check.skipped for check in self.checks):
            return "incomplete"
        return "fit with warnings" if any(self.of(Severity.WARNING)) else "fit"
