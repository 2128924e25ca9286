"""A coding agent's client completes a run through the server, and sees nothing of the hold-out."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

mcp = pytest.importorskip("mcp")

from mcp import Client, StdioServerParameters  # noqa: E402  # after the check that the extra is there

from thekla.assembly import Counter, RunOptions, attend, run, view  # noqa: E402  # as above
from thekla.cli import main  # noqa: E402  # as above
from thekla.core.errors import ConfigError  # noqa: E402  # as above
from thekla.mcp import RunWindow, skill_text  # noqa: E402  # as above

PLUGINS = str(Path(__file__).parent.parent / "plugins")
TOOLS = ["ask", "decline", "feedback", "problem", "status", "submit"]


def silent(progress: object) -> None:
    """Hears nothing."""


def begin(runs: Path, *, evaluations: int, **changes: Any) -> str:
    options = {"problem": "toy", "generator": "asktell", "strategy": "greedy", "sandbox": "trusted", **changes}
    return run(RunOptions(**options, evaluations=evaluations, workers=1), runs=runs, observer=silent).run_id


def program(number: int) -> str:
    return f"def answer():\n    return [{0.6 - number / 100}, 4.0, 10.0, 0.1, 2.0]\n"


async def call(client: Client, tool: str, **arguments: Any) -> Any:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    return result.structured_content


async def refused(client: Client, tool: str, **arguments: Any) -> str:
    result = await client.call_tool(tool, arguments)
    assert result.is_error
    return str(result.content)


def with_client(name: str, runs: Path, work: Callable[[Client], Awaitable[None]]) -> None:
    async def window(counter: Counter) -> None:
        async with Client(RunWindow(counter, by="agent").server()) as client:
            await work(client)

    attend(name, window, runs=runs, workers=1, observer=silent)


async def answer_tickets(client: Client, tickets: int, *, first: int = 0) -> list[Any]:
    """All that the server said while so many tickets were answered."""
    heard: list[Any] = [await call(client, "problem")]
    for number in range(first, first + tickets):
        asked = await call(client, "ask")
        (ticket,) = asked["tickets"]
        said = await call(client, "submit", ticket=ticket["ticket"], program=program(number), note="closer", wait_s=60)
        assert said["scores"] is not None, said
        heard += [asked, said]
    return heard


@pytest.mark.usefixtures("evaluated_here")
def test_the_sdks_client_completes_a_run_of_twenty_tickets(tmp_path: Path) -> None:
    name = begin(tmp_path, evaluations=21)

    async def work(client: Client) -> None:
        assert sorted(tool.name for tool in (await client.list_tools()).tools) == TOOLS
        heard = await answer_tickets(client, 20)
        assert "Return five positive numbers" in heard[0]["result"]
        assert (await call(client, "status"))["run"]["status"] == "closed"
        assert (await call(client, "ask"))["tickets"] == []

    with_client(name, tmp_path, work)
    seen = view(name, tmp_path)
    assert (seen.status, seen.ledger.evaluations) == ("closed", 21)
    assert {one.operator for one in seen.candidates} == {"seed", "agent"}
    with pytest.raises(ConfigError, match="closed"):
        with_client(name, tmp_path, work)


@pytest.mark.usefixtures("evaluated_here")
def test_no_tool_answers_a_word_of_the_holdout_before_or_after_the_end(tmp_path: Path) -> None:
    name = begin(tmp_path, evaluations=4)
    said: list[Any] = []

    async def work(client: Client) -> None:
        said.extend(await answer_tickets(client, 2))
        for ticket in ("holdout", "t99", "../t1", "s0"):
            said.append(await refused(client, "submit", ticket=ticket, program=program(50)))
            said.append(await refused(client, "feedback", ticket=ticket))
        said.append(await refused(client, "evaluate", split="holdout"))
        for address in ("file:///etc/passwd", "thekla://holdout", f"file://{tmp_path}/{name}.thekla"):
            with pytest.raises(mcp.MCPError):
                await client.read_resource(address)
        assert (await client.list_resources()).resources == []
        said.extend(await answer_tickets(client, 1, first=2))
        said.append(await call(client, "status"))

    with_client(name, tmp_path, work)
    seen = view(name, tmp_path)
    assert seen.holdout is not None
    spoken = json.dumps(said)
    for instance in seen.holdout.instances:
        assert instance.id not in spoken
        assert instance.digest not in spoken
    holdout = [row for row in seen.judged if row.split == "holdout" and row.role != "oracle"]
    assert holdout
    for row in holdout:
        assert str(getattr(row.outcome, "scores", {}).get("score")) not in spoken


@pytest.mark.usefixtures("evaluated_here")
def test_an_evaluation_that_takes_long_is_heard_of_later(tmp_path: Path) -> None:
    name = begin(tmp_path, evaluations=3)

    async def work(client: Client) -> None:
        (ticket,) = (await call(client, "ask"))["tickets"]
        first = await call(client, "submit", ticket=ticket["ticket"], program=program(1), wait_s=0)
        assert first["evaluating"]
        later = await call(client, "feedback", ticket=ticket["ticket"], wait_s=60)
        again = await call(client, "submit", ticket=ticket["ticket"], program=program(1))
        assert later["scores"] == again["scores"]
        assert "answered already" in await refused(client, "submit", ticket=ticket["ticket"], program=program(2))
        (ticket,) = (await call(client, "ask"))["tickets"]
        declined = await call(client, "decline", ticket=ticket["ticket"], why="no idea")
        assert declined["failed"]["kind"] == "no_program"

    with_client(name, tmp_path, work)


@pytest.mark.slow
def test_the_command_serves_a_client_over_stdin_and_stdout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(PLUGINS)
    monkeypatch.setenv("PYTHONPATH", PLUGINS)
    name = begin(tmp_path, evaluations=4)
    command = ["-m", "thekla.cli", "mcp", name, "--runs", str(tmp_path), "--workers", "1", "--by", "robot"]
    parameters = StdioServerParameters(command=sys.executable, args=command, env={**os.environ, "PYTHONPATH": PLUGINS})

    async def work() -> None:
        async with Client(parameters) as client:
            await answer_tickets(client, 3)

    import anyio

    anyio.run(work)
    assert view(name, tmp_path).status == "closed"


def test_the_skill_is_printed_or_written_where_agents_look(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["skill"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("---\nname: thekla\n")
    assert printed.endswith(skill_text())
    assert main(["skill", "--out", str(tmp_path)]) == 0
    assert (tmp_path / "thekla" / "SKILL.md").read_text() == printed
    assert main(["skill", "--out", str(tmp_path / "none")]) == 2
