"""The journal's unit: a recorded fact in a hash chain.

The canonical part (`kind`, `data`) is hashed; the volatile part (wall time, CPU, memory, process ids) is not, so
that two runs of equal seed have equal chains. Every claim of equality is equality of the chain.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from thekla.core.values import Data, canonical

__all__ = ["GENESIS", "Event", "EventKind", "chain_digest", "link_digest", "next_event", "verify_chain"]

GENESIS = "0" * 64


class EventKind(StrEnum):
    """The facts that a run records."""

    STARTED = "started"  # problem, components, seed, budget
    STEERED = "steered"  # what people decided: hints, notes, pins, bans, a pause, a program of their own
    ASKED = "asked"  # a ticket
    ANSWERED = "answered"  # a proposal; its raw answer was recorded before
    QUARANTINED = "quarantined"  # a score better than a proven bound; the outcome that follows holds none
    TOLD = "told"  # an outcome, as the strategy hears it
    STOPPING = "stopping"  # why no more is asked
    FROZEN = "frozen"  # the finalists, before validation and hold-out
    JUDGED = "judged"  # a finalist or baseline on a split, after the search
    HOLDOUT_OPENED = "holdout_opened"  # the instances drawn, and the key they were drawn with
    CLOSED = "closed"  # the winner


@dataclass(frozen=True, kw_only=True)
class Event:
    """One recorded fact.

    Args:
        seq: 0, 1, 2, ... within the run.
        chain: Hash over the previous event's `chain`, the kind and the data.
        volatile: What may differ between equal runs; `at_s` is the time it was written (Unix, seconds).
    """

    seq: int
    kind: EventKind
    data: Mapping[str, Data]
    chain: str
    volatile: Mapping[str, Data] = field(default_factory=dict, compare=False)

    @property
    def elapsed_s(self) -> float:
        """Wall time that had been spent on the run, over all its sessions; 0 if that was not noted."""
        elapsed = self.volatile.get("elapsed_s", 0.0)
        return float(elapsed) if isinstance(elapsed, int | float) else 0.0


def chain_digest(previous: str, kind: EventKind, data: Mapping[str, Data]) -> str:
    """The link that follows `previous`."""
    return link_digest(previous, kind, canonical(data))


def link_digest(previous: str, kind: str, text: bytes) -> str:
    """The link that follows `previous`, from the canonical text of the data."""
    return hashlib.sha256(previous.encode() + b"\n" + kind.encode() + b"\n" + text).hexdigest()


def next_event(
    previous: Event | None, kind: EventKind, data: Mapping[str, Data], volatile: Mapping[str, Data] | None = None
) -> Event:
    """The event that follows `previous` (None: the first one)."""
    return Event(
        seq=0 if previous is None else previous.seq + 1,
        kind=kind,
        data=data,
        chain=chain_digest(GENESIS if previous is None else previous.chain, kind, data),
        volatile=volatile or {},
    )


def verify_chain(events: Iterable[Event]) -> int:
    """The number of events, from the first on, that are in order and whose hashes agree."""
    good, link = 0, GENESIS
    for event in events:
        if event.seq != good or event.chain != chain_digest(link, event.kind, event.data):
            break
        good, link = good + 1, event.chain
    return good
