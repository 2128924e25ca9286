"""Run files to try things on, and what must hold of any of them."""

from __future__ import annotations

from pathlib import Path
from random import Random

from thekla.core.events import Event
from thekla.storage import RunFile
from thekla.testing.stores import chained_events

RUN = "toy-20260101-000000-aaaa"


def blob_of(number: int) -> bytes:
    """The blob that event `number` may name; every seventh needs overflow pages."""
    return Random(number).randbytes(9000 if number % 7 == 3 else 200)


def answer_of(number: int) -> dict[str, str]:
    return {"text": "x" * (number * 37 % 900)}


def fill(run: RunFile, events: list[Event]) -> None:
    """Write events one by one, each after the blob it may name and the facts it rests on."""
    for event in events:
        run.put_blob(blob_of(event.seq))
        run.record("answer", f"a{event.seq}", answer_of(event.seq), durable=True)
        run.record("evaluation", f"e{event.seq}", {"number": event.seq}, durable=False)
        run.append(run.run_id, [event])


def make_run(folder: Path, count: int) -> Path:
    """A closed run of `count` events."""
    path = folder / f"{RUN}.thekla"
    with RunFile.create(path, RUN) as run:
        fill(run, chained_events(count))
    return path


def assert_consistent(run: RunFile, count: int) -> int:
    """Everything in `run` is what `fill` writes, without a hole; returns the number of events."""
    kept = list(run.events(RUN))
    assert kept == chained_events(count)[: len(kept)]
    for event in kept:
        blob = blob_of(event.seq)
        assert run.blob(run.put_blob(blob)) == blob
    for key, value in run.facts("answer"):
        assert value == answer_of(int(key[1:]))
    for key, value in run.facts("evaluation"):
        assert value == {"number": int(key[1:])}
    return len(kept)
