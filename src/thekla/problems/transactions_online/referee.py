"""The trusted side: it lets transactions arrive, answers probes and counts them, and commits what is picked."""

from __future__ import annotations

from statistics import fmean

from thekla.core.errors import GuestFault
from thekla.core.evaluation import FailureKind, Fault, InstanceResult
from thekla.core.problem import Instance, Split
from thekla.core.protocols import Guest
from thekla.core.values import Value, digest_of
from thekla.simulators.transactions import PROBES_PER_PICK, Transaction, WindowedRun

from .workloads import Arrivals, Reference, arrivals, reference

__all__ = ["RATIO", "TransactionsOnlineReferee"]

RATIO = "makespan_ratio"
"""The objective: makespan over that of shortest makespan first on the same arrivals."""


class TransactionsOnlineReferee:
    """Judges one policy on one instance; nothing here is random."""

    def judge(self, guest: Guest, instance: Instance, *, seed: int) -> InstanceResult:
        """The makespan of what the guest commits, one transaction at a time; `seed` has no effect.

        Raises:
            ProblemError: The instance is none of this problem's.
        """
        session = _Session(guest, arrivals(instance.id))
        try:
            session.play()
        except GuestFault as fault:
            return InstanceResult(
                fault=Fault(kind=FailureKind(fault.kind), message=fault.message, traceback=fault.traceback)
            )
        return session.result(reference(instance.id), hidden=instance.split is Split.HOLDOUT)


class _Session:
    """One policy on one instance, from the first arrival to the last commitment."""

    def __init__(self, guest: Guest, given: Arrivals) -> None:
        self._guest = guest
        self._run = WindowedRun(given.workload, given.hints)
        self._probes_left = 0
        self._probes_used = 0
        self._ages: list[float] = []

    def play(self) -> None:
        """Let the policy pick until nothing waits.

        Raises:
            GuestFault: The policy failed, or did what the rules forbid.
        """
        self._guest.serve("probes", self._probes)
        self._guest.call("start")
        arrived, start = self._run.arrivals(), 0
        while self._run.window:
            self._probes_left += PROBES_PER_PICK
            start = self._commit(self._guest.call("pick", self._news(arrived, start)))
            arrived = self._run.arrivals()

    def result(self, against: Reference, *, hidden: bool) -> InstanceResult:
        """The score, once all is committed."""
        slots, placed = self._run.schedule.makespan, self._run.schedule.sequence
        return InstanceResult(
            scores={RATIO: slots / against.smf},
            measures={
                "probes_per_pick": self._probes_used / len(placed),
                "youth": fmean(self._ages),
                "over_bound": slots / against.bound,
            },
            feedback=""
            if hidden
            else f"makespan {slots} slots with {self._probes_used} probes for {len(placed)} transactions; shortest "
            f"makespan first (five probes each) needs {against.smf:.1f}, and no order less than {against.bound}",
            behaviour=digest_of([each.id for each in placed]),
        )

    def _news(self, arrived: list[Transaction], start: int) -> Value:
        return {
            "arrived": [[each.id, each.type, each.length, [list(one) for one in each.operations]] for each in arrived],
            "last_start": start,
            "makespan": self._run.schedule.makespan,
            "placed": len(self._run.schedule.sequence),
            "probes_left": self._probes_left,
        }

    def _commit(self, picked: Value) -> int:
        waiting = [each.id for each in self._run.window]
        if type(picked) is not int or picked not in waiting:
            raise GuestFault("invalid", f"picked {picked!r:.80}; one of the {len(waiting)} transactions waiting is due")
        self._ages.append(waiting.index(picked) / max(1, len(waiting) - 1))
        return self._run.commit(picked)

    def _probes(self, *args: Value) -> Value:
        """Answers to a call of the guest; the meter is here, whatever the guest's own copy says."""
        ids = args[0] if len(args) == 1 else None
        if not isinstance(ids, list) or any(type(each) is not int for each in ids):
            raise GuestFault("protocol", "a probe takes a list of ids of waiting transactions")
        self._probes_left -= len(ids)
        self._probes_used += len(ids)
        if self._probes_left < 0:
            raise GuestFault("invalid", f"used {-self._probes_left} probes more than the {PROBES_PER_PICK} per pick")
        try:
            return [self._run.probe(each) for each in ids if isinstance(each, int)]
        except KeyError as error:
            raise GuestFault("invalid", f"probed transaction {error}, which is not waiting") from None
