"""Where attacks meet whatever evaluates programs: it looks at what each did, from outside.

The problem: `order(jobs)` returns the order in which to run jobs of `[size, weight]`. The score is the least weighted
sum of completion times (Smith 1956) over the program's, 1 for the best order.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
import secrets
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from thekla.core.errors import GuestFault
from thekla.core.evaluation import Limits
from thekla.core.problem import Function, Interface, Parameter
from thekla.core.program import Program
from thekla.core.protocols import Sandbox
from thekla.core.values import Value
from thekla.testing.attacks import SECRET_PREFIX, Attack

__all__ = ["HONEST", "JOBS", "ORDER", "Arena", "Judged", "evaluator_of", "score_of"]

JOBS: Final[tuple[tuple[int, int], ...]] = ((9, 2), (1, 7), (5, 3), (8, 1), (2, 9), (7, 4), (3, 3), (6, 8))
HONEST: Final = "def order(jobs):\n    return sorted(range(len(jobs)), key=lambda i: jobs[i][0])\n"
ORDER: Final = Interface(
    functions=(Function(name="order", parameters=(Parameter(name="jobs", type="list"),), result="list[int]"),)
)
_SETTLE_S: Final = 0.6  # an attack that acts later does so after 0.2 s
_ACTIVE: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_LITTER: Final = "thekla-litter-"


def score_of(order: object) -> float | None:
    """The score of an order of `JOBS`; None if it is none."""
    if not isinstance(order, list) or [*map(type, order)] != [int] * len(JOBS) or sorted(order) != [*range(len(JOBS))]:
        return None
    best = sorted(range(len(JOBS)), key=lambda i: JOBS[i][0] / JOBS[i][1])
    return _cost(best) / _cost(order)


def _cost(order: Sequence[int]) -> int:
    done = total = 0
    for i in order:
        done += JOBS[i][0]
        total += done * JOBS[i][1]
    return total


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What an evaluator says of a program.

    Args:
        score: None if it says that the program failed.
        said: All text that it would show or store.
        lost: Whether the evaluator itself is gone.
    """

    score: float | None
    said: str = ""
    lost: bool = False


def evaluator_of(sandbox: Sandbox, limits: Limits) -> Callable[[str], Judged]:
    """Evaluates programs in a sandbox, one guest each, with the score computed here."""

    def evaluate(text: str) -> Judged:
        try:
            guest = sandbox.open(Program.from_text(text), ORDER, limits)
        except GuestFault as fault:
            return Judged(score=None, said=f"{fault.message}\n{fault.traceback}")
        try:
            jobs: Value = [list(job) for job in JOBS]
            return Judged(score=score_of(guest.call("order", jobs)))
        except GuestFault as fault:
            return Judged(score=None, said=f"{fault.message}\n{fault.traceback}")
        finally:
            guest.close()

    return evaluate


