"""The tools of the server: read the problem, ask, submit, hear; all within the run's budget."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from thekla import __version__
from thekla.core.errors import ConfigError, MissingExtraError, TheklaError
from thekla.core.progress import Observer
from thekla.mcp.lines import Lines
from thekla.mcp.skill import skill_text

if TYPE_CHECKING:
    from mcp.server import MCPServer

    from thekla.assembly import Counter, Heard, Reply

__all__ = ["RunWindow", "serve"]

P = ParamSpec("P")
T = TypeVar("T")

_LEASE_S = 24 * 3600.0  # the server ends with its agent, so a lease only keeps its own agents apart
_MOST_WAIT_S = 600.0
_MOST_TICKETS = 16


class RunWindow:
    """The tools, as functions of an open run.

    Whatever they return is about the train split: the hold-out is drawn when the run closes, and no tool shows it.
    Tickets that an earlier window handed out and that nobody answered are handed out again, to the same answerer.

    Args:
        by: Who answers, as the run records it.
    """

    def __init__(self, counter: Counter, *, by: str) -> None:
        self._counter = counter
        self._by = by
        self._telling: dict[str, asyncio.Task[Heard]] = {}
        self._handed: set[str] = set()

    async def problem(self) -> str:
        """What is to be solved, the interface that programs must have, and how to work on it."""
        return f"{self._counter.problem()}\n\n{skill_text()}"

    async def ask(self, n: int = 1, again: bool = False) -> dict[str, Any]:
        """Tickets to answer, at most n: each holds a prompt and the program to start from.

        With again, tickets that were handed out and are not answered are handed out once more.
        """
        known = () if again else self._handed
        most = max(1, min(n, _MOST_TICKETS))
        offers = await self._counter.ask(most, by=self._by, lease_s=_LEASE_S, again=True, known=known)
        self._handed.update(offer.ticket.id for offer in offers)
        return {"tickets": [offer.data for offer in offers], "run": self._counter.state().data}

    async def submit(
        self, ticket: str, program: str | dict[str, str], note: str = "", wait_s: float = 50.0
    ) -> dict[str, Any]:
        """Answer a ticket with a whole program (or several files by name), and hear what came of it.

        An evaluation that takes longer than wait_s goes on; then ask `feedback` for it.
        """
        return await self._tell(ticket, {"program": program, "note": note}, wait_s)

    async def decline(self, ticket: str, why: str) -> dict[str, Any]:
        """Give a ticket back without a program."""
        return await self._tell(ticket, {"decline": why}, _MOST_WAIT_S)

    async def feedback(self, ticket: str, wait_s: float = 50.0) -> dict[str, Any]:
        """What came of a program that was submitted for a ticket."""
        if ticket not in self._telling:
            raise ConfigError(f"nothing was submitted for ticket {ticket!r}")
        return await self._hear(ticket, wait_s)

    async def status(self) -> dict[str, Any]:
        """Where the run stands: budget, best score on the train split, tickets that wait."""
        return {"run": self._counter.state().data}

    async def _tell(self, ticket: str, entries: Mapping[str, object], wait_s: float) -> dict[str, Any]:
        from thekla.assembly import reply_of

        _, reply = reply_of(dict(entries), by=self._by)
        pending = self._telling.get(ticket)
        if pending is None or (pending.done() and pending.exception() is not None):
            self._telling[ticket] = asyncio.create_task(self._answer(ticket, reply))
        elif not pending.done():
            raise ConfigError(f"ticket {ticket!r} is being evaluated; ask feedback for it")
        else:
            await self._answer(ticket, reply)  # says whether it is the answer that was given
        return await self._hear(ticket, wait_s)

    async def _answer(self, ticket: str, reply: Reply) -> Heard:
        return await self._counter.tell(ticket, reply)

    async def _hear(self, ticket: str, wait_s: float) -> dict[str, Any]:
        """The outcome of a ticket, or that it is not known yet."""
        task = self._telling[ticket]
        await asyncio.wait([task], timeout=max(0.0, min(wait_s, _MOST_WAIT_S)))
        if not task.done():
            return {"ticket": ticket, "evaluating": True, "run": self._counter.state().data}
        return {**task.result().data, "evaluating": False}

    def server(self) -> MCPServer:
        """The server with these tools.

        Raises:
            MissingExtraError: The SDK is not installed.
        """
        try:
            from mcp.server import MCPServer
        except ImportError as error:
            raise MissingExtraError("the server for coding agents", extra="mcp", package="mcp") from error
        server = MCPServer("thekla", version=__version__, instructions=skill_text(), log_level="WARNING")
        for tool in (self.problem, self.ask, self.submit, self.decline, self.feedback, self.status):
            server.add_tool(_explaining(tool))
        return server


def _explaining(tool: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """The tool, with what Thekla refuses told to the agent in Thekla's words."""
    from mcp.server.mcpserver.exceptions import ToolError

    @wraps(tool)
    async def explained(*arguments: P.args, **named: P.kwargs) -> T:
        try:
            return await tool(*arguments, **named)
        except TheklaError as error:
            raise ToolError(str(error)) from error

    return explained


def serve(run: str, *, by: str, runs: Path | None, workers: int, observer: Observer) -> None:
    """Serve a run on stdin and stdout until the client goes.

    Raises:
        ConfigError: There is no such run, it is closed, or it answers its own tickets.
        MissingExtraError: The SDK is not installed.
    """
    from thekla.assembly import attend

    async def window(counter: Counter) -> None:
        await _talk(RunWindow(counter, by=by).server())

    attend(run, window, runs=runs, workers=workers, observer=observer)


async def _talk(server: MCPServer) -> None:
    """Serve whoever is at the other end of stdin and stdout until it goes.

    This is the SDK's `run_stdio_async` but for the reading, whose thread there ends with the client only.
    """
    from mcp.server.stdio import stdio_server

    inner = server._lowlevel_server  # the SDK has no public way from one to the other
    try:
        async with stdio_server(stdin=cast(Any, Lines(sys.stdin.fileno()))) as (reading, writing):
            await inner.run(reading, writing, inner.create_initialization_options())
    except* BrokenPipeError:  # the client has gone; the SDK's tasks tell it in a group
        pass
