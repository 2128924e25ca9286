"""One job from its program to its result: a fresh guest, the referee, and the guest's usage."""

from __future__ import annotations

from thekla.core.errors import GuestFault, SandboxError
from thekla.core.evaluation import EvaluationDone, EvaluationJob, FailureKind, Fault, InstanceResult, Usage
from thekla.core.protocols import ProblemPackage, Sandbox
from thekla.core.rng import derive_seed

__all__ = ["judge_job"]


def judge_job(package: ProblemPackage, sandbox: Sandbox, job: EvaluationJob) -> EvaluationDone:
    """The end of `job`; nothing of its guest survives.

    The guest's own random numbers are seeded from (problem, instance, seed), so that equal jobs have equal results.
    """
    interface = package.problem.interface
    guest_seed = derive_seed(job.seed, job.problem.name, job.instance.id)
    usage = Usage()
    try:
        guest = sandbox.open(job.program, interface, job.limits, seed=guest_seed)
        try:
            result = package.referee.judge(guest, job.instance, seed=job.seed)
        finally:
            guest.close()
            usage = guest.usage
    except GuestFault as fault:
        result = InstanceResult(
            fault=Fault(kind=FailureKind(fault.kind), message=fault.message, traceback=fault.traceback)
        )
    except SandboxError as error:
        result = InstanceResult(fault=Fault(kind=FailureKind.INFRASTRUCTURE, message=str(error)))
    return EvaluationDone(job=job, result=result, usage=usage, tier=sandbox.tier)
