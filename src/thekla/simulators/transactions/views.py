"""Transactions, schedules, and the kernel that evaluates orders in bulk: what a program of the problems sees.

Also the guest's copy: this text runs there as it is, so it imports the standard library only, and numpy when the
kernel is first used.

**The model.** A transaction of length L takes L slots in a row; its operation at position p runs in slot
start + p - 1. Transactions are placed in the given order, each at the first start, 1 at the least, at which every one
of its writes comes after all accesses of the key so far and every read after all writes of the key so far. A free
stretch further back may be taken by a later transaction. The makespan is the last slot in use (Cheng et al. 2024,
"Towards Optimal Transaction Scheduling", VLDB; the public evaluators' `get_opt_seq_cost`).

**The kernel.** Let ``delay[i, j]`` be the largest p - q + 1 over the conflicting operations at p in i and q in j, and
minus infinity if there is none. Then ``start[j] = max(1, max over i before j of start[i] + delay[i, j])``: the times of
a key never go back, so the largest demand of all predecessors is that of the last ones. Orders are thus evaluated by
adding and maximising whole rows, for many orders at once. The makespan is the longest path through a graph without
cycles, so one pass forwards and one backwards give it for *all* places at which one transaction may be inserted.
Transactions with equal operations and lengths are of one kind and share a row and a column.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Integers = NDArray[np.integer[Any]]

__all__ = ["Operation", "Schedule", "Transaction", "Workload"]

_SHORT_HORIZON = 15_000  # slots that 16 bits hold together with `_NEVER_SHORT`
_NEVER_SHORT = -16_000
_NEVER = -(2**30)
_CHUNK = 1024  # orders per pass; 256 to 1024 were equally fast, smaller ones slower
_LONG_CHUNK = 2048  # with the table of shifted rows, whose steps are shorter
_TABLE = 2**23  # numbers in that table at most, 16 MB: only rows in use are read, which must stay in the cache


class Operation(NamedTuple):
    """An access to one key in one slot.

    Args:
        position: Slot within the transaction, from 1.
    """

    key: str
    position: int
    is_write: bool


class Transaction(NamedTuple):
    """Operations at fixed positions of a stretch of slots.

    Args:
        id: Its number, which is its place in the workload.
        length: Slots that it takes; positions without an operation touch no data.
        operations: By position; a key may occur more than once.
        type: What the application calls it, as in `payment`; may be empty.
    """

    id: int
    length: int
    operations: tuple[Operation, ...]
    type: str = ""


class Schedule:
    """Transactions placed so far, in their order; placing one more costs time linear in its operations."""

    def __init__(self) -> None:
        self.sequence: list[Transaction] = []
        self.makespan = 0
        self._read_from: dict[str, int] = {}  # first slot after the last write, by key
        self._write_from: dict[str, int] = {}  # first slot after the last access, by key

    def start(self, transaction: Transaction) -> int:
        """The slot in which the transaction would start if it came next, at least 1."""
        start = 1
        for key, position, is_write in transaction.operations:
            free = (self._write_from if is_write else self._read_from).get(key, 0)
            if free - position >= start:
                start = free - position + 1
        return start

    def probe(self, transaction: Transaction) -> int:
        """The makespan in slots if the transaction came next."""
        return max(self.makespan, self.start(transaction) + transaction.length - 1)

    def append(self, transaction: Transaction) -> int:
        """Place the transaction next; returns the slot in which it starts."""
        start = self.start(transaction)
        for key, position, is_write in transaction.operations:
            after = start + position
            if is_write:
                self._read_from[key] = max(after, self._read_from.get(key, 0))
            self._write_from[key] = max(after, self._write_from.get(key, 0))
        self.makespan = max(self.makespan, start + transaction.length - 1)
        self.sequence.append(transaction)
        return start

    def copy(self) -> Schedule:
        """An independent schedule that begins alike."""
        other = Schedule()
        other.sequence = self.sequence.copy()
        other.makespan = self.makespan
        other._read_from = self._read_from.copy()
        other._write_from = self._write_from.copy()
        return other


class Workload:
    """Transactions to be put into an order, and what orders cost.

    Orders of transactions are lists; the methods in bulk take and give numpy arrays of transaction ids.

    Args:
        transactions: By id, from 0.

    Raises:
        ValueError: An id is not its place, or a position lies outside its transaction.
    """

    def __init__(self, transactions: Iterable[Transaction]) -> None:
        self.transactions = tuple(transactions)
        for place, transaction in enumerate(self.transactions):
            if transaction.id != place:
                raise ValueError(f"transaction {transaction.id} is at place {place}; ids count from 0 in order")
            if any(not 1 <= operation.position <= transaction.length for operation in transaction.operations):
                raise ValueError(f"transaction {place} has an operation outside its {transaction.length} slots")

    def schedule(self) -> Schedule:
        """An empty schedule."""
        return Schedule()

    def starts(self, sequence: Sequence[Transaction]) -> list[int]:
        """The slots in which all or some transactions start, in that order; 0.15 ms for 100 transactions."""
        import numpy as np

        waits = np.ones(len(self._kind_delays), dtype=self._dtype)
        demands = np.empty_like(waits)
        starts = []
        for kind in self._kinds[[transaction.id for transaction in sequence]].tolist():
            start = int(waits[kind])
            starts.append(start)
            np.add(self._rows[kind], start, out=demands)
            np.maximum(waits, demands, out=waits)
        return starts

    def cost(self, sequence: Sequence[Transaction]) -> int:
        """The makespan in slots of all or some transactions, in that order; 0.15 ms for 100 transactions."""
        ends = (start + each.length - 1 for start, each in zip(self.starts(sequence), sequence, strict=True))
        return max(ends, default=0)

    def costs(self, sequences: Integers | Sequence[Sequence[int]]) -> Integers:
        """The makespans in slots of many orders of equal length.

        Args:
            sequences: One order of ids per row; an id occurs in a row at most once.

        Returns:
            One makespan per row; 2 to 7 us per order of 100 transactions in batches of 2,000 or more.

        Raises:
            IndexError: There is no transaction of some id.
        """
        import numpy as np

        orders = np.asarray(sequences, dtype=np.intp)
        if orders.size and orders.view(np.uintp).max() >= len(self.transactions):  # as unsigned, -1 is large
            raise IndexError(f"an order holds an id outside 0 to {len(self.transactions) - 1}")
        chunk, ends_of = (_CHUNK, self._ends_of) if self._shifted is None else (_LONG_CHUNK, self._ends_by_table)
        parts = [ends_of(orders[first : first + chunk]) for first in range(0, len(orders), chunk)]
        return np.concatenate([*parts, self.lengths[:0]])

    def insertion_costs(self, sequence: Sequence[Transaction], transaction: Transaction) -> list[int]:
        """The makespans in slots with the transaction at place 0, 1, ... or last in the sequence, which lacks it."""
        import numpy as np

        rest = np.array([each.id for each in sequence], dtype=np.intp).reshape(-1, 1)
        costs, _, _ = self._insertions(rest, np.array([transaction.id]))
        return [int(cost) for cost in costs[:, 0]]

    def move_costs(self, sequences: Integers, places: Integers) -> tuple[Integers, Integers, Integers]:
        """The makespans of all orders that differ from the given ones by the place of one transaction.

        Exact, and about as fast as evaluating two orders.

        Args:
            sequences: One order of ids per column.
            places: In each order, the place of the transaction to be moved.

        Returns:
            Three arrays with one column per order. `costs[b]`: the makespan once the transaction is at place b.
            `through[b]`: the longest chain of conflicts through it there, at most the makespan; the lower, the more
            slack is left. `others[t]`: the longest chain through the t-th of the other transactions, without it.
        """
        import numpy as np

        columns = np.arange(sequences.shape[1])
        kept = np.arange(len(sequences) - 1)[:, None]
        rest = np.take_along_axis(sequences, kept + (kept >= places), 0)
        return self._insertions(rest, sequences[places, columns])

    @cached_property
    def lengths(self) -> Integers:
        """The length in slots of each transaction."""
        import numpy as np

        return np.array([transaction.length for transaction in self.transactions], dtype=self._dtype)

    @cached_property
    def delays(self) -> Integers:
        """By how many slots transaction j starts after transaction i at the least if i comes first, as `delays[i, j]`.

        It may be negative; where the two do not conflict, it is below minus the sum of all lengths.
        """
        import numpy as np

        delays: Integers = self._kind_delays[np.ix_(self._kinds, self._kinds)]
        return delays

    @cached_property
    def _kinds(self) -> Integers:
        """The kind of each transaction, from 0."""
        import numpy as np

        numbers: dict[tuple[object, ...], int] = {}
        kinds = [numbers.setdefault((each.length, each.operations), len(numbers)) for each in self.transactions]
        return np.array(kinds, dtype=np.intp)

    @cached_property
    def _kind_delays(self) -> Integers:
        """The delays from a transaction of one kind to a transaction of another or the same kind."""
        import numpy as np

        count = int(self._kinds.max(initial=-1)) + 1
        never = _NEVER_SHORT if self._dtype == "int16" else _NEVER
        delays = np.full((count, count), never, dtype=self._dtype)
        for rows in self._accesses().values():
            kinds, first, first_write, last, last_write = np.array(rows, dtype=np.int64).T
            demand = 1 + np.maximum(
                last_write[:, None] - first[None, :],  # whatever j does, it comes after what i writes
                last[:, None] - first_write[None, :],  # what j writes comes after whatever i does
            )
            block = np.ix_(kinds, kinds)
            delays[block] = np.maximum(delays[block], np.maximum(demand, never))
        return delays

    @cached_property
    def _dtype(self) -> str:
        return "int16" if sum(transaction.length for transaction in self.transactions) < _SHORT_HORIZON else "int32"

    def _accesses(self) -> dict[str, list[list[int]]]:
        """By key, each kind that accesses it: its number, first access, first write, last access, last write."""
        table: dict[str, dict[int, list[int]]] = {}
        for kind, transaction in zip(self._kinds.tolist(), self.transactions, strict=True):
            for key, position, is_write in transaction.operations:
                row = table.setdefault(key, {}).setdefault(kind, [kind, -_NEVER, -_NEVER, _NEVER, _NEVER])
                row[1], row[3] = min(row[1], position), max(row[3], position)
                if is_write:
                    row[2], row[4] = min(row[2], position), max(row[4], position)
        return {key: list(rows.values()) for key, rows in table.items()}

    @cached_property
    def _rows(self) -> list[Integers]:
        return list(self._kind_delays)

    @cached_property
    def _both_ways(self) -> Integers:
        """The delays of kinds, and below them those of the reversed problem."""
        import numpy as np

        return np.concatenate([self._kind_delays, self._kind_delays.T])

    @cached_property
    def _shifted(self) -> Integers | None:
        """What each kind has to wait for, and where all end, once one of a kind starts in some slot: one row per kind
        and slot. None where kinds and slots are many."""
        import numpy as np

        kinds, slots = len(self._kind_delays), int(self.lengths.sum()) + 1
        if kinds * slots * (kinds + 1) > _TABLE:
            return None
        table = np.empty((kinds, slots, kinds + 1), dtype=self._dtype)
        table[:, :, :kinds] = self._kind_delays[:, None, :]
        table[self._kinds, :, kinds] = self.lengths[:, None] - 1
        table += np.arange(slots, dtype=self._dtype)[:, None]
        return table

    def _ends_by_table(self, orders: Integers) -> Integers:
        """Makespans of orders in rows, where rows of delays need not be shifted, but only looked up."""
        import numpy as np

        table = self._shifted
        assert table is not None
        kinds, slots, width = table.shape
        rows = table.reshape(-1, width)
        drawn = np.ascontiguousarray(self._kinds.astype(np.int16).take(orders, mode="clip").T)
        waits = np.ones((len(orders), width), dtype=self._dtype)
        waits[:, kinds] = 0
        flat = waits.reshape(-1)
        demands = np.empty_like(waits)
        start = np.empty(len(orders), dtype=self._dtype)
        columns = np.arange(len(orders)) * width
        places = np.empty_like(columns)
        for kind in drawn:
            np.add(columns, kind, out=places)
            flat.take(places, out=start, mode="clip")  # clip: not checked, and so not copied first
            np.multiply(kind, slots, out=places, dtype=np.intp)
            places += start
            rows.take(places, axis=0, out=demands, mode="clip")
            np.maximum(waits, demands, out=waits)
        return waits[:, kinds].copy()

    def _ends_of(self, orders: Integers) -> Integers:
        """Makespans of orders in rows."""
        import numpy as np

        kinds = self._kinds[orders.T]
        starts = self._follow(self._kind_delays, kinds, kinds, np.ones(len(self._kind_delays), dtype=self._dtype))
        ends: Integers = (starts + self.lengths[orders.T]).max(axis=0, initial=1) - 1
        return ends

    def _insertions(self, rest: Integers, moved: Integers) -> tuple[Integers, Integers, Integers]:
        """See `move_costs`: orders without one transaction in columns, and that transaction's ids."""
        import numpy as np

        count, width = rest.shape
        size = len(self._kind_delays)
        # One pass over twice the columns: forwards for heads (the earliest start), backwards for tails (slots from the
        # start to the end of the longest chain that follows).
        kinds = self._kinds[np.concatenate([rest, rest[::-1]], axis=1)]
        rows = kinds.copy()
        rows[:, width:] += size
        initial = np.empty((2 * width, size), dtype=self._dtype)
        initial[:width] = 1
        initial[width:, self._kinds] = self.lengths
        reached = self._follow(self._both_ways, rows, kinds, initial)
        heads, tails = reached[:, :width], reached[::-1, width:]
        head = np.ones((count + 1, width), dtype=self._dtype)
        tail = np.broadcast_to(self.lengths[moved], (count + 1, width)).copy()
        if count:
            kind = self._kinds[moved]
            demand = heads + self._kind_delays[kinds[:, :width], kind]
            head[1:] = np.maximum(1, np.maximum.accumulate(demand, axis=0))
            demand = tails + self._kind_delays[kind, kinds[:, :width]]
            np.maximum(tail[:-1], np.maximum.accumulate(demand[::-1], axis=0)[::-1], out=tail[:-1])
        others = heads + tails - 1
        through = head + tail - 1
        return np.maximum(through, others.max(axis=0, initial=0)), through, others

    def _follow(self, delays: Integers, rows: Integers, kinds: Integers, initial: Integers) -> Integers:
        """Starts along orders in columns: the only loop of the kernel, one step per place.

        Args:
            rows: The row of `delays` that each place adds.
            kinds: The kind of transaction at each place.
            initial: What each kind has to wait for at first, per column or for all.
        """
        import numpy as np

        count, width = kinds.shape
        waits = np.empty((width, delays.shape[1]), dtype=self._dtype)
        waits[:] = initial
        flat = waits.reshape(-1)
        cells = kinds + np.arange(width) * delays.shape[1]
        starts = np.empty((count, width), dtype=self._dtype)
        demands = np.empty_like(waits)
        for place in range(count):
            start = starts[place]
            flat.take(cells[place], out=start, mode="clip")  # clip: not checked, and so not copied first
            delays.take(rows[place], axis=0, out=demands, mode="clip")
            np.add(demands, start[:, None], out=demands)
            np.maximum(waits, demands, out=waits)
        return starts
