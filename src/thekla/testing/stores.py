"""What every store of a run must keep: subclass a suite and say how a store is made."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence

import pytest

from thekla.core.errors import StorageError
from thekla.core.events import Event, EventKind, next_event
from thekla.core.protocols import BlobStore, Facts, FactTable, RunStore
from thekla.core.values import Data

__all__ = ["BlobStoreConformance", "FactsConformance", "RunStoreConformance", "chained_events"]

RUN = "toy-20260101-000000-aaaa"

_AWKWARD: dict[str, Data] = {
    "none": None,
    "flags": [True, False],
    "numbers": [0, -1, 2**63, 1e-300, 0.1],
    "text": "naïve \u2028 \0 \ud800 <script>",
    "nested": {"b": {"a": []}, "a": {}},
}


def chained_events(count: int, *, kind: EventKind = EventKind.TOLD) -> list[Event]:
    """The first `count` events of a run, each with some data and a volatile part."""
    events: list[Event] = []
    for number in range(count):
        previous = events[-1] if events else None
        data: dict[str, Data] = {"ticket": f"t{number}", "payload": _AWKWARD, "number": number}
        events.append(next_event(previous, kind, data, {"at_s": 1.5 * number, "host": "a"}))
    return events


class RunStoreConformance(ABC):
    """The promises of `RunStore`."""

    @abstractmethod
    def make_store(self, run_id: str) -> RunStore:
        """An empty store of that run."""

    @pytest.fixture
    def store(self) -> RunStore:
        """The store under test."""
        return self.make_store(RUN)

    def test_new_run_has_no_events(self, store: RunStore) -> None:
        assert list(store.events(RUN)) == []

    def test_events_are_read_as_they_were_appended(self, store: RunStore) -> None:
        events = chained_events(7)
        store.append(RUN, events[:1])
        store.append(RUN, events[1:4])
        store.append(RUN, [])
        store.append(RUN, events[4:])
        found = list(store.events(RUN))
        assert found == events
        assert [event.volatile for event in found] == [event.volatile for event in events]

    @pytest.mark.parametrize("after", [-1, 0, 3, 5, 6, 99])
    def test_events_after_a_number_are_the_later_ones(self, store: RunStore, after: int) -> None:
        events = chained_events(7)
        store.append(RUN, events)
        assert list(store.events(RUN, after=after)) == events[after + 1 :]

    def test_thousand_events_come_back_in_order(self, store: RunStore) -> None:
        events = chained_events(1000)
        store.append(RUN, events)
        assert list(store.events(RUN)) == events

    @pytest.mark.parametrize("wrong", ["gap", "repeat", "hash", "data", "batch"])
    def test_events_that_break_the_chain_are_refused_and_change_nothing(self, store: RunStore, wrong: str) -> None:
        events = chained_events(6)
        store.append(RUN, events[:3])
        forged = Event(seq=3, kind=EventKind.TOLD, data={}, chain="f" * 64)
        refused: dict[str, Sequence[Event]] = {
            "gap": events[4:],
            "repeat": events[2:3],
            "hash": [forged],
            "data": [Event(seq=3, kind=EventKind.TOLD, data={"ticket": "other"}, chain=events[3].chain)],
            "batch": [events[3], forged],
        }
        with pytest.raises(StorageError):
            store.append(RUN, refused[wrong])
        assert list(store.events(RUN)) == events[:3]
        store.append(RUN, events[3:])
        assert list(store.events(RUN)) == events

    def test_other_run_is_refused(self, store: RunStore) -> None:
        with pytest.raises(StorageError, match="other"):
            store.append("other", chained_events(1))
        with pytest.raises(StorageError, match="other"):
            list(store.events("other"))


class BlobStoreConformance(ABC):
    """The promises of `BlobStore`."""

    @abstractmethod
    def make_store(self, run_id: str) -> BlobStore:
        """An empty store of that run."""

    @pytest.fixture
    def store(self) -> BlobStore:
        """The store under test."""
        return self.make_store(RUN)

    @pytest.mark.parametrize("data", [b"", b"\0", b"x" * 100_000, bytes(range(256)) * 40, b"def f(): ...\n"])
    def test_blob_is_read_as_it_was_put(self, store: BlobStore, data: bytes) -> None:
        digest = store.put_blob(data)
        assert digest == hashlib.sha256(data).hexdigest()
        assert store.blob(digest) == data

    def test_equal_blobs_are_one(self, store: BlobStore) -> None:
        assert store.put_blob(b"same") == store.put_blob(b"same")
        assert store.blob(store.put_blob(b"same")) == b"same"

    def test_missing_blob_is_a_key_error(self, store: BlobStore) -> None:
        with pytest.raises(KeyError):
            store.blob("0" * 64)


class FactsConformance(ABC):
    """The promises of `Facts`."""

    @abstractmethod
    def make_store(self, run_id: str) -> Facts:
        """An empty store of that run."""

    @pytest.fixture
    def store(self) -> Facts:
        """The store under test."""
        return self.make_store(RUN)

    @pytest.mark.parametrize("durable", [True, False])
    @pytest.mark.parametrize("table", ["answer", "evaluation"])
    def test_fact_is_read_as_it_was_recorded(self, store: Facts, table: FactTable, durable: bool) -> None:
        assert store.fact(table, "key") is None
        store.record(table, "key", _AWKWARD, durable=durable)
        assert store.fact(table, "key") == _AWKWARD

    def test_tables_do_not_mix(self, store: Facts) -> None:
        store.record("answer", "key", {"is": "answer"}, durable=False)
        assert store.fact("evaluation", "key") is None
        store.record("evaluation", "key", {"is": "evaluation"}, durable=False)
        assert store.fact("answer", "key") == {"is": "answer"}

    def test_fact_is_recorded_once(self, store: Facts) -> None:
        store.record("answer", "key", {"is": 1}, durable=True)
        with pytest.raises(StorageError, match="key"):
            store.record("answer", "key", {"is": 2}, durable=False)
        assert store.fact("answer", "key") == {"is": 1}
        store.record("answer", "other", {"is": 3}, durable=True)
        assert store.fact("answer", "other") == {"is": 3}
