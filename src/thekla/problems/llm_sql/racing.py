"""The trusted side of suite `speed`: CPU time at no worse a hit rate, relative to the reference's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean

from thekla.core.errors import GuestFault, ProblemError
from thekla.core.evaluation import FailureKind, Fault, InstanceResult
from thekla.core.problem import Instance, Split
from thekla.core.program import Program
from thekla.core.protocols import Guest
from thekla.problems.speed import RELATIVE_CPU, RaceRules, Timing, race

from .referee import HIT_RATE, InvalidAnswerError, message_of, read_prompts
from .tables import TrieMetric, row_lengths
from .workloads import SMOKE_RACE, race_table

__all__ = ["TOLERANCE", "LlmSqlRaceReferee"]

TOLERANCE = 0.002  # of the hit rate: what the order of a merged pair is worth on the public table

_RULES = RaceRules(least_turns=8, most_turns=24)
_SMOKE_RULES = RaceRules(warm_ups=0, least_turns=2, most_turns=2)


@dataclass
class _Course:
    """The tables of a race, and what each guest saved on them so far."""

    id: str
    metric: TrieMetric = field(default_factory=TrieMetric)
    rates: dict[int, list[float]] = field(default_factory=dict)

    def play(self, guest: Guest, turn: int) -> None:
        """One turn of a guest.

        Raises:
            GuestFault: It failed, or its answer is no permutation.
        """
        table = race_table(self.id, turn)
        answer = guest.call("reorder", message_of(table, self.metric))
        try:
            prompts = read_prompts(answer, table)
        except InvalidAnswerError as error:
            raise GuestFault(FailureKind.INVALID, f"turn {turn}: {error}") from error
        total = sum(row_lengths(table, self.metric.length))
        self.rates.setdefault(id(guest), []).append(self.metric.hits(table, prompts) / total)

    def rates_of(self, guest: Guest) -> Sequence[float]:
        """The hit rate of every turn of a guest, warm-ups included."""
        return self.rates[id(guest)]


class LlmSqlRaceReferee:
    """Races one program against the reference on new tables in every turn, under the published metric.

    Args:
        reference: What CPU time and hit rate are compared with.
    """

    def __init__(self, reference: Program) -> None:
        self._reference = reference

    @property
    def reference(self) -> Program:
        """The program of the second guest."""
        return self._reference

    def judge(self, guest: Guest, instance: Instance, *, seed: int) -> InstanceResult:
        """Refuses: a race needs two guests.

        Raises:
            ProblemError: Always.
        """
        raise ProblemError("suite 'speed' of llm-sql compares two guests; ask judge_beside")

    def judge_beside(self, guest: Guest, reference: Guest, instance: Instance, *, seed: int) -> InstanceResult:
        """The CPU time of the guest's program in units of the reference's. Tables do not depend on `seed`.

        Raises:
            ProblemError: The instance is no race.
            SandboxError: The reference failed.
        """
        course = _Course(instance.id)
        smoke = instance.id == SMOKE_RACE
        try:
            timing = race(guest, reference, course.play, _SMOKE_RULES if smoke else _RULES)
        except GuestFault as fault:
            return InstanceResult(
                fault=Fault(kind=FailureKind(fault.kind), message=fault.message, traceback=fault.traceback)
            )
        mine, its = fmean(course.rates_of(guest)), fmean(course.rates_of(reference))
        if mine < its - TOLERANCE and not smoke:
            message = f"hit rate {mine:.4f}, and {its:.4f} of the reference; at most {TOLERANCE} less is allowed"
            return InstanceResult(fault=Fault(kind=FailureKind.INVALID, message=message))
        return InstanceResult(
            scores={RELATIVE_CPU: timing.ratio},
            measures={**timing.measures(), HIT_RATE: mine},
            feedback="" if instance.split is Split.HOLDOUT else _feedback(timing, mine, its),
        )


def _feedback(timing: Timing, mine: float, its: float) -> str:
    return (
        f"{1000 * timing.cpu_s:.1f} ms of CPU time per table, the reference {1000 * timing.reference_cpu_s:.1f} ms; "
        f"hit rate {mine:.4f}, the reference {its:.4f}"
    )