class Arena:
    """Secrets to steal, files to change and listeners to reach; a context manager.

    Args:
        evaluate: What evaluates programs.
        wall_s: The longest that it may take over one.
        parent: Tells the process that evaluates; by default this one.
    """

    def __init__(
        self, evaluate: Callable[[str], Judged], *, wall_s: float, parent: Callable[[], int] = os.getpid
    ) -> None:
        self._evaluate = evaluate
        self._wall_s = wall_s
        self._parent = parent
        self._secret = SECRET_PREFIX + secrets.token_hex(16)
        self._held = contextlib.ExitStack()
        self._listeners: list[socket.socket] = []
        self._honest: float | None = None

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as held:
            self._folder = Path(held.enter_context(_folder("thekla-arena-")))
            self._home = Path(held.enter_context(_folder("thekla-home-")))
            for path, text in (("kept", "kept"), ("canary", self._secret)):
                (self._folder / path).write_text(text)
            (self._home / ".credentials").write_text(self._secret)
            held.enter_context(_variables({"THEKLA_CANARY": self._secret}))
            held.callback(os.close, os.open(self._folder / "canary", os.O_RDONLY))
            self._listen(held)
            held.enter_context(_neighbour(self._secret))
            self._honest = self._evaluate(HONEST).score
            self._held = held.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    @property
    def honest(self) -> float | None:
        """The score of an honest program before any attack."""
        return self._honest

    def damage(self, attack: Attack) -> list[str]:
        """What an attack achieved; empty if nothing."""
        text = attack.text(
            {
                "folder": str(self._folder),
                "secret": str(self._folder / "canary"),
                "home": str(self._home),
                "port": self._port,
                "parent": self._parent(),
            }
        )
        before = self._files()
        started = time.monotonic()
        judged = self._evaluate(text)
        took_s = time.monotonic() - started
        found = [*self._in_words(judged), *self._in_score(judged, attack)]
        if attack.twice and self._evaluate(text).score != judged.score:
            found.append("its score is a matter of luck")
        if took_s > self._wall_s:
            found.append(f"ran {took_s:.1f} s, {self._wall_s:g} s were allowed")
        if attack.late:
            time.sleep(_SETTLE_S)
        if changed := sorted(before ^ self._files()):
            found.append(f"changed {', '.join(name for name, *_ in changed[:3])}")
        if self._heard():
            found.append("reached a socket")
        after = self._evaluate(HONEST)
        if after.score != self._honest:
            found.append(f"an honest program then scored {after.score} instead of {self._honest}")
        self._clean(before)
        return found

    def _in_words(self, judged: Judged) -> Iterator[str]:
        if judged.lost:
            yield "ended the evaluator"
        if self._secret in judged.said:
            yield "told a secret"
        if _ACTIVE.search(judged.said):
            yield "put control characters before people"

    def _in_score(self, judged: Judged, attack: Attack) -> Iterator[str]:
        if judged.score is None:
            return
        fair = score_of(list(range(len(JOBS))))
        assert fair is not None
        if attack.over:
            yield "was scored, though it used more than it may"
        elif not attack.twice and not math.isclose(judged.score, fair, rel_tol=1e-9):
            yield f"scored {judged.score:g}, its decisions are worth {fair:g}"

    def _files(self) -> set[tuple[str, int, int, int]]:
        """Name, size, mode and time of all that an attack might have changed."""
        found = [path for folder in (self._folder, self._home) for path in folder.rglob("*")]
        for folder in (Path(tempfile.gettempdir()), Path("/dev/shm")):
            found += folder.glob(f"{_LITTER}*")
        kept = set()
        for path in found:
            with contextlib.suppress(FileNotFoundError):
                seen = path.lstat()
                kept.add((str(path), seen.st_size, seen.st_mode, seen.st_mtime_ns))
        return kept

    def _clean(self, before: set[tuple[str, int, int, int]]) -> None:
        for name in {name for name, *_ in self._files()} - {name for name, *_ in before}:
            path = Path(name)
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
        (self._folder / "kept").write_text("kept")

    def _listen(self, held: contextlib.ExitStack) -> None:
        tcp = socket.create_server(("127.0.0.1", 0))
        self._port = int(tcp.getsockname()[1])
        udp, named, nameless = (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
            socket.socket(socket.AF_UNIX),
            socket.socket(socket.AF_UNIX),
        )
        self._listeners = [tcp, udp, named, nameless]
        for listener in self._listeners:
            held.callback(listener.close)
        udp.bind(("127.0.0.1", self._port))
        named.bind(str(self._folder / "listener"))
        nameless.bind(f"\0thekla-{self._port}")
        for stream in (named, nameless):
            stream.listen()

    def _heard(self) -> bool:
        ready, _, _ = select.select(self._listeners, [], [], 0)
        for listener in ready:
            if listener.type == socket.SOCK_DGRAM:
                listener.recv(64)
            else:
                listener.accept()[0].close()
        return bool(ready)


@contextlib.contextmanager
def _folder(prefix: str) -> Iterator[str]:
    """A new folder that every user may read and change, so that only a sandbox can be what prevents it."""
    path = tempfile.mkdtemp(prefix=prefix)
    try:
        os.chmod(path, 0o777)
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def _variables(given: dict[str, str]) -> Iterator[None]:
    os.environ.update(given)
    try:
        yield
    finally:
        for name in given:
            os.environ.pop(name, None)


@contextlib.contextmanager
def _neighbour(secret: str) -> Iterator[None]:
    """Another process of this user, with the secret in its environment and command line."""
    command = [sys.executable, "-c", "import sys; sys.stdin.read()", secret]
    with subprocess.Popen(command, stdin=subprocess.PIPE, env={"SECRET": secret}) as process:
        try:
            yield
        finally:
            process.kill()
