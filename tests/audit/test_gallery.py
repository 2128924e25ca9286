"""What comes with Thekla passes the audit."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from thekla import assembly
from thekla.assembly import Severity

DATA = os.environ.get("THEKLA_DATA", "")

SUITES = (
    ("expert-placement", "default"),
    ("lakehouse", "default"),
    ("lakehouse", "siblings"),
    ("llm-sql", "default"),
    ("placement", "default"),
    ("placement", "epochs"),
    ("placement", "public"),
    ("transactions-offline", "default"),
    ("transactions-online", "default"),
    ("transactions-online", "predicted"),
)
NEED_DATA = (
    ("lakehouse", "public"),
    ("llm-sql", "public"),
    ("transactions-offline", "public"),
)


def fatal_faults(problem: str, suite: str, *, quick: bool) -> list[str]:
    report = assembly.audit(problem, suite, quick=quick, budget_s=600.0)
    assert not [check.check for check in report.checks if check.skipped]
    return [f"{finding.fault}: {finding.message}" for finding in report.of(Severity.FATAL)]


@pytest.mark.slow
@pytest.mark.parametrize(("problem", "suite"), SUITES)
def test_shipped_suite_passes_the_quick_audit(problem: str, suite: str) -> None:
    assert fatal_faults(problem, suite, quick=True) == []


@pytest.mark.slow
@pytest.mark.skipif(not Path(DATA).is_dir() or not DATA, reason="the folder of public data is not there")
@pytest.mark.parametrize(("problem", "suite"), NEED_DATA)
def test_suite_on_public_data_passes_the_quick_audit(problem: str, suite: str) -> None:
    assert fatal_faults(problem, suite, quick=True) == []


@pytest.mark.slow
def test_shipped_problem_passes_the_whole_audit() -> None:
    assert fatal_faults("expert-placement", "default", quick=False) == []
