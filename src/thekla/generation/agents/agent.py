"""The generator that lets a command-line agent work on a program in a folder of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from thekla.core.errors import ConfigError, ProviderError
from thekla.core.problem import Problem
from thekla.core.program import MAIN, Program
from thekla.core.redaction import Redactor, secrets_of
from thekla.core.run import Prompt, Proposal, Section, Spending, Ticket
from thekla.core.visible import visible
from thekla.generation.agents.pricing import cost_of
from thekla.generation.agents.tools import TOOLS, Report
from thekla.llm import remaining_s
from thekla.prompting import estimate_tokens

__all__ = ["CommandAgent"]

_TIED = str(Path(__file__).with_name("tied.py"))
_MOST_OUTPUT = 8_000_000  # bytes that are read of what an agent prints
_MOST_FILE = 200_000
_MOST_FILES = 64
_MOST_FAILURES = 5  # in a row, before the run is stopped for somebody to look
_GRACE_S = 5.0


class CommandAgent:
    """Starts an agent in a folder with the ticket's first parent, and takes what the folder holds when it has ended.

    Args:
        tool: `claude`, `codex`, `gemini` or `opencode`.
        environment: What the agent's process gets: its keys and its settings are found there.
        executable: Its path, if it is not the tool's name on the path.
        model: In the tool's own words; empty leaves it to the tool.
        deadline_s: Seconds for one proposal; then the agent and all that it started is ended.
        free: Whether its calls cost nothing where it names no price, as under a flat rate or with a model of your own;
            else they cost what the price list says of the model.

    Raises:
        ConfigError: There is no such tool, or it is not installed.
    """

    name = "agent"
    version = "1"

    def __init__(
        self,
        *,
        tool: Literal["claude", "codex", "gemini", "opencode"],
        environment: Mapping[str, str],
        executable: str = "",
        model: str = "",
        deadline_s: float = 900.0,
        free: bool = False,
    ) -> None:
        if deadline_s <= 0:
            raise ValueError(f"deadline_s is {deadline_s}; it must be positive")
        self._tool, self._name = TOOLS[tool], tool
        found = shutil.which(executable or self._tool.executable, path=environment.get("PATH"))
        if found is None:
            raise ConfigError(
                f"the agent {tool!r} needs {executable or self._tool.executable!r}, which is not on the path; install "
                f"it with: npm install -g {self._tool.package}; or name its path with executable, in a file of options"
            )
        self._executable = found
        self._environment = {name: value for name, value in environment.items() if name != "OLDPWD"}
        self._redactor = Redactor(secrets_of(environment))
        self._model = model
        self._deadline_s = deadline_s
        self._free = free
        self._failures = 0

    def full_prompt(self, problem: Problem, ticket: Ticket, prompt: Prompt, *, seed: int) -> Prompt:
        """The prompt with what to do in the folder at its end."""
        functions = " and ".join(f"`{one.name}`" for one in problem.interface.functions if one.required)
        text = (
            f"## Your work\nThe program is {MAIN} in the current folder. Change it, or write it anew; it must define "
            f"{functions}. Work on the files of this folder only, and start no other program. What the folder holds "
            "when you end is scored. Say in at most three sentences what you changed and why."
        )
        section = Section(name="answer", text=text, tokens=estimate_tokens(text))
        return replace(prompt, sections=(*prompt.sections, section))

    async def propose(self, problem: Problem, ticket: Ticket, prompt: Prompt, *, seed: int) -> Proposal:
        """What the agent leaves in the folder.

        Raises:
            ProviderError: It gave no program several times in a row: the run stops, and can be resumed.
        """
        parent = ticket.parents[0].program if ticket.parents else None
        words = self._redactor(self.full_prompt(problem, ticket, prompt, seed=seed).text)
        with tempfile.TemporaryDirectory(prefix="thekla-agent-") as folder:
            tree = Path(folder)
            _lay_out(tree, parent)
            began_s = time.monotonic()
            report = await self._work(words, tree)
            program, reason = _take_in(tree, parent)
        if program is not None:  # the agent's own key is in its environment, and it may write what it likes
            program = replace(program, files=tuple((name, self._redactor(text)) for name, text in program.files))
        spending = replace(self._priced(report), wall_s=time.monotonic() - began_s)
        if report.failed:
            program, reason = None, f"the agent failed: {visible(report.failed)[:500]}"
        if program is None:
            self._note_failure(reason)
        else:
            self._failures = 0
        return Proposal(
            raw=json.dumps({"tool": self._name, "said": report.said, "failed": report.failed}, ensure_ascii=False),
            program=program,
            operator=f"{self._name} {self._model}".strip().replace("+", "-"),
            generator=f"{self.name}@{self.version}",
            reason=reason,
            spending=spending,
        )

    def _priced(self, report: Report) -> Spending:
        """What the work cost: as the tool says, else nothing under a flat rate, else by the price list."""
        if report.spending.cost_usd is not None:
            return report.spending
        if self._free:
            return replace(report.spending, cost_usd=0.0)
        paid = [cost_of(self._tool, name or self._model, used) for name, used in report.models.items()]
        known = [cost for cost in paid if cost is not None]
        return replace(report.spending, cost_usd=sum(known) if known and len(known) == len(paid) else None)

    def _note_failure(self, reason: str) -> None:
        self._failures += 1
        if self._failures >= _MOST_FAILURES:
            raise ProviderError(
                f"the agent {self._name!r} gave no program {self._failures} times in a row; the last time: {reason}; "
                "mend that and resume the run"
            )

    async def _work(self, words: str, tree: Path) -> Report:
        """What the agent says after its work, or why it did none."""
        confined = self._tool.within(self._executable, self._environment)
        command = [self._executable, *confined, *self._tool.command(self._model, words)]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", _TIED, str(os.getpid()), *command),
            cwd=tree,
            env={**self._environment, **self._tool.environment, "PWD": str(tree)},  # opencode goes by PWD
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        given = words.encode() if self._tool.by_stdin else b""
        limit_s = min(self._deadline_s, remaining_s())
        try:
            async with asyncio.timeout(limit_s):
                out, errors = await _converse(process, given)
        except TimeoutError:
            spending = Spending(cost_usd=None)
            return Report(said="", spending=spending, failed=f"it had not ended after {limit_s:g} s")
        finally:
            await _end(process)
        report = self._tool.read(self._redactor(out))
        if process.returncode and not report.failed:
            report = replace(report, failed=f"it ended with code {process.returncode}")
        if report.failed and errors.strip():
            report = replace(report, failed=f"{report.failed}: {self._redactor(errors).strip()[-300:]}")
        return report


async def _converse(process: asyncio.subprocess.Process, given: bytes) -> tuple[str, str]:
    """What a process prints to stdout and stderr when it is given an input."""
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    reading = asyncio.gather(_read(process.stdout), _read(process.stderr))
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it need not read its input
        process.stdin.write(given)
        await process.stdin.drain()
        process.stdin.close()
    out, errors = await reading
    await process.wait()
    return out, errors


async def _read(stream: asyncio.StreamReader) -> str:
    """All that comes, of which the beginning is kept."""
    kept = bytearray()
    while chunk := await stream.read(65_536):
        kept += chunk[: max(0, _MOST_OUTPUT - len(kept))]
    return kept.decode(errors="replace")


async def _end(process: asyncio.subprocess.Process) -> None:
    """End the process and all that it started, first politely."""
    for number, wait_s in ((signal.SIGTERM, _GRACE_S), (signal.SIGKILL, None)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await process.wait()


def _lay_out(tree: Path, parent: Program | None) -> None:
    """Write the program into the folder."""
    for name, text in parent.files if parent is not None else ():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _take_in(tree: Path, parent: Program | None) -> tuple[Program | None, str]:
    """The program that the folder holds, or why there is none; links are not followed."""
    wanted = {name for name, _ in parent.files} if parent is not None else {MAIN}
    files = {}
    for path in _sources(tree, wanted):
        if path.stat().st_size > _MOST_FILE:
            return None, f"{path.relative_to(tree)} has more than {_MOST_FILE:,} bytes"
        try:
            files[path.relative_to(tree).as_posix()] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            return None, f"{path.relative_to(tree)} is no text in UTF-8"
    if not files:
        return None, "the agent left no program"
    if len(files) > _MOST_FILES:
        return None, f"the agent left {len(files)} files; a program has at most {_MOST_FILES}"
    program = Program.from_files(files)
    if parent is not None and program.id == parent.id:
        return None, "the agent changed nothing"
    return program, ""


def _sources(tree: Path, wanted: set[str]) -> Sequence[Path]:
    """The files of a program in a folder: Python, and what it had before; nothing hidden, no link."""
    found = []
    for folder, names, files in os.walk(tree, followlinks=False):
        names[:] = sorted(name for name in names if name[0] not in "._")
        for name in sorted(files):
            path = Path(folder) / name
            kept = name.endswith(".py") or path.relative_to(tree).as_posix() in wanted
            if kept and not path.is_symlink() and path.is_file():
                found.append(path)
    return found
