"""The trusted side of expert placement: it holds the windows, checks every slot map and computes the score."""

from __future__ import annotations

import hashlib
import statistics
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from thekla.core.errors import GuestFault, ProblemError, SandboxError
from thekla.core.evaluation import FailureKind, Fault, InstanceResult
from thekla.core.problem import Instance, Split
from thekla.core.program import Program
from thekla.core.protocols import Guest
from thekla.core.values import Array, Value
from thekla.problems.speed import RELATIVE_CPU, RaceRules, race
from thekla.simulators.moe import Layout, balancedness, fault_of, gpu_loads, moved_share

from .workloads import SPEED_TURNS, Scene, scene

__all__ = ["BALANCE", "BALANCE_TOLERANCE", "BalanceReferee", "SpeedReferee", "as_told", "bound_of", "judge_plans"]

BALANCE = "balance"
"""Objective of the suites `default` and `calibrated`: mean balance, less what moving costs."""

BALANCE_TOLERANCE = 0.01
"""By how much the mean balance in a race may lie below the reference's. The papers call plans equal whose balance
agrees in two digits. On four seeds of each profile, dealing back and forth instead of packing costs 0.001 to 0.005,
known after eight turns with a standard error of 0.002, so the published idea passes whatever the luck, as it would not
with 0.002; keeping to the hierarchy costs 0.05 on the deep model and 0.009 to 0.013 on the narrow one."""

RULES = RaceRules(warm_ups=2, least_turns=6, most_turns=SPEED_TURNS - 2, resolution=0.05)

_MOST_IN_32_BITS = 2**31 - 1

Integers = NDArray[np.int64]
Plan = Callable[[int], Integers]


class _InvalidPlan(Exception):
    """A slot map that the rules forbid; the text says which and why."""


class BalanceReferee:
    """Judges one program on one sequence of windows; equal arguments give equal results."""

    def judge(self, guest: Guest, instance: Instance, *, seed: int) -> InstanceResult:
        """The balance of the guest's plans. Nothing is random here, so `seed` has no effect.

        Raises:
            ProblemError: The instance is none of the problem's.
        """
        setting = scene(instance.id)
        try:
            _start(guest, setting.layout)
            result = judge_plans(setting, lambda step: _asked(guest, setting, step))
        except GuestFault as fault:
            return _fault(fault)
        except _InvalidPlan as error:
            return _invalid(error)
        if instance.split is Split.HOLDOUT:
            return InstanceResult(scores=result.scores, measures=result.measures, behaviour=result.behaviour)
        return result


class SpeedReferee:
    """Races a program against the reference on unrelated pairs of windows (`core.protocols.PairedReferee`).

    Args:
        reference: The program that is a ratio of 1, and whose balance must be kept.
    """

    def __init__(self, reference: Program) -> None:
        self._reference = reference

    @property
    def reference(self) -> Program:
        """The program of the second guest."""
        return self._reference

    def judge(self, guest: Guest, instance: Instance, *, seed: int) -> InstanceResult:
        """Nothing: speed needs the reference beside it.

        Raises:
            ProblemError: Always.
        """
        raise ProblemError("suite 'speed' compares with a reference; judge it through `judge_beside`")

    def judge_beside(self, guest: Guest, reference: Guest, instance: Instance, *, seed: int) -> InstanceResult:
        """CPU time relative to the reference's, if the balance is no worse.

        Raises:
            SandboxError: The reference failed.
        """
        setting = scene(instance.id)
        balances: dict[int, list[float]] = {id(guest): [], id(reference): []}

        def play(player: Guest, turn: int) -> None:
            try:
                plan = _asked(player, setting, 2 * turn)
            except _InvalidPlan as error:  # so that the race tells whose it is
                raise GuestFault(FailureKind.INVALID, str(error)) from error
            balances[id(player)].append(_balance(setting, plan, 2 * turn + 1))

        _start_reference(reference, setting.layout)
        try:
            _start(guest, setting.layout)
            timing = race(guest, reference, play, RULES)
        except GuestFault as fault:
            return _fault(fault)
        own, other = (statistics.fmean(balances[id(each)]) for each in (guest, reference))
        if own < other - BALANCE_TOLERANCE:
            message = f"mean balance {own:.4f}; at least {other - BALANCE_TOLERANCE:.4f} is asked for"
            return InstanceResult(fault=Fault(kind=FailureKind.INVALID, message=message))
        said = f"{1000 * timing.cpu_s:.3g} ms of CPU a plan, the reference {1000 * timing.reference_cpu_s:.3g} ms"
        return InstanceResult(
            scores={RELATIVE_CPU: timing.ratio},
            measures={**timing.measures(), "next_balance": own},
            feedback="" if instance.split is Split.HOLDOUT else said,
        )


