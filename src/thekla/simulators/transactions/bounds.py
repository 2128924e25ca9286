"""Makespans that no order of a workload can beat.

**Slots of a key.** Two transactions that write a key never overlap between their first access and their last write of
it: whoever comes second accesses it after what the first has written. So they are jobs on one machine: the head is the
slots before that stretch, the tail those after it. Likewise all writes of a key are jobs of one slot each, together
with one of the reads by a transaction that does not write it. If jobs may be interrupted, serving the longest tail
among those available is optimal (Jackson 1955; Carlier 1982), and without interruptions nothing gets shorter.

**Cliques.** If two transactions must start at different slots whichever comes first, the starts of a set of pairwise
such transactions are all different: size - 1 slots and the shortest of them.

**The longest transaction** fits in no less than its length.

CP-SAT proves more where it has the time: see `solver_bound`.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

from .views import Operation, Transaction, Workload

__all__ = ["clique_bound", "makespan_bound", "slot_bound", "solver_bound"]

_MOST_TRIED = 150  # members of cliques after which no further clique is grown


def makespan_bound(workload: Workload) -> int:
    """The best of the bounds that need no solver, in slots."""
    longest = max((transaction.length for transaction in workload.transactions), default=0)
    return max(longest, slot_bound(workload), clique_bound(workload))


def slot_bound(workload: Workload) -> int:
    """The largest makespan that the accesses of one key demand, in slots."""
    stretches: dict[str, list[_Job]] = {}
    writes: dict[str, list[_Job]] = {}
    reads: dict[str, set[_Job]] = {}
    for transaction in workload.transactions:
        for key, accesses in _by_key(transaction).items():
            first, last_write = (
                accesses[0].position,
                max((each.position for each in accesses if each.is_write), default=0),
            )
            if last_write:
                stretch = _Job(first - 1, last_write - first + 1, transaction.length - last_write)
                stretches.setdefault(key, []).append(stretch)
            for _, position, is_write in accesses:
                job = _Job(position - 1, 1, transaction.length - position)
                if is_write:
                    writes.setdefault(key, []).append(job)
                elif not last_write:
                    reads.setdefault(key, set()).add(job)
    best = max((_preemptive(jobs) for jobs in stretches.values()), default=0)
    for key, jobs in writes.items():
        best = max(best, _preemptive(jobs), *(_preemptive([*jobs, read]) for read in reads.get(key, ())))
    return best


class _Job(NamedTuple):
    """Slots before, during and after its use of the machine."""

    head: int
    use: int
    tail: int


def _by_key(transaction: Transaction) -> Mapping[str, list[Operation]]:
    """The accesses of each key by position."""
    accesses: dict[str, list[Operation]] = {}
    for operation in sorted(transaction.operations, key=lambda each: each.position):
        accesses.setdefault(operation.key, []).append(operation)
    return accesses


def _preemptive(jobs: Sequence[_Job]) -> int:
    """The least makespan of jobs on one machine that may interrupt them."""
    coming = sorted(jobs)
    available: list[tuple[int, int]] = []  # tail (negative: the longest first) and slots still to be used
    slot, end, following = 0, 0, 0
    while following < len(coming) or available:
        if not available:
            slot = max(slot, coming[following].head)
        while following < len(coming) and coming[following].head <= slot:
            heapq.heappush(available, (-coming[following].tail, coming[following].use))
            following += 1
        tail, use = heapq.heappop(available)
        until = coming[following].head if following < len(coming) else slot + use
        served = min(use, until - slot)
        slot += served
        if served < use:
            heapq.heappush(available, (tail, use - served))
        else:
            end = max(end, slot - tail)
    return end


def clique_bound(workload: Workload) -> int:
    """The largest size - 1 of a greedy clique of transactions that cannot share a start, and the shortest of it."""
    rivals = _rivals(workload.transactions)
    best, tried = 0, 0
    for first in sorted(range(len(rivals)), key=lambda each: -rivals[each].bit_count()):
        if tried >> first & 1:
            continue
        clique, rest = [first], rivals[first]
        while rest:
            following = max(_members(rest), key=lambda each: (rivals[each] & rest).bit_count())
            clique.append(following)
            rest &= rivals[following]
        tried |= sum(1 << each for each in clique)
        best = max(best, len(clique) - 1 + min(workload.transactions[each].length for each in clique))
        if tried.bit_count() > _MOST_TRIED:
            break
    return best


def _members(bits: int) -> Iterator[int]:
    while bits:
        low = bits & -bits
        yield low.bit_length() - 1
        bits ^= low


def _rivals(transactions: Sequence[Transaction]) -> list[int]:
    """By transaction, as a set of bits, those that it cannot share a start with.

    With a common start, a conflict at positions p of one and q of the other puts the one after the other if p <= q and
    the other after the one if q <= p. If the two have conflicts of both kinds, neither can come first.
    """
    # By key and position, who accesses or writes the key there.
    accessing: dict[str, dict[int, tuple[int, int]]] = {}
    for transaction in transactions:
        for key, position, is_write in transaction.operations:
            at = accessing.setdefault(key, {})
            anyone, writers = at.get(position, (0, 0))
            bit = 1 << transaction.id
            at[position] = (anyone | bit, writers | bit if is_write else writers)
    no_later, no_earlier = _accumulated(accessing)
    rivals = []
    for transaction in transactions:
        ahead = behind = 0
        for key, position, is_write in transaction.operations:
            kind = 0 if is_write else 1
            ahead |= no_later[key, position][kind]
            behind |= no_earlier[key, position][kind]
        rivals.append(ahead & behind & ~(1 << transaction.id))
    return rivals


_Sets = Mapping[tuple[str, int], tuple[int, int]]


def _accumulated(accessing: Mapping[str, Mapping[int, tuple[int, int]]]) -> tuple[_Sets, _Sets]:
    """By key and position, who accesses or writes the key there or before, and there or after."""
    no_later: dict[tuple[str, int], tuple[int, int]] = {}
    no_earlier: dict[tuple[str, int], tuple[int, int]] = {}
    for key, at in accessing.items():
        for found, positions in ((no_later, sorted(at)), (no_earlier, sorted(at, reverse=True))):
            anyone = writers = 0
            for position in positions:
                anyone |= at[position][0]
                writers |= at[position][1]
                found[key, position] = (anyone, writers)
    return no_later, no_earlier


def solver_bound(workload: Workload, *, deterministic_s: float, best_known: int) -> int:
    """What CP-SAT can prove: an order per conflicting pair, the delay that it demands, and a slot per write of a key.

    Whether the orders fit together into one sequence is left out, which only lowers the bound.

    Args:
        deterministic_s: Effort in the solver's own units, near seconds; equal effort gives equal bounds.
        best_known: A makespan in slots that some order reaches; larger values only slow the solver down.

    Raises:
        ModuleNotFoundError: OR-Tools is not installed.
    """
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    starts = [
        model.new_int_var(1, best_known - transaction.length + 1, f"start {transaction.id}")
        for transaction in workload.transactions
    ]
    makespan = model.new_int_var(makespan_bound(workload), best_known, "makespan")
    for transaction, start in zip(workload.transactions, starts, strict=True):
        model.add(makespan >= start + transaction.length - 1)
    delays = workload.delays.tolist()
    for one, two in combinations(range(len(starts)), 2):
        if delays[one][two] > -best_known or delays[two][one] > -best_known:
            first = model.new_bool_var(f"{one} before {two}")
            model.add(starts[two] >= starts[one] + delays[one][two]).only_enforce_if(first)
            model.add(starts[one] >= starts[two] + delays[two][one]).only_enforce_if(~first)
    writes: dict[str, list[cp_model.IntervalVar]] = {}
    for transaction, start in zip(workload.transactions, starts, strict=True):
        for key, position, is_write in transaction.operations:
            if is_write:
                interval = model.new_fixed_size_interval_var(start + (position - 1), 1, f"{transaction.id} {key}")
                writes.setdefault(key, []).append(interval)
    for intervals in writes.values():
        model.add_no_overlap(intervals)
    model.minimize(makespan)
    solver = cp_model.CpSolver()
    solver.parameters.max_deterministic_time = deterministic_s
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = 0
    solver.solve(model)
    return max(makespan_bound(workload), math.ceil(solver.best_objective_bound - 1e-6))
