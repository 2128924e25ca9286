"""Makespans that no order of a workload can beat.

**Slots of a key.** Writes of a key need a slot each, and no read shares a slot with a write. An operation at position p
of a transaction of length L runs in slot p at the earliest, and L - p slots follow it. So the writes of a key, and one
of its reads by a transaction that does not write it, are unit jobs with heads p - 1 and tails L - p on one machine, for
which serving the longest tail first among those available is optimal (Jackson 1955; Horn 1974).

**Cliques.** If two transactions must start at different slots whichever comes first, the starts of a set of pairwise
such transactions are all different: size - 1 slots and the shortest of them.

**The longest transaction** fits in no less than its length.

CP-SAT proves more where it has the time: see `solver_bound`.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations

from .views import Transaction, Workload

__all__ = ["clique_bound", "makespan_bound", "slot_bound", "solver_bound"]

_MOST_TRIED = 150  # members of cliques after which no further clique is grown


def makespan_bound(workload: Workload) -> int:
    """The best of the bounds that need no solver, in slots."""
    longest = max((transaction.length for transaction in workload.transactions), default=0)
    return max(longest, slot_bound(workload), clique_bound(workload))


def slot_bound(workload: Workload) -> int:
    """The largest makespan that the accesses of one key demand, in slots."""
    writes: dict[str, list[tuple[int, int]]] = {}
    reads: dict[str, list[tuple[int, int]]] = {}
    for transaction in workload.transactions:
        written = {operation.key for operation in transaction.operations if operation.is_write}
        for key, position, is_write in transaction.operations:
            if is_write:
                writes.setdefault(key, []).append((position - 1, transaction.length - position))
            elif key not in written:
                reads.setdefault(key, []).append((position - 1, transaction.length - position))
    return max((_unit_jobs(jobs, reads.get(key, ())) for key, jobs in writes.items()), default=0)


def _unit_jobs(jobs: list[tuple[int, int]], one_of: Iterable[tuple[int, int]]) -> int:
    """The least makespan of unit jobs (head, tail) on one machine, with the most demanding one of some others."""
    return max([_jackson(jobs), *(_jackson([*jobs, other]) for other in set(one_of))])


def _jackson(jobs: list[tuple[int, int]]) -> int:
    waiting = sorted(jobs)
    available: list[int] = []
    slot, end, following = 0, 0, 0
    while following < len(waiting) or available:
        if not available:
            slot = max(slot, waiting[following][0])
        while following < len(waiting) and waiting[following][0] <= slot:
            heapq.heappush(available, -waiting[following][1])
            following += 1
        slot += 1
        end = max(end, slot - heapq.heappop(available))
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
