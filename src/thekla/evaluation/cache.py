"""Evaluations by content: an equal program on an equal instance is not run twice.

The key covers the program, the evaluator (problem, simulator source, interpreter, numerics), the instance, the
seed and the limits. A row also names the tier of its sandbox and serves only that tier or a weaker one.
"""

from __future__ import annotations

from thekla.core.codec import decode, encode
from thekla.core.evaluation import EvaluationDone, EvaluationJob, FailureKind, InstanceResult, Usage
from thekla.core.protocols import Facts

__all__ = ["TIERS", "EvaluationCache"]

TIERS = ("trusted", "process", "strict", "bubblewrap", "container")  # weakest first


class EvaluationCache:
    """Reads and writes the facts `evaluation` of a run.

    Args:
        tier: The tier that is asked for now.
    """

    def __init__(self, facts: Facts, *, evaluator_digest: str, tier: str) -> None:
        self._facts = facts
        self._digest = evaluator_digest
        self._tier = tier

    def key(self, job: EvaluationJob) -> str:
        """The content address of `job`; with a tier before it, the key of its row."""
        return job.key(self._digest)

    def find(self, job: EvaluationJob, key: str) -> EvaluationDone | None:
        """The recorded end of an equal job, None if there is none that this tier may use."""
        for tier in _at_least(self._tier):
            row = self._facts.fact("evaluation", f"{tier}:{key}")
            if row is not None:
                return EvaluationDone(
                    job=job,
                    result=decode(InstanceResult, row["result"]),
                    usage=decode(Usage, row["usage"]),
                    tier=str(row["tier"]),
                    details=str(row.get("details", "")),
                )
        return None

    def keep(self, done: EvaluationDone, key: str) -> None:
        """Record the end of a job; what our own infrastructure broke is never kept."""
        fault = done.result.fault
        if fault is not None and fault.kind is FailureKind.INFRASTRUCTURE:
            return
        row = {"result": encode(done.result), "usage": encode(done.usage), "tier": done.tier}
        if done.details:
            row["details"] = done.details
        row["names"] = [done.job.program.id, done.job.instance.id, done.job.stage]
        self._facts.record("evaluation", f"{self._tier}:{key}", row, durable=False)


def _at_least(tier: str) -> tuple[str, ...]:
    return TIERS[TIERS.index(tier) :] if tier in TIERS else (tier,)