def judge_plans(setting: Scene, plan: Plan) -> InstanceResult:
    """The result of a sequence of plans: plan i is made after window i and meets window i + 1.

    Args:
        plan: An allowed slot map for the next window, by the number of the one that ended; asked in order.
    """
    balances, moved = [], []
    decisions = hashlib.sha256()
    before: Integers | None = None
    for step in range(len(setting.windows) - 1):
        slot_map = plan(step)
        balances.append(_balance(setting, slot_map, step + 1))
        if before is not None:
            moved.append(moved_share(before, slot_map))
        before = slot_map
        decisions.update(slot_map.tobytes())
    mean_moved = statistics.fmean(moved) if moved else 0.0
    mean = statistics.fmean(balances)
    worst = balances.index(min(balances))
    return InstanceResult(
        scores={BALANCE: mean - setting.move_cost * mean_moved},
        measures={"next_balance": mean, "worst_balance": min(balances), "moved_share": mean_moved},
        feedback=f"balance {mean:.4f} on average, least {balances[worst]:.4f} after window {worst + 1} of "
        f"{len(balances)}; {100 * mean_moved:.0f} % of the slots changed per plan",
        behaviour=decisions.hexdigest(),
    )


def _start(guest: Guest, layout: Layout) -> None:
    guest.call("start", [layout.layers, layout.experts, layout.slots, layout.gpus, layout.nodes, layout.groups])


def _start_reference(reference: Guest, layout: Layout) -> None:
    try:
        _start(reference, layout)
    except GuestFault as fault:
        raise SandboxError(f"the reference of the race failed: {fault.message}") from fault


def _asked(guest: Guest, setting: Scene, step: int) -> Integers:
    """The guest's plan after a window.

    Raises:
        _InvalidPlan: It is none.
    """
    answer = guest.call("plan", as_told(setting.windows[step]))
    slot_map = _matrix(answer)
    if (reason := fault_of(setting.layout, slot_map)) is not None:
        raise _InvalidPlan(f"plan {step}: {reason}")
    return slot_map


def as_told(window: Integers) -> Array:
    """The loads of a window as they cross to a guest."""
    wide = int(window.max()) > _MOST_IN_32_BITS
    data = window.astype("<i8" if wide else "<i4").tobytes()
    return Array(dtype="int64" if wide else "int32", shape=window.shape, data=data)


def _matrix(answer: Value) -> Integers:
    if not isinstance(answer, Array):
        raise _InvalidPlan(f"plan gave {str(answer)[:80]}; expected a matrix of integers")
    if answer.dtype not in ("int32", "int64"):
        raise _InvalidPlan(f"plan gave {answer.dtype}; slots name experts by integers")
    kind = np.dtype(answer.dtype).newbyteorder("<")
    return np.frombuffer(answer.data, dtype=kind).reshape(answer.shape).astype(np.int64)


def _balance(setting: Scene, slot_map: Integers, window: int) -> float:
    return balancedness(gpu_loads(setting.layout, slot_map, setting.windows[window]))


def _fault(fault: GuestFault) -> InstanceResult:
    return InstanceResult(fault=Fault(kind=FailureKind(fault.kind), message=fault.message, traceback=fault.traceback))


def _invalid(error: _InvalidPlan) -> InstanceResult:
    return InstanceResult(fault=Fault(kind=FailureKind.INVALID, message=str(error)))


def bound_of(objective: str) -> Mapping[str, float]:
    """What no program can beat: balance 1 with nothing moved; no CPU time at all."""
    return {BALANCE: {BALANCE: 1.0}, RELATIVE_CPU: {RELATIVE_CPU: 0.0}}[objective]
