"""What can be said of a problem, or of a program for one, without running any program."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from thekla.assembly.build import build_package
from thekla.assembly.options import located
from thekla.audit import CHECKS, Severity
from thekla.audit import audit as audit_package
from thekla.core.errors import ConfigError
from thekla.core.problem import ProblemRef
from thekla.core.program import Program
from thekla.core.protocols import ProblemPackage, WithExploits
from thekla.core.values import Data
from thekla.evaluation.checks import check_candidate
from thekla.sandbox import TrustedSandbox

__all__ = ["LintRow", "lint"]

_STATIC = ("splits", "statement", "isolated")
"""Checks of the audit that judge nothing."""


@dataclass(frozen=True, kw_only=True)
class LintRow:
    """One thing that is wrong.

    Args:
        where: The problem, or the program that it is about.
        certain: Whether it must fail; else it is advice.
    """

    where: str
    message: str
    certain: bool


def lint(
    target: str, *, problem: str = "", suite: str = "default", arguments: Mapping[str, Data] | None = None
) -> list[LintRow]:
    """What is wrong with a problem and the programs that it ships, or with a program file for `problem`.

    Raises:
        ConfigError: There is no such problem or file.
    """
    named = problem or target
    package = build_package(ProblemRef(name=located(named), suite=suite, arguments=arguments or {}))
    if problem:
        return [*_of_program(package, target, _program(Path(target)))]
    return [*_of_problem(package), *_of_programs(package)]


def _program(path: Path) -> Program:
    try:
        return Program.from_text(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"program {path} cannot be read: {error}") from error


def _of_problem(package: ProblemPackage) -> Iterator[LintRow]:
    report = audit_package(
        package,
        reference=ProblemRef(name=package.problem.name, suite=package.problem.suite),
        sandbox=TrustedSandbox(),
        mutate=lambda count: (),
        budget_s=60.0,
        checks={name: CHECKS[name] for name in _STATIC},
    )
    for severity in (Severity.FATAL, Severity.WARNING):
        for finding in report.of(severity):
            message = f"{finding.fault}: {finding.message}; {finding.remedy}"
            yield LintRow(where=package.problem.name, message=message, certain=severity is Severity.FATAL)


def _of_programs(package: ProblemPackage) -> Iterator[LintRow]:
    for number, seed in enumerate(package.problem.seeds, 1):
        yield from _of_program(package, f"seed {number}", seed)
    for rung in package.baselines:
        if rung.program is not None:
            yield from _of_program(package, f"rung {rung.name}", rung.program)
    if isinstance(package, WithExploits) and not package.exploits:
        yield LintRow(where=package.problem.name, message="no programs that cheat are shipped", certain=False)


def _of_program(package: ProblemPackage, where: str, program: Program) -> Iterator[LintRow]:
    failed = check_candidate(program, package)
    if failed is not None:
        yield LintRow(where=where, message=f"{failed.kind}: {failed.message}", certain=True)
