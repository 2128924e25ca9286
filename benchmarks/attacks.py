"""The catalogue of attacks against Thekla's tiers and the evaluators of published engines, side by side.

The engines live in an environment of their own:

    python -m venv engines && engines/bin/pip install openevolve skydiscover
    engines/bin/pip install --no-deps llm4ad shinka-evolve
    python benchmarks/attacks.py --python engines/bin/python

Each attack is tried on each, and counts as a success for what `thekla.testing.arena` saw from outside. The engines
judge by the same function of the same problem, loaded as in their own examples. Without `--python` only Thekla's tiers
are tried. `--json` prints one JSON object. It takes a few minutes; attacks on the engines do run, so use a machine on
which nothing is at stake.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from thekla.core.errors import SandboxError
from thekla.core.evaluation import Limits
from thekla.core.protocols import Sandbox
from thekla.sandbox import BubblewrapSandbox, StrictSandbox
from thekla.testing.arena import HONEST, Arena, Judged, evaluator_of
from thekla.testing.attacks import ATTACKS

ENGINES = ("openevolve", "skydiscover", "llm4ad", "shinka")
TIERS: Mapping[str, Callable[[], Sandbox]] = {"strict": StrictSandbox, "bubblewrap": BubblewrapSandbox}
LIMITS = Limits(wall_s=3.0, cpu_s=3.0, memory_mb=256)
GRACE_S = 3.0
_MEMORY = 8 << 30  # of a worker, so that no attack takes the machine with it
_START_S = 60.0

Damage = dict[str, list[str]]


class Engine:
    """An engine's evaluator in a process of its own, started again when it has died or hangs."""

    def __init__(self, python: str, name: str) -> None:
        self._command = [python, str(Path(__file__).with_name("attacks_worker.py")), name]
        self._folder = tempfile.TemporaryDirectory(prefix="engine-")
        self._process: subprocess.Popen[str] | None = None
        self._number = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
        self._folder.cleanup()

    def evaluate(self, text: str) -> Judged:
        """The engine's verdict on a program."""
        if self._process is None:
            self._start()
            self._ask(HONEST, within_s=_START_S)  # importing the engine is not the program's time
        return self._ask(text, within_s=LIMITS.wall_s + GRACE_S)

    @property
    def pid(self) -> int:
        """The process that evaluates now."""
        if self._process is None:
            self.evaluate(HONEST)
        assert self._process is not None
        return self._process.pid

    def _ask(self, text: str, *, within_s: float) -> Judged:
        process = self._process
        if process is None or process.stdin is None:
            return Judged(score=None, lost=True)
        verdict = Path(self._folder.name) / str(self._number)
        self._number += 1
        end = time.monotonic() + within_s
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(json.dumps(text) + "\n")
            process.stdin.flush()
            while time.monotonic() < end and process.poll() is None:
                if verdict.exists():
                    said = json.loads(verdict.read_text("utf-8", "surrogatepass"))
                    return Judged(score=said["score"], said=said["said"])
                time.sleep(0.005)
        self.stop()
        return Judged(score=None, lost=True)

    def _start(self) -> None:
        for old in Path(self._folder.name).iterdir():
            shutil.rmtree(old) if old.is_dir() else old.unlink()
        self._number = 0
        self._process = subprocess.Popen(
            [*self._command, self._folder.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY)),  # no threads here
        )

    def stop(self) -> None:
        """End the process; the next evaluation starts another."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.communicate()
            self._process = None


def tried(
    evaluate: Callable[[str], Judged], parent: Callable[[], int] = os.getpid, renew: Callable[[], None] | None = None
) -> Damage:
    """What each attack achieved.

    Args:
        renew: Called after an attack that broke the evaluator, so that the next one is judged alone.
    """
    damage: Damage = {}
    with Arena(evaluate, wall_s=LIMITS.wall_s + GRACE_S - 1.0, parent=parent) as arena:
        if arena.honest is None:
            raise SystemExit("the evaluator does not even score an honest program")
        for attack in ATTACKS:
            found = damage[f"{attack.category}: {attack.name}"] = arena.damage(attack)
            if renew is not None and any(one.startswith("an honest program") for one in found):
                renew()
    return damage


def measure(python: str, engines: Sequence[str], tiers: Sequence[str]) -> dict[str, Damage]:
    """What each attack achieved, by evaluator."""
    found: dict[str, Damage] = {}
    for name in tiers:
        try:
            sandbox = TIERS[name]()
        except SandboxError as error:
            sys.stderr.write(f"{name}: {error}\n")
            continue
        try:
            found[f"thekla {name}"] = tried(evaluator_of(sandbox, LIMITS))
        finally:
            sandbox.close()
    for name in engines if python else ():
        with Engine(python, name) as engine:
            found[name] = tried(engine.evaluate, lambda: engine.pid, engine.stop)
    return found


def table(found: Mapping[str, Damage]) -> str:
    """Successes by category and evaluator, as Markdown."""
    total = Counter(attack.category for attack in ATTACKS)
    lines = [f"| attacks on | tried | {' | '.join(found)} |", "|---|--:|" + "--:|" * len(found)]
    for category, count in total.items():
        hits = [sum(bool(what) for name, what in d.items() if name.startswith(f"{category}:")) for d in found.values()]
        lines.append(f"| {category} | {count} | {' | '.join(map(str, hits))} |")
    every = [sum(map(bool, damage.values())) for damage in found.values()]
    return "\n".join([*lines, f"| all | {len(ATTACKS)} | {' | '.join(map(str, every))} |"])


def main() -> None:
    """Try and print."""
    parser = argparse.ArgumentParser(description="Attacks on evaluators, side by side.")
    parser.add_argument("--python", default="", help="interpreter of the environment that has the engines")
    parser.add_argument("--engines", nargs="*", default=list(ENGINES), help="which ones (default all)")
    parser.add_argument("--tiers", nargs="*", default=list(TIERS), help="of Thekla (default all that can be had)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    found = measure(arguments.python, arguments.engines, arguments.tiers)
    sys.stdout.write((json.dumps(found) if arguments.json else table(found)) + "\n")


if __name__ == "__main__":
    main()
