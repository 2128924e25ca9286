"""One job from its program to its result: a fresh guest, the referee, and the guest's usage."""

from __future__ import annotations

from typing import cast

from thekla.core.errors import GuestFault, SandboxError
from thekla.core.evaluation import EvaluationDone, EvaluationJob, FailureKind, Fault, InstanceResult, Usage
from thekla.core.protocols import (
    DetailedSandbox,
    Guest,
    PairedReferee,
    ProblemPackage,
    Sandbox,
    SharedDraws,
    TwinnedSandbox,
)
from thekla.core.rng import derive_seed
from thekla.evaluation.abilities import fulfils

__all__ = ["judge_job"]


def judge_job(package: ProblemPackage, sandbox: Sandbox, job: EvaluationJob) -> EvaluationDone:
    """The end of `job`; nothing of its guest survives.

    The guest's own random numbers are seeded from (problem, instance, seed), so that equal jobs have equal results; an
    instance under other names may share those of its first names.
    A twin runs in the sandbox's twin where it has one; where it has none, a second guest is all there is to compare.
    """
    if job.twin and isinstance(sandbox, TwinnedSandbox):
        sandbox = sandbox.twin()
    interface = package.problem.interface
    drawn_as = job.instance.id
    if fulfils(type(package), SharedDraws):
        drawn_as = cast(SharedDraws, package).drawn_as(job.instance)
    guest_seed = derive_seed(job.seed, package.problem.name, drawn_as)
    usage = Usage()
    try:
        guest = sandbox.open(job.program, interface, job.limits, seed=guest_seed)
        try:
            result = _judged(package, sandbox, guest, job, guest_seed)
        finally:
            guest.close()
            usage = guest.usage
    except GuestFault as fault:
        result = InstanceResult(
            fault=Fault(kind=FailureKind(fault.kind), message=fault.message, traceback=fault.traceback)
        )
    except SandboxError as error:
        result = InstanceResult(fault=Fault(kind=FailureKind.INFRASTRUCTURE, message=str(error)))
    details = cast(DetailedSandbox, sandbox).details() if fulfils(type(sandbox), DetailedSandbox) else ""
    return EvaluationDone(job=job, result=result, usage=usage, tier=sandbox.tier, details=details)


def _judged(package: ProblemPackage, sandbox: Sandbox, guest: Guest, job: EvaluationJob, seed: int) -> InstanceResult:
    """What the referee says; one that compares gets a guest with its reference beside the candidate's."""
    referee = package.referee
    if not isinstance(referee, PairedReferee):
        return referee.judge(guest, job.instance, seed=job.seed)
    try:
        beside = sandbox.open(referee.reference, package.problem.interface, job.limits, seed=seed)
    except GuestFault as fault:
        raise SandboxError(f"the reference cannot be loaded ({fault.kind}): {fault.message}") from fault
    try:
        return referee.judge_beside(guest, beside, job.instance, seed=job.seed)
    finally:
        beside.close()
