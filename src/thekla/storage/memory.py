"""A run that is kept in memory only, for tests and short use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256

from thekla.core.events import GENESIS, Event
from thekla.core.protocols import FactTable
from thekla.core.values import Data
from thekla.storage.rows import already_recorded, continue_chain, foreign_run, pack, unpack

__all__ = ["MemoryRun"]


class MemoryRun:
    """A run's journal, blobs and facts; what is read back is a copy, as from a file."""

    def __init__(self, run_id: str = "run") -> None:
        self.run_id = run_id
        self._events: list[Event] = []
        self._blobs: dict[str, bytes] = {}
        self._facts: dict[FactTable, dict[str, bytes]] = {"answer": {}, "evaluation": {}}

    def append(self, run_id: str, events: Sequence[Event]) -> None:
        """Add events, all or none.

        Raises:
            StorageError: They do not continue the chain; nothing is changed then.
        """
        self._refuse_other(run_id)
        chain = self._events[-1].chain if self._events else GENESIS
        new = continue_chain(run_id, events, count=len(self._events), chain=chain)
        self._events += [
            replace(event, data=unpack(text), volatile=unpack(pack(event.volatile))) for event, text in list(new)
        ]

    def events(self, run_id: str, *, after: int = -1) -> Iterator[Event]:
        """The events with `seq > after`, in order; those appended during the iteration come too."""
        self._refuse_other(run_id)
        while (after := after + 1) < len(self._events):
            event = self._events[after]
            yield replace(event, data=unpack(pack(event.data)), volatile=unpack(pack(event.volatile)))

    def put_blob(self, data: bytes) -> str:
        """Keep `data`; returns its SHA-256 in hexadecimal."""
        digest = sha256(data).hexdigest()
        self._blobs[digest] = data
        return digest

    def blob(self, digest: str) -> bytes:
        """The bytes with that digest.

        Raises:
            KeyError: There are none.
        """
        if digest not in self._blobs:
            raise KeyError(f"no blob {digest} in run {self.run_id}")
        return self._blobs[digest]

    def fact(self, table: FactTable, key: str) -> Mapping[str, Data] | None:
        """The fact of that key, None if there is none."""
        text = self._facts[table].get(key)
        return None if text is None else unpack(text)

    def facts(self, table: FactTable) -> Iterator[tuple[str, Mapping[str, Data]]]:
        """All facts of a table with their keys, in the order in which they were recorded."""
        for key, text in list(self._facts[table].items()):
            yield key, unpack(text)

    def record(self, table: FactTable, key: str, value: Mapping[str, Data], *, durable: bool) -> None:
        """Keep a fact, as long as the process lives.

        Raises:
            StorageError: The key has a fact already.
        """
        if key in self._facts[table]:
            raise already_recorded(self.run_id, table, key)
        self._facts[table][key] = pack(value)

    def _refuse_other(self, run_id: str) -> None:
        if run_id != self.run_id:
            raise foreign_run(run_id, self.run_id)
