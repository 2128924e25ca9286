"""Runs whose programs come from outside, one command at a time: ask, tell, stop."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from thekla.assembly.counter import Counter, Heard, Offer, RunState
from thekla.assembly.opened import OpenRun
from thekla.assembly.places import folder
from thekla.assembly.reading import view
from thekla.assembly.sessions import take_up
from thekla.core.errors import ConfigError
from thekla.core.journal import Closed
from thekla.core.program import Program
from thekla.core.run import Spending
from thekla.engine import Observer
from thekla.generation.asktell import Reply
from thekla.storage import RunFile
from thekla.storage.lease import is_held

__all__ = ["ask", "attend", "read_program", "reply_of", "state", "stop", "tell"]

T = TypeVar("T")

_MOST_BYTES = 1_000_000  # of a program; the check that follows accepts 200,000 characters a file
_POLL_S = 0.1


def ask(
    run: str,
    *,
    n: int,
    by: str,
    lease_s: float,
    again: bool = False,
    runs: Path | None,
    workers: int,
    observer: Observer,
    patience_s: float = 0.0,
) -> tuple[Sequence[Offer], RunState]:
    """Tickets to answer, and where the run stands; no ticket if all are on lease, or the run is closed.

    Args:
        patience_s: How long to wait for another process that writes the run.

    Raises:
        ConfigError: There is no such run, or it answers its own tickets.
        StorageError: The run cannot be written.
    """
    if not lease_s > 0 or n < 1:
        raise ConfigError(f"a lease of {lease_s:g} s for {n} tickets is none; both must be positive")

    async def work(counter: Counter) -> tuple[Sequence[Offer], RunState]:
        return await counter.ask(n, by=by, lease_s=lease_s, again=again), counter.state()

    found = _at_the_counter(run, work, runs=runs, workers=workers, observer=observer, patience_s=patience_s)
    return found if found is not None else ((), state(run, runs))


def tell(
    run: str,
    ticket: str,
    reply: Reply,
    *,
    runs: Path | None,
    workers: int,
    observer: Observer,
    patience_s: float = 0.0,
) -> Heard:
    """What came of a reply to a ticket.

    The reply is in the run file before it is evaluated; told once more after a crash, it is not evaluated again.

    Raises:
        ConfigError: There is no such run or ticket, somebody else holds it, or it was answered otherwise.
        StorageError: The run cannot be written.
    """

    async def work(counter: Counter) -> Heard:
        return await counter.tell(ticket, reply)

    heard = _at_the_counter(run, work, runs=runs, workers=workers, observer=observer, patience_s=patience_s)
    if heard is None:
        raise ConfigError(
            f"run {run} is closed, so it takes no answer; start another, from its archive with --from {run}"
        )
    return heard


def stop(
    run: str, *, by: str, runs: Path | None, workers: int, observer: Observer, patience_s: float = 0.0
) -> RunState:
    """End the search of a run before its budget does: it is validated, judged on the hold-out and closed.

    Raises:
        ConfigError: There is no such run, or it answers its own tickets.
        StorageError: The run cannot be written.
    """

    async def work(counter: Counter) -> RunState:
        return await counter.stop(by)

    found = _at_the_counter(run, work, runs=runs, workers=workers, observer=observer, patience_s=patience_s)
    return found if found is not None else state(run, runs)


def attend(
    run: str, window: Callable[[Counter], Awaitable[None]], *, runs: Path | None, workers: int, observer: Observer
) -> None:
    """Keep a run open for as long as a window on it is.

    Raises:
        ConfigError: There is no such run, it is closed, or it answers its own tickets.
        StorageError: The run cannot be written.
    """

    async def work(counter: Counter) -> bool:
        await window(counter)
        return True

    options: dict[str, Any] = {"runs": runs, "workers": workers, "observer": observer}
    if not _at_the_counter(run, work, **options, patience_s=0.0, lasting=True):
        raise ConfigError(
            f"run {run} is closed, so it takes no answer; start another, from its archive with --from {run}"
        )


def state(run: str, runs: Path | None) -> RunState:
    """Where a run stands, without a word of its hold-out; nothing is written."""
    seen = view(run, runs)
    return RunState(
        run_id=folder(runs).find(run).stem,
        status="closed" if seen.status == "closed" else "open",
        evaluations=seen.ledger.evaluations,
        budget=seen.settings.budget.evaluations,
        proposals=seen.ledger.proposals,
        best=seen.score(seen.leader.outcome) if seen.leader is not None else None,
        baseline=seen.score(seen.seed.outcome) if seen.seed is not None else None,
        objective=seen.objective.name,
        unit=seen.objective.unit,
        direction=seen.objective.direction,
        cost_usd=seen.ledger.cost_usd,
    )


def read_program(path: Path) -> Program:
    """The program in a file, or in a folder with all its `.py` files.

    Raises:
        ConfigError: It cannot be read, or is no program.
    """
    try:
        if path.is_file():
            return Program.from_text(_text_of(path))
        if not path.is_dir():
            raise ConfigError(f"there is no program {str(path)!r}; name a file, or a folder of .py files")
        files = {found.relative_to(path).as_posix(): found for found in path.rglob("*.py")}
        kept = {
            name: found for name, found in files.items() if not any(part[0] in "._" for part in name.split("/")[:-1])
        }
        if not kept:
            raise ConfigError(f"the folder {str(path)!r} holds no .py file")
        return Program.from_files({name: _text_of(found) for name, found in kept.items()})
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise ConfigError(f"program {path} cannot be read: {error}") from error


class _ReplyEntries(BaseModel):
    """A reply as JSON; `program` is a text, or texts by the names of files."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ticket: str = ""
    program: str | dict[str, str] | None = None
    answer: str = ""
    decline: str = ""
    by: str = ""
    note: str = ""
    cost_usd: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    input_tokens: Annotated[int, Field(ge=0)] = 0
    output_tokens: Annotated[int, Field(ge=0)] = 0


