"""The server as a process: however it ends, it ends in order, and the next one hands out what was not answered."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mcp")

from thekla.assembly import RunOptions, run, view  # after the check that the extra is there

PLUGINS = str(Path(__file__).parent.parent / "plugins")
PROGRAM = "def answer():\n    return [0.6, 4.0, 10.0, 0.1, {}]\n"
SLOW = f"import time\n\n{PROGRAM.format(1.5)}".replace("    return", "    time.sleep(3)\n    return")
PATIENCE_S = 300.0  # a guard against hanging; a server ends in a second
HELLO = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}

pytestmark = pytest.mark.slow  # each server is a process of its own


class Served:
    """A server in a process of its own, and the client's end of its pipes."""

    def __init__(self, name: str, runs: Path) -> None:
        command = [sys.executable, "-m", "thekla.cli", "mcp", name, "--runs", str(runs), "--workers", "1"]
        environment = {**os.environ, "PYTHONPATH": PLUGINS}
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        self._sent = 0
        self._ask("initialize", HELLO)
        self._write({"jsonrpc": "2.0", "method": "notifications/initialized", "params": {}})

    def tool(self, name: str, **arguments: Any) -> Any:
        """What a tool answers."""
        return self._ask("tools/call", {"name": name, "arguments": arguments})["structuredContent"]

    def start_tool(self, name: str, **arguments: Any) -> None:
        """Call a tool, and do not wait for it."""
        self._sent += 1
        params = {"name": name, "arguments": arguments}
        self._write({"jsonrpc": "2.0", "id": self._sent, "method": "tools/call", "params": params})

    def end(self) -> tuple[int, str]:
        """Exit code and last words, once it has ended."""
        assert self.process.stderr is not None
        code = self.process.wait(PATIENCE_S)
        said = self.process.stderr.read()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()
        return code, said

    def _ask(self, method: str, params: Any) -> Any:
        assert self.process.stdout is not None
        self._sent += 1
        self._write({"jsonrpc": "2.0", "id": self._sent, "method": method, "params": params})
        for line in self.process.stdout:
            heard = json.loads(line)
            if heard.get("id") == self._sent:
                return heard["result"]
        raise AssertionError(f"the server has ended: {self.end()}")

    def _write(self, message: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()


@pytest.fixture
def name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A run that waits for answers."""
    monkeypatch.syspath_prepend(PLUGINS)
    monkeypatch.setenv("PYTHONPATH", PLUGINS)
    options = RunOptions(
        problem="toy",
        generator="asktell",
        strategy="greedy",
        sandbox="trusted",
        evaluations=3,
        in_flight=2,
        workers=1,
    )
    return run(options, runs=tmp_path, observer=lambda progress: None).run_id


def leave(served: Served) -> None:
    assert served.process.stdin is not None
    served.process.stdin.close()


def stop(served: Served) -> None:
    served.process.send_signal(signal.SIGTERM)


def stop_amid_an_evaluation(served: Served) -> None:
    (ticket,) = served.tool("ask", again=True)["tickets"]
    served.start_tool("submit", ticket=ticket["ticket"], program=SLOW)
    served.tool("status")
    served.process.send_signal(signal.SIGTERM)


def hear_no_more(served: Served) -> None:
    assert served.process.stdout is not None
    served.process.stdout.close()
    served.start_tool("status")


@pytest.mark.parametrize("ending", [leave, stop, stop_amid_an_evaluation, hear_no_more])
def test_a_server_that_ends_leaves_a_run_that_goes_on(
    name: str, tmp_path: Path, ending: Callable[[Served], None]
) -> None:
    served = Served(name, tmp_path)
    first = served.tool("ask")["tickets"][0]["ticket"]
    assert served.tool("ask")["tickets"][0]["ticket"] != first
    assert served.tool("ask")["tickets"] == []
    if ending is stop_amid_an_evaluation:
        served.tool("decline", ticket=first, why="no idea")
    ending(served)
    code, said = served.end()
    assert code == 0, said
    assert "Traceback" not in said
    assert ("nothing is lost" in said) == (ending in (stop, stop_amid_an_evaluation))

    again, answered = Served(name, tmp_path), 0
    while tickets := again.tool("ask", n=2)["tickets"]:
        for ticket in tickets:
            answered += 1
            again.tool("submit", ticket=ticket["ticket"], program=PROGRAM.format(float(answered)), wait_s=60)
    leave(again)
    assert again.end()[0] == 0
    assert view(name, tmp_path).status == "closed"
