"""Starts writers of a run that say what they have written, until they are killed (see test_kill.py).

Each line of standard input is the path of a run file. It is answered by the process id of a new writer, then by what
that writer says, then by `ended`. The writers are forked, so that one of them costs milliseconds to start.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from thekla.core.events import Event
from thekla.core.protocols import FactTable
from thekla.storage import RunFile
from thekla.testing.stores import chained_events

TABLES: tuple[FactTable, ...] = ("answer", "evaluation")


def main() -> None:
    run_id, events = sys.argv[1], chained_events(int(sys.argv[2]))
    with TemporaryDirectory() as folder:  # loads and compiles all there is, once for all writers
        write(Path(folder) / "run.thekla", run_id, events[:1])
    for line in sys.stdin:
        writer = os.fork()
        if writer == 0:
            say(str(os.getpid()))
            write(Path(line.strip()), run_id, events, say)
            os._exit(0)
        os.waitpid(writer, 0)
        say("ended")


def write(path: Path, run_id: str, events: list[Event], said: Callable[[str], None] = lambda _: None) -> None:
    with RunFile.open(path) if path.exists() else RunFile.create(path, run_id) as run:
        done = len(list(run.events(run_id)))
        for event in events[done:]:
            blob = b"program %d " % event.seq * 50
            run.put_blob(blob)
            said(f"blob {sha256(blob).hexdigest()}")
            for table in TABLES:
                if run.fact(table, f"k{event.seq}") is None:
                    run.record(table, f"k{event.seq}", {"number": event.seq}, durable=table == "answer")
                said(f"{table} k{event.seq}")
            run.append(run_id, [event])
            said(f"event {event.seq}")


def say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


if __name__ == "__main__":
    main()
