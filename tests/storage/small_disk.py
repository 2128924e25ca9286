"""What happens on a full or read-only disk, tried on a small one of its own (see test_disk.py).

Runs in a mount namespace of its own; the arguments are a scenario and an empty folder to mount the disk on.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

from thekla.core.errors import StorageError
from thekla.core.events import Event, EventKind
from thekla.storage import RunFile
from thekla.testing.stores import chained_events

RUN = "toy-20260101-000000-aaaa"


def mount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True)


def refusal(action: Callable[[], object]) -> str:
    try:
        action()
    except StorageError as error:
        return str(error)
    raise AssertionError("nothing was refused")


def fill_disk(folder: Path) -> None:
    with (folder / "other").open("wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while file.write(b"x" * size) == size:
                    pass
            except OSError:
                continue


def full_disk(folder: Path) -> None:
    """On a full disk paid answers are still written, new tickets refused, and nothing recorded is lost."""
    mount(folder, "size=12m")
    path = folder / "run.thekla"
    asked = chained_events(60, kind=EventKind.ASKED)
    run = RunFile.create(path, RUN)
    run.append(RUN, asked[:20])
    fill_disk(folder)
    answers = 0
    while answers < 50:  # paid for before the disk was full
        run.record("answer", f"a{answers}", {"text": f"{answers} " * 1000}, durable=True)
        answers += 1
    message = refusal(lambda: run.append(RUN, asked[20:]))
    assert "free some space" in message, message
    assert list(run.events(RUN)) == asked[:20]

    def record_until_full() -> None:
        nonlocal answers
        while True:
            run.record("answer", f"a{answers}", {"text": f"{answers} " * 5000}, durable=True)
            answers += 1

    message = refusal(record_until_full)
    assert "full" in message, message

    with RunFile.open(path, read_only=True) as reader:
        assert_held(reader, asked[:20], answers)
    run.close()
    with RunFile.open(path, read_only=True) as reader:
        assert_held(reader, asked[:20], answers)
    with RunFile.open(path) as writer:
        assert writer.recovery is None
        assert_held(writer, asked[:20], answers)
        refusal(lambda: writer.append(RUN, asked[20:]))
        (folder / "other").unlink()
        writer.append(RUN, asked[20:])
        writer.record("answer", f"a{answers}", {"text": f"{answers} " * 5000}, durable=True)
        assert list(writer.events(RUN)) == asked


def assert_held(run: RunFile, events: list[Event], answers: int) -> None:
    assert list(run.events(RUN)) == events
    found = dict(run.facts("answer"))
    assert list(found) == [f"a{number}" for number in range(answers)]
    assert all(str(value["text"]).startswith(key[1:] + " ") for key, value in found.items())


def too_small_disk(folder: Path) -> None:
    """A run that cannot even begin leaves nothing behind."""
    mount(folder, "size=16k")
    message = refusal(lambda: RunFile.create(folder / "run.thekla", RUN))
    assert "full" in message, message
    assert list(folder.iterdir()) == []


def no_room_to_restore(folder: Path) -> None:
    """A damaged file for whose copy there is no room stays as it is, and is restored when there is."""
    mount(folder, "size=4m")
    path = folder / "run.thekla"
    with RunFile.create(path, RUN) as run:
        for number in range(150):
            run.record("answer", f"a{number}", {"text": Random(number).randbytes(2500).hex()}, durable=False)
        run.append(RUN, chained_events(10))
    content = bytearray(path.read_bytes())
    content[-2000] ^= 1
    path.write_bytes(content)
    fill_disk(folder)
    message = refusal(lambda: RunFile.open(path))
    assert "full" in message, message
    assert path.read_bytes() == content
    (folder / "other").unlink()
    with RunFile.open(path) as run:
        assert run.recovery is not None
        assert list(run.events(RUN)) == chained_events(10)


def read_only_disk(folder: Path) -> None:
    """A run on a read-only disk can be read; to make or write one is refused."""
    mount(folder, "size=12m")
    path = folder / "run.thekla"
    with RunFile.create(path, RUN) as run:
        run.append(RUN, chained_events(5))
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    for action in (
        lambda: RunFile.create(folder / "new.thekla", RUN),
        lambda: RunFile.create(folder / "runs" / "new.thekla", RUN),
        lambda: RunFile.open(path),
    ):
        message = refusal(action)
        assert "read-only" in message, message
    with RunFile.open(path, read_only=True) as reader:
        assert list(reader.events(RUN)) == chained_events(5)


if __name__ == "__main__":
    scenarios = (full_disk, too_small_disk, no_room_to_restore, read_only_disk)
    {scenario.__name__: scenario for scenario in scenarios}[sys.argv[1]](Path(sys.argv[2]))
