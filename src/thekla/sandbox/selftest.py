"""A sandbox's test of itself: it tries attacks and believes only what it saw fail."""

from __future__ import annotations

import contextlib
import importlib.resources
import os
import tempfile
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from thekla.core.errors import GuestFault, SandboxError
from thekla.core.evaluation import Limits
from thekla.core.problem import Function, Interface, Parameter
from thekla.core.program import Program
from thekla.core.protocols import Guest, Sandbox
from thekla.core.values import Value

__all__ = ["Attack", "Probe", "attacks_on", "probe", "require"]

_LIMITS: Final = Limits(wall_s=20.0, cpu_s=5.0, memory_mb=128)


@dataclass(frozen=True, kw_only=True)
class Attack:
    """An attack that the sandbox tries on itself.

    Args:
        name: What it is after, in words.
        function: Its function in `inside/probes.py`.
        decisive: Whether the tier is refused if the attack works; if not, it is a residue that `doctor` lists.
        quick: Whether it belongs to the test at every start: one attack per mechanism.
    """

    name: str
    function: str
    args: tuple[Value, ...] = ()
    decisive: bool = True
    quick: bool = False


@dataclass(frozen=True, kw_only=True)
class Probe:
    """What became of an attack.

    Args:
        detail: What stopped it, or what it got.
    """

    name: str
    stopped: bool
    detail: str
    decisive: bool


def attacks_on(canary: str) -> Sequence[Attack]:
    """All attacks; `canary` is a file that this process and every other user can read."""
    host = os.getpid()
    return (
        Attack(name="read a file of this user", function="read_file", args=(canary,), quick=True),
        Attack(name="read /etc/passwd", function="read_file", args=("/etc/passwd",), quick=True),
        Attack(name="read this process's environment", function="read_file", args=(f"/proc/{host}/environ",)),
        Attack(name="list a folder", function="list_folder", args=(os.path.dirname(canary),)),
        Attack(name="write a file", function="write_file", args=(f"{canary}.written",), quick=True),
        Attack(name="open a TCP socket", function="open_socket", args=("AF_INET", "SOCK_STREAM"), quick=True),
        Attack(name="open a UDP socket", function="open_socket", args=("AF_INET", "SOCK_DGRAM")),
        Attack(name="open a unix socket", function="open_socket", args=("AF_UNIX", "SOCK_STREAM"), quick=True),
        Attack(name="fork", function="fork", quick=True),
        Attack(name="raise a limit", function="raise_limit", quick=True),
        Attack(name="make a file in memory", function="make_memory_file"),
        Attack(name="draw entropy", function="draw_entropy"),
        Attack(name="execute a program", function="execute", quick=True),
        Attack(name="signal this process", function="signal_process", args=(host,), quick=True),
        Attack(name="debug this process", function="trace_process", args=(host,), quick=True),
        Attack(name="read this process's memory", function="read_memory", args=(host,)),
        Attack(name="set up io_uring", function="set_up_io_uring", quick=True),
        Attack(name="make a user namespace", function="leave_namespaces"),
        Attack(name="see size and times of a file", function="stat_file", args=(canary,), decisive=False),
    )


def probe(
    sandbox: Sandbox, *, quick: bool = False, conceded: Container[str] = (), only: Container[str] | None = None
) -> tuple[Probe, ...]:
    """What became of each attack; a fresh guest follows each one that a guest did not survive.

    Args:
        quick: Only one attack per mechanism.
        conceded: Names of the attacks that the tier does not claim to stop.
        only: Names of the attacks to try; None for all.

    Raises:
        SandboxError: The sandbox itself failed.
    """
    with _canary() as path, _Attacker(sandbox) as attacker:
        wanted = [a for a in attacks_on(path) if (a.quick or not quick) and (only is None or a.name in only)]
        claimed = [replace(a, decisive=False) if a.name in conceded else a for a in wanted]
        return tuple(attacker.attempt(attack) for attack in claimed)


def require(probes: Sequence[Probe], *, tier: str) -> None:
    """Nothing, if every decisive attack was stopped.

    Raises:
        SandboxError: One was not.
    """
    open_ways = [f"{probe.name} ({probe.detail})" for probe in probes if probe.decisive and not probe.stopped]
    if open_ways:
        raise SandboxError(
            f"the {tier} sandbox does not hold on this machine: a guest could {', '.join(open_ways)}; "
            "run: thekla doctor"
        )


class _Attacker:
    """Keeps a guest that attacks, and replaces it when it has died of an attack."""

    def __init__(self, sandbox: Sandbox) -> None:
        source = importlib.resources.files("thekla.sandbox.inside") / "probes.py"
        self._program = Program.from_text(source.read_text("utf-8"))
        parameters = (Parameter(name="name", type="str"), Parameter(name="args", type="list"))
        self._interface = Interface(functions=(Function(name="attempt", parameters=parameters, result="list"),))
        self._sandbox = sandbox
        self._guest: Guest | None = None

    def __enter__(self) -> _Attacker:
        return self

    def __exit__(self, *_: object) -> None:
        if self._guest is not None:
            self._guest.close()

    def attempt(self, attack: Attack) -> Probe:
        """What became of the attack."""
        if self._guest is None:
            self._guest = self._open()
        try:
            worked, detail = self._call(self._guest, attack)
        except GuestFault as fault:
            self._guest = None
            return Probe(name=attack.name, stopped=True, detail=_how(fault), decisive=attack.decisive)
        return Probe(name=attack.name, stopped=not worked, detail=detail, decisive=attack.decisive)

    def _call(self, guest: Guest, attack: Attack) -> tuple[bool, str]:
        match guest.call("attempt", attack.function, list(attack.args)):
            case [bool(worked), str(detail)]:
                return worked, detail
        raise SandboxError("the sandbox's test of itself gave no answer that it understands; run: thekla doctor")

    def _open(self) -> Guest:
        try:
            return self._sandbox.open(self._program, self._interface, _LIMITS)
        except GuestFault as fault:
            raise SandboxError(f"the sandbox cannot run its own test: {fault.message}; run: thekla doctor") from fault


def _how(fault: GuestFault) -> str:
    return "killed for a forbidden system call" if fault.kind == "forbidden" else fault.message


@contextlib.contextmanager
def _canary() -> Iterator[str]:
    with tempfile.NamedTemporaryFile(prefix="thekla-canary-") as file:
        file.write(b"a secret of the host")
        file.flush()
        os.fchmod(file.fileno(), 0o644)
        yield file.name
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{file.name}.written")