def reply_of(entries: object, *, by: str = "") -> tuple[str, Reply]:
    """The ticket (may be empty) and the reply that plain data state.

    Args:
        by: Who answers if the entries do not say.

    Raises:
        ConfigError: An entry is unknown or wrong, or there is not exactly one of program, answer and decline.
    """
    try:
        given = _ReplyEntries.model_validate(entries, strict=True)
        free = bool(given.decline) and given.cost_usd is None
        spending = Spending(
            cost_usd=0.0 if free else given.cost_usd,
            input_tokens=given.input_tokens,
            output_tokens=given.output_tokens,
        )
        reply = Reply(
            by=given.by or by,
            note=given.note,
            program=_program_in(given.program),
            text=given.answer,
            decline=given.decline,
            spending=spending,
        )
    except ValidationError as error:
        complaints = "; ".join(_complaint(one["type"], one["loc"], one["msg"]) for one in error.errors())
        raise ConfigError(f"the reply cannot be read: {complaints}") from error
    except ValueError as error:
        raise ConfigError(f"the reply cannot be used: {error}") from error
    return given.ticket, reply


def _complaint(kind: str, place: Sequence[str | int], words: str) -> str:
    """What is wrong with an entry of a reply."""
    name = ".".join(map(str, place))
    if kind == "extra_forbidden":
        return f"there is no {name!r} in a reply; it knows {', '.join(_ReplyEntries.model_fields)}"
    return f"{name}: {words}" if name else words


def _program_in(files: str | Mapping[str, str] | None) -> Program | None:
    """The program of one text, or of texts by the names of their files."""
    if files is None:
        return None
    return Program.from_text(files) if isinstance(files, str) else Program.from_files(files)


def _text_of(path: Path) -> str:
    size = path.stat().st_size
    if size > _MOST_BYTES:
        raise ValueError(f"{path.name} has {size:,} bytes; a program has at most {_MOST_BYTES:,}")
    return path.read_text(encoding="utf-8")


def _at_the_counter(
    run: str,
    work: Callable[[Counter], Awaitable[T]],
    *,
    runs: Path | None,
    workers: int,
    observer: Observer,
    patience_s: float,
    lasting: bool = False,
) -> T | None:
    """What `work` makes of the open run; None if it is closed."""
    path = folder(runs).find(run)
    _wait_for(path, patience_s)

    async def begin(opened: OpenRun) -> T | None:
        return await work(Counter(opened, time.time))

    def closed(store: RunFile, end: Closed) -> T | None:
        return None

    return take_up(path, workers=workers, observer=observer, work=begin, closed=closed, lasting=lasting)


def _wait_for(path: Path, patience_s: float) -> None:
    """Wait until no other process writes a run file; what comes after may still find one."""
    end_s = time.monotonic() + patience_s
    while is_held(path) and time.monotonic() < end_s:
        time.sleep(_POLL_S)
