"""The real command line in processes of its own, with the toy problem as a plug-in, and what its runs hold."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from thekla.core.events import Event, verify_chain
from thekla.core.values import Data
from thekla.storage import RunFile
from thekla.storage.lease import is_held

PLUGINS = Path(__file__).parent.parent / "plugins"
SEED = 7
EVALUATIONS = 40

OPTIONS = f"""
problem = "toy"
generator = "constants"
prompts = "plain"
strategy = "greedy"
evaluations = {EVALUATIONS}
seed = {SEED}
arguments = {{ generator = {{ malformed = 0.2 }} }}
"""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A command that ended: its exit code (negative: the signal that killed it) and what it said."""

    code: int
    out: str
    err: str


class Starter:
    """A process that starts commands (see starter.py); a context manager."""

    def __enter__(self) -> Starter:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", str(Path(__file__).with_name("starter.py"))],
            env={**os.environ, "PYTHONPATH": str(PLUGINS)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def ask(self, **request: object) -> int | None:
        """The answer to a request."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        answer: int | None = json.loads(self._process.stdout.readline())
        return answer


class Running:
    """A command that was started."""

    def __init__(self, starter: Starter, pid: int, outputs: Sequence[Path]) -> None:
        self.pid = pid
        self._starter = starter
        self._outputs = outputs
        self._code: int | None = None

    def poll(self) -> int | None:
        """The exit code, None while it runs."""
        if self._code is None:
            self._code = self._starter.ask(do="poll", pid=self.pid)
        return self._code

    def wait(self) -> Ended:
        """Its end."""
        if self._code is None:
            self._code = self._starter.ask(do="wait", pid=self.pid)
        assert self._code is not None
        out, err = (path.read_text() for path in self._outputs)
        return Ended(code=self._code, out=out, err=err)


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """What a run file holds."""

    events: Sequence[Event]
    answers: Mapping[str, Mapping[str, Data]]
    evaluations: Mapping[str, Mapping[str, Data]]

    @property
    def chain(self) -> str:
        """The hash of the last event; every link is checked."""
        assert verify_chain(self.events) == len(self.events) > 0
        return self.events[-1].chain


class Command:
    """`thekla` with a folder of runs and a configuration file of its own."""

    def __init__(self, starter: Starter, folder: Path) -> None:
        self._starter = starter
        self._folder = folder
        self._started = 0
        self.runs = folder / "runs"
        self.config = folder / "toy.toml"
        self.config.write_text(OPTIONS)

    def start(
        self, *arguments: str, before: Sequence[str] = (), environment: Mapping[str, str] | None = None
    ) -> Running:
        """A command in a process group of its own; `before` is a command that starts it."""
        self._started += 1
        outputs = [self._folder / f"{self._started}.{name}" for name in ("out", "err")]
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("THEKLA_")}
        own = {"PYTHONPATH": str(PLUGINS), "THEKLA_RUNS": str(self.runs)}
        pid = self._starter.ask(
            do="start",
            arguments=arguments,
            before=before,
            outputs=[str(path) for path in outputs],
            environment={**inherited, **own, **(environment or {})},
        )
        assert pid is not None
        return Running(self._starter, pid, outputs)

    def run(self, *arguments: str, before: Sequence[str] = (), environment: Mapping[str, str] | None = None) -> Ended:
        """A command to its end."""
        return self.start(*arguments, before=before, environment=environment).wait()

    def search(self, *arguments: str) -> Ended:
        """A search on the toy to its end."""
        return self.run("run", "--config", str(self.config), *arguments)

    def start_search(self, *arguments: str) -> Running:
        """A search on the toy, just started."""
        return self.start("run", "--config", str(self.config), *arguments)

    def files(self) -> list[Path]:
        """The run files, oldest first."""
        return sorted(self.runs.glob("*.thekla"))

    def file(self) -> Path:
        """The only run file."""
        (path,) = self.files()
        return path


def recorded(path: Path) -> Recorded:
    """What is in a run file that nobody writes."""
    with RunFile.open(path, read_only=True) as run:
        return Recorded(
            events=list(run.events(run.run_id)),
            answers=dict(run.facts("answer")),
            evaluations=dict(run.facts("evaluation")),
        )


def wait_for_writing(command: Command, process: Running) -> Path:
    """The file of the run that `process` has begun to write; returns as soon as its writer holds it."""
    while process.poll() is None:
        for path in command.files():
            if is_held(path):
                return path
        time.sleep(0.002)
    raise AssertionError(f"the command has ended: {process.wait()}")


def wait_for_answers(path: Path, process: Running, count: int) -> None:
    """Returns when the run in `path` holds `count` answers, or `process` has ended."""
    while process.poll() is None:
        with RunFile.open(path, read_only=True) as run:
            if sum(1 for _ in run.facts("answer")) >= count:
                return
        time.sleep(0.005)


Process = tuple[int, str]
"""A process as it can be found again: its id, and when it started."""


def family(pid: int) -> list[Process]:
    """All that `pid` has started, and what that started, at this moment; parents first."""
    found = []
    for child in children_of(pid):
        stamp = _started(child)
        if stamp:
            found.append((child, stamp))
        found += family(child)
    return found


def survivors(processes: Sequence[Process], *, within_s: float = 2.0) -> list[Process]:
    """Those that are still there when all had time to end."""
    end = time.monotonic() + within_s
    left = list(processes)
    while left and time.monotonic() < end:
        left = [process for process in left if _started(process[0]) == process[1]]
        time.sleep(0.02)
    return [(pid, f"{stamp} {Path(f'/proc/{pid}/cmdline').read_bytes()!r}") for pid, stamp in left]


def kill(process: Running, number: signal.Signals = signal.SIGKILL) -> list[Process]:
    """Send a signal to the command alone and wait for its end; returns what it had started by then."""
    os.kill(process.pid, signal.SIGSTOP)  # so that the list of what it started is whole
    started = family(process.pid)
    os.kill(process.pid, number)
    os.kill(process.pid, signal.SIGCONT)
    process.wait()
    return started


def children_of(pid: int) -> Iterator[int]:
    """The processes that `pid` has started and that are not reaped."""
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            yield from map(int, (task / "children").read_text().split())
    except (FileNotFoundError, ProcessLookupError):
        return


def _started(pid: int) -> str:
    """When a process started, in ticks since boot; empty if it is gone or only waits to be reaped."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return "" if fields[0] in "ZX" else fields[19]
