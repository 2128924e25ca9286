"""A local model server that speaks the OpenAI protocol and goes wrong on request: for tests of what talks to models."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, TypeAlias

from thekla.core.rng import stream

__all__ = ["FAULTS", "Fault", "ModelServer", "Reply", "Script", "Served", "faulty"]

_CHARACTERS_PER_TOKEN = 4
_PROSE = "One could serve queries first, and give each operator what it needs; that should lower the latency. "


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What the server does with one request.

    Args:
        name: What it is called in the log.
        text: The content of the answer; None sends a null.
        envelope: What is sent instead of a completion, as it is.
        usage: Token counts that are reported instead of the true ones; `missing` leaves them out.
        cut_at: The connection is closed after this share of the body's bytes.
        drip_s: Seconds between single bytes of the body.
        reset: The connection is reset before anything is sent.
        delay_s: Seconds before anything is sent.
        after: Nothing is sent before so many requests have come in all; for tests of how many are out at once.
    """

    name: str = "answer"
    text: str | None = ""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    envelope: bytes | None = None
    finish: str = "stop"
    usage: Mapping[str, Any] | Literal["true", "missing"] = "true"
    cut_at: float = 1.0
    drip_s: float = 0.0
    reset: bool = False
    delay_s: float = 0.0
    after: int = 0


Script: TypeAlias = Callable[[int, Mapping[str, Any]], Reply]
"""The reply to a request, by its number from 0 and its body."""

Fault: TypeAlias = Callable[[str], Reply]


def _error(status: int, words: str, **headers: str) -> Fault:
    body = json.dumps({"error": {"message": words}}).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda text: Reply(name=f"status {status}", status=status, envelope=body, headers=named)


