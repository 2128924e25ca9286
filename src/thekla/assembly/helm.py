"""Steering a run from outside it: what people want is written beside the run, which reads it before each ticket."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from thekla.assembly.outside import read_program
from thekla.assembly.places import folder
from thekla.assembly.records import copy_evaluations
from thekla.core.errors import ConfigError
from thekla.core.events import Event, EventKind
from thekla.core.journal import Answered, Started, Steered, ToldFact, payload_of
from thekla.steering import SteeringFolder
from thekla.storage import RunFile

__all__ = ["LISTS", "Listing", "fork", "inject", "pause", "steer_line", "steering"]

Listing = Literal["hint", "note", "pin", "ban"]
LISTS: dict[Listing, str] = {"hint": "hints.md", "note": "notes.md", "pin": "pinned", "ban": "banned"}

_ENDED = frozenset({EventKind.STOPPING, EventKind.FROZEN, EventKind.JUDGED, EventKind.HOLDOUT_OPENED, EventKind.CLOSED})


def steering(run: str, runs: Path | None) -> tuple[Path, Steered, str]:
    """The folder in which people write what they want of a run, what it says now, before the run has read it, and what
    the run asks them.

    Raises:
        ConfigError: There is no such run.
    """
    wishes = _wishes(run, runs)
    return wishes.path, wishes.read(Steered(), lambda data: ""), wishes.question


def steer_line(run: str, listing: Listing, line: str, *, drop: bool, runs: Path | None) -> Path:
    """A hint, note, pin or ban more, or (dropped) one less; there is one pin at most.

    Raises:
        ConfigError: There is no such run, or no such line to drop.
    """
    wishes, name = _wishes(run, runs), LISTS[listing]
    if listing in ("pin", "ban") and not drop:
        _refuse_unknown(run, line, runs)
    if drop:
        wishes.take_line(name, line)
    elif listing == "pin":
        wishes.write(name, f"{line}\n")
    else:
        wishes.add_line(name, f"- {line}" if listing == "hint" else line)
    return wishes.path


def pause(run: str, *, paused: bool, runs: Path | None) -> Path:
    """Ask for no more tickets, or go on.

    Raises:
        ConfigError: There is no such run.
    """
    wishes = _wishes(run, runs)
    wishes.pause(paused)
    return wishes.path


def inject(run: str, program: Path, *, by: str, runs: Path | None) -> Path:
    """Put a program into a run: it answers the next ticket, and is evaluated and kept like any other.

    Raises:
        ConfigError: There is no such run, or the program cannot be read.
    """
    read = read_program(program)
    if len(read.files) > 1:
        raise ConfigError(f"{program} has {len(read.files)} files; a program of one file can be injected")
    return _wishes(run, runs).inject(read, by=by)


def fork(run: str, *, at: int, runs: Path | None) -> tuple[str, Path]:
    """A new run that shares the first `at` events of another and goes its own way from there; its id and file.

    What was answered within these events is taken over, so nothing of it is paid for again.

    Raises:
        ConfigError: There is no such run, or it has no such event before the end of its search.
        StorageError: The new file cannot be written.
    """
    place = folder(runs)
    with RunFile.open(place.find(run), read_only=True) as source:
        shared: list[Event] = []
        for event in source.events(source.run_id):
            if len(shared) == at or event.kind in _ENDED:
                break
            shared.append(event)
        if not 1 <= at == len(shared):
            raise ConfigError(f"--at {at} is no event of the search of {source.run_id}, which has {len(shared)}")
        started = payload_of(shared[0])
        assert isinstance(started, Started)
        forked = place.new_id(started.problem.name, datetime.now(UTC))
        path = place.path_of(forked)
        with RunFile.create(path, forked) as target:
            for program in started.imports:
                target.put_blob(source.blob(program))
            for event in shared:
                _take_over(event, source, target)
            copy_evaluations(source, target)
            target.append(forked, shared)
        mark = f"{source.run_id}@{at} {secrets.token_hex(4)}"
    wishes = SteeringFolder(path)
    decided = [payload for payload in map(payload_of, shared) if isinstance(payload, Steered)]
    wishes.restate(replace(decided[-1] if decided else Steered(), fork=mark))
    return forked, path


def _take_over(event: Event, source: RunFile, target: RunFile) -> None:
    """The programs and answers that an event names."""
    payload = payload_of(event)
    if isinstance(payload, Answered | ToldFact) and payload.program is not None:
        target.put_blob(source.blob(payload.program))
    if isinstance(payload, Steered):
        for injected in payload.injected:
            target.put_blob(source.blob(injected.program))
    if isinstance(payload, Answered):
        answer = source.fact("answer", payload.ticket)
        if answer is not None:
            target.record("answer", payload.ticket, answer, durable=False)


def _wishes(run: str, runs: Path | None) -> SteeringFolder:
    return SteeringFolder(folder(runs).find(run))


def _refuse_unknown(run: str, candidate: str, runs: Path | None) -> None:
    """Refuse an id that no candidate of the run bears."""
    with RunFile.open(folder(runs).find(run), read_only=True) as store:
        for event in store.events(store.run_id):
            if event.kind is EventKind.TOLD and event.data["candidate"] == candidate:
                return
        raise ConfigError(f"run {store.run_id} has no candidate {candidate!r}")
