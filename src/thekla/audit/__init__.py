"""Audits problems: can scores of this evaluator be believed, and is the problem one for a search?

Each check is a small function in `CHECKS`. Checks run programs of their own making and change answers on their way to
the referee, so that they speak for every program and need to know nothing of a problem's interface.
"""

from thekla.audit.bench import Elsewhere, Mutate
from thekla.audit.checks import CHECKS, Check
from thekla.audit.findings import AuditReport, CheckResult, Finding, Severity, Verdict
from thekla.audit.running import AuditObserver, audit

__all__ = [
    "CHECKS",
    "AuditObserver",
    "AuditReport",
    "Check",
    "CheckResult",
    "Elsewhere",
    "Finding",
    "Mutate",
    "Severity",
    "Verdict",
    "audit",
]