FAULTS: Mapping[str, Fault] = {
    "busy": _error(429, "slow down"),
    "busy, wait 1 s": _error(429, "slow down", retry_after="1"),
    "overloaded": _error(529, "overloaded"),
    "unavailable": _error(503, "come back", retry_after="Sun, 06 Nov 1994 08:49:37 GMT"),
    "server error": _error(500, "oops"),
    "bad gateway": lambda text: Reply(name="status 502", status=502, envelope=b"<html>502 Bad Gateway</html>"),
    "bad request": _error(400, "messages: too many"),
    "too long": _error(413, "the prompt is too long"),
    "cut body": lambda text: Reply(name="cut body", text=text, cut_at=0.6),
    "nothing": lambda text: Reply(name="nothing", text=text, cut_at=0.0),
    "reset": lambda text: Reply(name="reset", reset=True),
    "hang": lambda text: Reply(name="hang", text=text, delay_s=3600.0),
    "drip": lambda text: Reply(name="drip", text=text, drip_s=3.0),
    "not JSON": lambda text: Reply(name="not JSON", envelope=b"data: {hello"),
    "error in 200": lambda text: Reply(name="error in 200", envelope=b'{"error": {"message": "upstream"}}'),
    "null": lambda text: Reply(name="null", text=None),
    "empty": lambda text: Reply(name="empty", text=""),
    "no choices": lambda text: Reply(name="no choices", envelope=b"CHOICES"),
    "refusal": lambda text: Reply(name="refusal", text=None, finish="content_filter"),
    "truncated": lambda text: Reply(name="truncated", text=text[: len(text) // 2], finish="length"),
    "prose": lambda text: Reply(name="prose", text=_PROSE * 3),
    "300 kB of prose": lambda text: Reply(name="300 kB of prose", text=_PROSE * 3100),
    "terminal codes": lambda text: Reply(name="terminal codes", text="\x1b[2J\x1b]0;x\x07" + _PROSE),
    "negative usage": lambda text: Reply(
        name="negative usage", text=text, usage={"prompt_tokens": -5, "completion_tokens": -1}
    ),
    "absurd usage": lambda text: Reply(
        name="absurd usage", text=text, usage={"prompt_tokens": 10**12, "completion_tokens": 10**12}
    ),
    "usage in words": lambda text: Reply(
        name="usage in words", text=text, usage={"prompt_tokens": "many", "completion_tokens": None}
    ),
    "no usage": lambda text: Reply(name="no usage", text=text, usage="missing"),
}
"""The faults by name, each made from the text that the answer would have had."""


def faulty(answers: Sequence[str], *, seed: int, share: float = 0.5, faults: Sequence[str] = ()) -> Script:
    """A script that answers in turn, and in whose place a fault comes with the chance `share`.

    Args:
        faults: Names of `FAULTS` that may come; all of them if none is named.
    """
    names = sorted(faults or FAULTS)

    def script(number: int, body: Mapping[str, Any]) -> Reply:
        rng = stream(seed, "faulty", number)
        text = answers[number % len(answers)]
        if rng.random() >= share:
            return Reply(text=text)
        return FAULTS[rng.choice(names)](text)

    return script


@dataclass(frozen=True, kw_only=True)
class Served:
    """A request as the server's log has it.

    Args:
        billed_usd: What it bills: nothing for a status other than 200, and also for an answer that never arrives.
        told: Whether the client was sent a whole answer with true token counts, and so can know the bill.
    """

    number: int
    reply: str
    status: int
    billed_usd: float
    told: bool
    request: Mapping[str, Any]


class ModelServer:
    """Serves `/chat/completions` on the loopback, in a thread of its own; a context manager.

    Args:
        script: What each request gets.
        input_usd_per_mtok, output_usd_per_mtok: Prices of the bill.
    """

    def __init__(self, script: Script, *, input_usd_per_mtok: float = 2.0, output_usd_per_mtok: float = 10.0) -> None:
        self._script = script
        self.prices = (input_usd_per_mtok, output_usd_per_mtok)
        self.log: list[Served] = []
        self._number = 0
        self._came = asyncio.Condition()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._thread = threading.Thread(target=self._run, name="model-server", daemon=True)
        self._ready = threading.Event()
        self._port = 0

    @property
    def url(self) -> str:
        """The base address, as settings take it."""
        return f"http://127.0.0.1:{self._port}/v1"

    def entry(self, **changes: Any) -> dict[str, Any]:
        """The server's model as an entry of an ensemble."""
        into, out = self.prices
        prices = {"input_usd_per_mtok": into, "output_usd_per_mtok": out}
        return {"model": f"{self.url}#scripted", "max_tokens": 4000, **prices, **changes}

    def __enter__(self) -> ModelServer:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        loop = self._loop = asyncio.new_event_loop()
        server = loop.run_until_complete(asyncio.start_server(self._accept, "127.0.0.1", 0))
        self._port = server.sockets[0].getsockname()[1]
        self._ready.set()
        try:
            loop.run_forever()
        finally:
            loop.run_until_complete(self._leave(server))
            loop.close()

    async def _leave(self, server: asyncio.Server) -> None:
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0)  # transports close at the next turn of the loop

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await _request(reader)
            if request is not None:
                await self._reply(request, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client went away, as clients do
        finally:
            writer.close()
            self._writers.discard(writer)

    async def _reply(self, request: Mapping[str, Any], writer: asyncio.StreamWriter) -> None:
        number, self._number = self._number, self._number + 1
        reply = self._script(number, request)
        body, bill, told = self._answer(reply, request)
        whole = reply.cut_at >= 1.0 and not (reply.reset or reply.drip_s or reply.delay_s > 60)
        self.log.append(
            Served(
                number=number,
                reply=reply.name,
                status=reply.status,
                billed_usd=0.0 if reply.reset else bill,
                told=told and whole,
                request=request,
            )
        )
        async with self._came:
            self._came.notify_all()
            await self._came.wait_for(lambda: self._number >= reply.after)
        if reply.delay_s:
            await asyncio.sleep(reply.delay_s)
        if reply.reset:
            writer.transport.abort()
            return
        head = [f"HTTP/1.1 {reply.status} Scripted", f"Content-Length: {len(body)}", "Connection: close"]
        head += ["Content-Type: application/json", *(f"{name}: {value}" for name, value in reply.headers.items())]
        if reply.cut_at > 0:
            writer.write(("\r\n".join(head) + "\r\n\r\n").encode())
        for piece in _pieces(body[: int(len(body) * reply.cut_at)], reply.drip_s):
            writer.write(piece)
            await writer.drain()
            if reply.drip_s:
                await asyncio.sleep(reply.drip_s)

    def _answer(self, reply: Reply, request: Mapping[str, Any]) -> tuple[bytes, float, bool]:
        """The body, what it bills, and whether the client can know that."""
        if reply.envelope is not None and reply.envelope != b"CHOICES":
            return reply.envelope, 0.0, reply.status != 200
        into = -(-sum(len(str(one.get("content", ""))) for one in request["messages"]) // _CHARACTERS_PER_TOKEN)
        most = request.get("max_tokens", request.get("max_completion_tokens", 10**9))
        out = min(-(-len(reply.text or "") // _CHARACTERS_PER_TOKEN), int(most))
        true = {"prompt_tokens": into, "completion_tokens": out, "total_tokens": into + out}
        message = {"role": "assistant", "content": reply.text}
        choices = [{"index": 0, "message": message, "finish_reason": reply.finish}]
        body: dict[str, Any] = {
            "id": f"scripted-{self._number}",
            "object": "chat.completion",
            "model": request.get("model"),
            "choices": [] if reply.envelope == b"CHOICES" else choices,
        }
        if reply.usage == "true":
            body["usage"] = true
        elif reply.usage != "missing":
            body["usage"] = reply.usage
        bill = (into * self.prices[0] + out * self.prices[1]) / 1e6
        return json.dumps(body).encode(), bill, reply.usage == "true"


def _pieces(body: bytes, drip_s: float) -> Sequence[bytes]:
    return [body[i : i + 1] for i in range(len(body))] if drip_s else [body]


async def _request(reader: asyncio.StreamReader) -> Mapping[str, Any] | None:
    """The body of a request; None if there is none."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    length = next((line.split(":")[1] for line in head.split("\r\n") if line.startswith("content-length:")), "0")
    body = await reader.readexactly(int(length))
    found = json.loads(body) if body else None
    return found if isinstance(found, dict) else None
