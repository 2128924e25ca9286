"""Auditing problems: the whole audit on request, and the quick one before a run of a user's own problem."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from thekla.assembly.build import build_backend, build_package, build_sandbox
from thekla.assembly.options import located
from thekla.audit import AuditObserver, AuditReport, Severity
from thekla.audit import audit as audit_package
from thekla.audit.page import render_audit
from thekla.core import registry
from thekla.core.codec import decode, encode
from thekla.core.errors import ConfigError, ProblemError, StorageError
from thekla.core.evaluation import EvaluationDone, EvaluationJob
from thekla.core.problem import Problem, ProblemRef
from thekla.core.program import Candidate, CandidateId, Program
from thekla.core.protocols import ProblemPackage
from thekla.core.run import Prompt, Ticket
from thekla.core.values import Data, digest_of
from thekla.evaluation.backends import LocalBackend

__all__ = ["AUDITS", "audit", "audit_data", "require_fit", "write_audit"]

_LOGGER = logging.getLogger(__name__)

AUDITS = "audits"
"""Folder beside the run files in which verdicts are kept."""

_RULES = 2  # raised when the quick checks find more than before, so that older verdicts are not believed
_QUICK_S = 60.0  # what a quick audit may take before its rest is skipped; it takes a few seconds


def audit(
    problem: str,
    suite: str = "default",
    *,
    budget_s: float,
    sandbox: str = "strict",
    quick: bool = False,
    arguments: Mapping[str, Data] | None = None,
    observer: AuditObserver = lambda name, place, count: None,
) -> AuditReport:
    """The audit of a problem by name, or of a folder by its path.

    Raises:
        ConfigError: There is no such problem or suite.
        SandboxError: The sandbox cannot be had.
    """
    reference = ProblemRef(name=located(problem), suite=suite, arguments=arguments or {})
    package = build_package(reference)
    return _audited(package, reference, tier=sandbox, budget_s=budget_s, quick=quick, observer=observer)


def _audited(
    package: ProblemPackage,
    reference: ProblemRef,
    *,
    tier: str,
    budget_s: float,
    quick: bool,
    observer: AuditObserver = lambda name, place, count: None,
) -> AuditReport:
    with contextlib.ExitStack() as stack:
        sandbox = stack.enter_context(contextlib.closing(build_sandbox(tier)))
        second = sandbox if quick else stack.enter_context(contextlib.closing(build_sandbox(tier)))
        elsewhere = stack.enter_context(contextlib.closing(_Elsewhere(reference, tier)))
        return audit_package(
            package,
            reference=reference,
            sandbox=sandbox,
            second=second,
            mutate=lambda count: _variants(package.problem, count),
            elsewhere=elsewhere,
            budget_s=budget_s,
            quick=quick,
            observer=observer,
        )


class _Elsewhere:
    """Judges in a worker with another hash seed than this process; the worker starts with the first job."""

    def __init__(self, reference: ProblemRef, tier: str) -> None:
        self._reference = reference
        self._tier = tier
        self._worker: LocalBackend | None = None

    def __call__(self, job: EvaluationJob) -> EvaluationDone:
        if self._worker is None:
            self._worker = build_backend(self._reference, sandbox=self._tier, workers=1, hash_seed=_other_hash_seed())
        self._worker.submit(job)
        while True:
            for done in self._worker.completed():
                return done

    def close(self) -> None:
        """End the worker."""
        if self._worker is not None:
            self._worker.close()


def _other_hash_seed() -> str:
    """One that this process does not have: unless it was given one, its own is any of four thousand million."""
    return "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"


def _variants(problem: Problem, count: int) -> Sequence[Program]:
    """At most `count` variants of the seeds in turn, by the mutator that needs no model."""

    async def propose() -> list[Program]:
        from thekla.generation.mutation import Mutator  # its syntax trees load slowly, and only an audit needs it

        mutator, found = Mutator(), []
        for number in range(count):
            seed = problem.seeds[number % len(problem.seeds)]
            parent = Candidate(id=CandidateId(f"seed{number}"), program=seed)
            ticket = Ticket(id=f"audit{number}", parents=(parent,), operator="")
            proposal = await mutator.propose(problem, ticket, Prompt(sections=()), seed=number)
            if proposal.program is not None:
                found.append(proposal.program)
        return found

    return asyncio.run(propose())


def audit_data(report: AuditReport) -> dict[str, Data]:
    """The report as plain data, with its verdict."""
    encoded = encode(report)
    assert isinstance(encoded, dict)
    return {"verdict": report.verdict, **encoded}


def write_audit(report: AuditReport, path: Path) -> None:
    """The report as one HTML file.

    Raises:
        OSError: It cannot be written.
    """
    path.write_text(render_audit(report), encoding="utf-8")


def require_fit(package: ProblemPackage, reference: ProblemRef, *, tier: str, cache: Path) -> None:
    """Refuse a problem that fails the quick audit.

    What comes with Thekla is audited by its tests and is not audited again. The verdict on anything else is
    kept by what decides it: evaluator digest, suite, arguments, programs and tier. An audit that ran out of time is
    not kept, and what it left out is logged as a warning.

    Raises:
        ProblemError: The problem has a fatal fault; the message names each, and what to do.
        SandboxError: The sandbox cannot be had.
    """
    if _is_ours(reference):
        return
    path = cache / f"{_key(package, reference, tier)}.json"
    report = _kept(path)
    if report is None:
        _LOGGER.info("auditing %s before its first run", package.problem.name)
        report = _audited(package, reference, tier=tier, budget_s=_QUICK_S, quick=True)
        missed = [check.check for check in report.checks if check.skipped]
        if missed:
            _LOGGER.warning(
                "the quick audit of %s took more than its %g s and left out: %s; have them made by `thekla audit`",
                package.problem.name,
                _QUICK_S,
                ", ".join(missed),
            )
        else:
            _keep(report, path)
    faults = [f"{one.fault}: {one.message}" for one in report.of(Severity.FATAL)]
    if faults:
        raise ProblemError(
            f"scores of problem {package.problem.name!r} cannot be believed, so it is not searched: {'; '.join(faults)}"
            f". See `thekla audit {reference.name}` for remedies, or run it all the same with --unaudited"
        )


def _is_ours(reference: ProblemRef) -> bool:
    module = registry.module_of("problems", reference.name)
    return module.partition(".")[0] == "thekla" and not reference.arguments


def _key(package: ProblemPackage, reference: ProblemRef, tier: str) -> str:
    programs = [*package.problem.seeds, *(rung.program for rung in package.baselines if rung.program is not None)]
    return digest_of(
        {
            "evaluator": package.evaluator_digest,
            "problem": encode(reference),
            "programs": [program.id for program in programs],
            "tier": tier,
            "rules": _RULES,
        }
    )


def _kept(path: Path) -> AuditReport | None:
    try:
        return decode(AuditReport, json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError, ConfigError):  # of an older version, or cut off: audit again
        return None


def _keep(report: AuditReport, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_text(json.dumps(encode(report), indent=1), encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise StorageError(f"the verdict of the audit cannot be kept in {path}: {error}") from error
