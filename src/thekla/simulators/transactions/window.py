"""Transactions that arrive, wait in a window, and are committed one by one, for good.

`WindowedRun` is the simulation: the window holds the oldest that have arrived and are not committed, and whenever one
is committed the next arrives, as with a fixed number of clients that each wait for their transaction. `Scheduler` is
what a policy sees of it, on its own side of a wire; the text from the mark on runs in a guest as it is, after `views`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from .views import Operation, Schedule, Transaction, Workload

__all__ = ["PROBES_PER_PICK", "WINDOW", "Scheduler", "WindowedRun", "mispredicted", "smf_in_window"]

WINDOW = 20
"""Transactions that wait at a time."""

PROBES_PER_PICK = 10
"""Probes that each pick adds to what is left; those not used are kept."""


class WindowedRun:
    """Commits transactions in the order chosen, among those that have arrived.

    Args:
        workload: The transactions as they are, by arrival.
        hints: The transactions as they are announced, by arrival; equal to them if keys are known.
    """

    def __init__(self, workload: Workload, hints: Sequence[Transaction], *, size: int = WINDOW) -> None:
        self._workload = workload
        self._hints = hints
        self._size = size
        self._arrived = 0
        self.window: list[Transaction] = []
        self.schedule = Schedule()

    def arrivals(self) -> list[Transaction]:
        """Those that arrive now, as announced: as many as there is room for."""
        count = min(self._size - len(self.window), len(self._hints) - self._arrived)
        arriving = list(self._hints[self._arrived : self._arrived + count])
        self._arrived += count
        self.window += arriving
        return arriving

    def probe(self, id: int) -> int:
        """The slot in which a waiting transaction would start if it came next and were as announced.

        Raises:
            KeyError: It does not wait.
        """
        return self.schedule.start(self._waiting(id))

    def commit(self, id: int) -> int:
        """Place a waiting transaction, as it truly is; returns the slot in which it starts.

        Raises:
            KeyError: It does not wait.
        """
        self.window.remove(self._waiting(id))
        return self.schedule.append(self._workload.transactions[id])

    def _waiting(self, id: int) -> Transaction:
        for transaction in self.window:
            if transaction.id == id:
                return transaction
        raise KeyError(id)


def mispredicted(workload: Workload, share: float, rng: Random) -> tuple[Transaction, ...]:
    """The transactions with this share of their keys replaced by those of other operations of the workload.

    Positions and kinds of access stay, as a transaction's type gives them away. So of the keys that are announced, as
    many are wrong as of the true ones are missing.
    """
    keys = [operation.key for each in workload.transactions for operation in each.operations]
    return tuple(
        each._replace(
            operations=tuple(
                one._replace(key=rng.choice(keys)) if rng.random() < share else one for one in each.operations
            )
        )
        for each in workload.transactions
    )


def smf_in_window(workload: Workload, hints: Sequence[Transaction], *, sampled: int, rng: Random) -> int:
    """Makespan of shortest makespan first over the window, with so many probes per pick, in slots."""
    run = WindowedRun(workload, hints)
    run.arrivals()
    while run.window:
        drawn = rng.sample(run.window, min(sampled, len(run.window)))
        chosen = min(drawn, key=lambda each: max(run.schedule.makespan, run.probe(each.id) + each.length - 1))
        run.commit(chosen.id)
        run.arrivals()
    return run.schedule.makespan


# Guest: from here on.


class Scheduler:
    """What a policy sees, and where it may keep what it likes.

    Attributes:
        window: Transactions that wait, oldest first.
        makespan: The last slot in use so far.
        placed: How many are committed.
        last_start: Slot in which the one committed last started, 0 at first.
        probes_left: Probes that may still be used; ten more come with each pick.
    """

    def __init__(self, ask: Callable[..., Any]) -> None:
        self._ask = ask
        self.window: list[Transaction] = []
        self.makespan = 0
        self.placed = 0
        self.last_start = 0
        self.probes_left = 0

    def probe(self, transaction: Transaction) -> int:
        """The slot in which a waiting transaction would start if it came next and were as announced."""
        return self.probes([transaction])[0]

    def probes(self, transactions: Sequence[Transaction]) -> list[int]:
        """A probe of each, in one call.

        Raises:
            RuntimeError: There are more than `probes_left`.
        """
        if len(transactions) > self.probes_left:
            raise RuntimeError(f"{len(transactions)} probes asked for, {self.probes_left} left")
        self.probes_left -= len(transactions)
        starts: list[int] = self._ask("probes", [each.id for each in transactions])
        return starts


class PolicySession:
    """A policy on its own side of the wire: rebuilds what it sees from messages, and gives ids back."""

    def __init__(self, namespace: Mapping[str, Callable[..., Any]], ask: Callable[..., Any]) -> None:
        self._policy = namespace
        self._state = Scheduler(ask)
        self._waiting: list[Transaction] = []

    def start(self) -> None:
        """Let the policy prepare."""
        if "init" in self._policy:
            self._policy["init"](self._state)

    def pick(self, message: Mapping[str, Any]) -> int:
        """The id of the transaction to be committed, after the news of the message."""
        state = self._state
        state.makespan, state.placed = message["makespan"], message["placed"]
        state.last_start, state.probes_left = message["last_start"], message["probes_left"]
        for id, type, length, operations in message["arrived"]:
            transaction = Transaction(id, length, tuple(Operation(*each) for each in operations), type)
            self._waiting.append(transaction)
            state.window = self._waiting.copy()  # the policy may do with it what it likes
            if "arrive" in self._policy:
                self._policy["arrive"](state, transaction)
        state.window = self._waiting.copy()
        chosen = self._policy["pick"](state, self._waiting.copy())
        id = int(getattr(chosen, "id", chosen))
        self._waiting = [each for each in self._waiting if each.id != id]
        return id
