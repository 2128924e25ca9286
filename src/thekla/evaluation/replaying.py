"""One job judged twice: with the program, and again from the record of its decisions alone.

If both agree, nothing but the decisions made the score: the second judgement runs no code of the program's.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from thekla.core.evaluation import EvaluationJob, InstanceResult, Limits
from thekla.core.problem import Interface
from thekla.core.program import Program
from thekla.core.protocols import Guest, ProblemPackage, Sandbox
from thekla.evaluation.judging import judge_job
from thekla.evaluation.repetition import disagreement
from thekla.sandbox import DecisionLog, RecordingGuest, ReplayedGuest

__all__ = ["Replay", "replay_job"]


@dataclass(frozen=True, kw_only=True)
class Replay:
    """What became of both judgements.

    Args:
        result: Of the first, with the program.
        difference: In what the second differed, in words; empty if it came to the same, bit for bit.
        decisions: Calls that were recorded.
        cpu_s: CPU seconds of the first judgement, of guest and host together.
        replay_cpu_s: CPU seconds of the second.
    """

    result: InstanceResult
    difference: str
    decisions: int
    cpu_s: float
    replay_cpu_s: float


def replay_job(package: ProblemPackage, sandbox: Sandbox, job: EvaluationJob) -> Replay:
    """The job, recorded and judged again from the record.

    A referee that compares (`core.protocols.PairedReferee`) scores more than decisions and cannot be replayed. Packed
    and batched calls are made as plain ones.
    """
    recording, begun_s = _Recording(sandbox), time.process_time()
    first = judge_job(package, recording, job)
    between_s = time.process_time()
    replaying = _Replaying(recording.log, sandbox.tier)
    again = judge_job(package, replaying, job)
    ended_s = time.process_time()
    left = len(replaying.guest.left)
    difference = disagreement({job.instance.id: first.result}, {job.instance.id: again.result})
    if not difference and left:
        difference = f"it asked for {left} of {len(recording.log.decisions)} decisions less"
    return Replay(
        result=first.result,
        difference=difference,
        decisions=len(recording.log.decisions),
        cpu_s=between_s - begun_s + first.usage.cpu_s,
        replay_cpu_s=ended_s - between_s,
    )


class _Recording:
    """A sandbox for one job whose guest is recorded."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self.tier = sandbox.tier
        self.log = DecisionLog()

    def open(self, program: Program, interface: Interface, limits: Limits, *, seed: int = 0) -> Guest:
        """A fresh guest, recorded."""
        return RecordingGuest(self._sandbox.open(program, interface, limits, seed=seed), self.log)

    def close(self) -> None:
        """Nothing: the sandbox is not its own."""


class _Replaying:
    """A sandbox for one job without a program: its guest gives the recorded answers."""

    def __init__(self, log: DecisionLog, tier: str) -> None:
        self.tier = tier
        self.guest = ReplayedGuest(log)

    def open(self, program: Program, interface: Interface, limits: Limits, *, seed: int = 0) -> Guest:
        """The recorded answers, whatever the program."""
        return self.guest

    def close(self) -> None:
        """Nothing."""
