"""What holds for every test: no network, and Hypothesis without deadlines (and without chance in CI)."""

import ipaddress
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

settings.register_profile("default", deadline=None, max_examples=50)
settings.register_profile("ci", deadline=None, max_examples=50, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")


class NetworkUsedError(AssertionError):
    """A test tried to leave this machine."""


def stays_here(family: int, address: object) -> bool:
    """Whether a socket address is a local one: a Unix socket, the loopback network or its name."""
    if family not in (socket.AF_INET, socket.AF_INET6):
        return True
    host = address[0] if isinstance(address, tuple) else address
    if host in ("", "localhost", None):
        return True
    try:
        return ipaddress.ip_address(str(host)).is_loopback
    except ValueError:
        return False


@pytest.fixture(scope="session", autouse=True)
def _network_is_off() -> Iterator[None]:
    """Lets sockets of this process reach nothing but this machine (a process that a test starts is not watched)."""

    def guarded(method: Callable[..., Any], address_at: int) -> Callable[..., Any]:
        def call(sock: socket.socket, *arguments: Any) -> Any:
            address = arguments[address_at]
            if not stays_here(sock.family, address):
                raise NetworkUsedError(f"a test reached for {address!r}; script or replay what it wanted from there")
            return method(sock, *arguments)

        return call

    look_up = socket.getaddrinfo

    def guarded_look_up(host: Any, *arguments: Any, **options: Any) -> Any:
        if not stays_here(socket.AF_INET, host.decode() if isinstance(host, bytes) else host):
            raise NetworkUsedError(f"a test looked up {host!r}; script or replay what it wanted from there")
        return look_up(host, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded(socket.socket.connect, 0))
        patch.setattr(socket.socket, "connect_ex", guarded(socket.socket.connect_ex, 0))
        # sendto(data, address) or sendto(data, flags, address)
        patch.setattr(socket.socket, "sendto", guarded(socket.socket.sendto, -1))
        patch.setattr(socket, "getaddrinfo", guarded_look_up)
        yield


@pytest.fixture
def evaluated_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """The toy problem is installed and evaluated in this process: starting workers would take most of a test's time."""
    from thekla.core.problem import ProblemRef
    from thekla.evaluation.backends import InlineBackend
    from thekla.testing.guests import InProcessSandbox
    from thekla.testing.toy import ToyPackage

    class ToyHere(InlineBackend):
        tier = "trusted"

        def __init__(self, problem: ProblemRef, **of_workers: object) -> None:
            super().__init__(ToyPackage(problem.suite), InProcessSandbox())

    monkeypatch.syspath_prepend(str(Path(__file__).parent / "plugins"))
    monkeypatch.setattr("thekla.assembly.build.LocalBackend", ToyHere)
