"""The strict tier's zygote, limits and refusals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from thekla.core.errors import GuestFault, SandboxError
from thekla.core.evaluation import Limits
from thekla.core.problem import Interface
from thekla.core.program import Program
from thekla.core.values import Array, Value
from thekla.sandbox import StrictSandbox, TrustedSandbox, diagnose
from thekla.sandbox.selftest import Probe, probe, require
from thekla.testing.sandboxes import ECHO, LIMITS, interface_of

MODULES = Program.from_text("import sys\ndef f(x):\n    return [sorted(sys.modules), sys.path, list(sys.argv)]\n")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[StrictSandbox]:
    with StrictSandbox(test_itself=False) as made:
        yield made


def with_wheels(*wheels: str) -> Interface:
    plain = interface_of("f")
    return Interface(functions=plain.functions, wheels=wheels)


def answer(sandbox: StrictSandbox, program: Program, interface: Interface, *args: Value) -> Value:
    guest = sandbox.open(program, interface, LIMITS)
    try:
        return guest.call("f", *(args or (None,)))
    finally:
        guest.close()


def modules_of(sandbox: StrictSandbox, interface: Interface) -> tuple[set[str], list[str]]:
    match answer(sandbox, MODULES, interface):
        case [list(modules), list(path), ["-c"]]:
            return {str(name).partition(".")[0] for name in modules}, [str(entry) for entry in path]
    raise AssertionError("unexpected answer")


def test_guest_holds_the_standard_library_and_its_program_only(sandbox: StrictSandbox) -> None:
    modules, path = modules_of(sandbox, interface_of("f"))
    assert modules - set(sys.stdlib_module_names) <= {"__main__", "interface", "program"}
    assert not [entry for entry in path if "site-packages" in entry or "dist-packages" in entry]
    assert set(sandbox.features.path) == set(path)


def test_declared_wheel_comes_alone(sandbox: StrictSandbox) -> None:
    modules, path = modules_of(sandbox, with_wheels("sortedcontainers"))
    assert modules - set(sys.stdlib_module_names) <= {"__main__", "interface", "program", "sortedcontainers"}
    assert not [entry for entry in path if "site-packages" in entry]
    text = (
        "import sortedcontainers\nfrom importlib.metadata import version\n"
        "def f(x):\n    return [list(sortedcontainers.SortedList(x)), version('sortedcontainers')]\n"
    )
    assert answer(sandbox, Program.from_text(text), with_wheels("sortedcontainers"), [2, 1]) == [[1, 2], "2.4.0"]
    for other in ("hypothesis", "pytest", "thekla"):
        with pytest.raises(GuestFault, match="ModuleNotFoundError"):
            answer(sandbox, Program.from_text(f"import {other}\n"), with_wheels("sortedcontainers"))


def test_declared_numpy_takes_and_gives_arrays(sandbox: StrictSandbox) -> None:
    text = (
        "import numpy as np\n"
        "def f(x):\n"
        "    return [x * 2, (x @ x.T).astype(np.float32), list(x.shape), np.random.rand() == np.random.rand()]\n"
    )
    matrix = Array(dtype="int64", shape=(2, 2), data=b"".join(n.to_bytes(8, "little") for n in (1, 2, 3, 4)))
    doubled = Array(dtype="int64", shape=(2, 2), data=b"".join(n.to_bytes(8, "little") for n in (2, 4, 6, 8)))
    match answer(sandbox, Program.from_text(text), with_wheels("numpy"), matrix):
        case [first, Array(dtype="float32", shape=(2, 2)), [2, 2], False]:
            assert first == doubled
        case other:
            raise AssertionError(f"unexpected answer {other!r}")
    text = "import numpy as np\ndef f(x):\n    return [np.random.rand(), np.random.default_rng().random()]\n"
    drawn = Program.from_text(text)
    assert answer(sandbox, drawn, with_wheels("numpy")) == answer(sandbox, drawn, with_wheels("numpy"))


def test_wheel_that_is_not_installed_is_named(sandbox: StrictSandbox) -> None:
    with pytest.raises(SandboxError, match=r"'no-such-wheel'.*pip install"):
        sandbox.open(ECHO[0], with_wheels("no-such-wheel"), LIMITS)


def test_guest_has_no_descriptor_but_its_own(sandbox: StrictSandbox) -> None:
    text = (
        "import os\n"
        "def alive(fd):\n    try:\n        os.fstat(fd)\n    except OSError:\n        return False\n    return True\n"
        "def f(x):\n    return [fd for fd in range(64) if alive(fd)]\n"
    )
    with open(os.devnull):  # a descriptor of the host that must not be inherited
        assert answer(sandbox, Program.from_text(text), interface_of("f")) == [0, 1, 2, 3]


def test_guest_runs_without_root(sandbox: StrictSandbox) -> None:
    text = "import os\ndef f(x):\n    return [os.getuid(), os.geteuid(), os.getgid(), os.getegid()]\n"
    ids = answer(sandbox, Program.from_text(text), interface_of("f"))
    assert isinstance(ids, list)
    assert 0 not in ids
    assert sandbox.features.uid in ids


def test_broken_zygote_is_started_again(sandbox: StrictSandbox) -> None:
    broken = sandbox.zygote_pid
    os.kill(broken, signal.SIGKILL)
    end = time.monotonic() + 10.0
    while sandbox.zygote_pid == broken and time.monotonic() < end:  # it may live on for an instant
        assert answer(sandbox, *ECHO, 5) == 5
    assert sandbox.zygote_pid != broken
    assert answer(sandbox, *ECHO, 5) == 5


def test_death_of_the_zygote_is_no_fault_of_the_candidate(sandbox: StrictSandbox) -> None:
    guest = sandbox.open(Program.from_text("def f(x):\n    while True: pass\n"), interface_of("f"), LIMITS)
    killer = threading.Timer(0.2, os.kill, (sandbox.zygote_pid, signal.SIGKILL))
    killer.start()
    with pytest.raises(SandboxError, match="zygote is gone"):
        guest.call("f", 0)
    killer.join()
    guest.close()
    assert answer(sandbox, *ECHO, 5) == 5


def test_guests_of_several_threads_do_not_meet(sandbox: StrictSandbox) -> None:
    wrong: list[Value] = []

    def work(number: int) -> None:
        guest = sandbox.open(*ECHO, LIMITS)
        wrong.extend(got for i in range(50) if (got := guest.call("f", [number, i])) != [number, i])
        guest.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


HOST = """
import sys
from thekla.sandbox import StrictSandbox
from thekla.testing.sandboxes import LIMITS, interface_of
from thekla.core.program import Program
sandbox = StrictSandbox(test_itself=False)
guest = sandbox.open(Program.from_text("def f(x):\\n    while True: pass\\n"), interface_of("f"), LIMITS)
print(sandbox.zygote_pid, guest.pid, flush=True)
guest.call("f", 0)
"""


def test_nothing_outlives_a_killed_host() -> None:
    with subprocess.Popen([sys.executable, "-c", HOST], stdout=subprocess.PIPE, text=True) as host:
        assert host.stdout is not None
        pids = [int(pid) for pid in host.stdout.readline().split()]
        assert len(pids) == 2
        assert all(Path(f"/proc/{pid}").exists() for pid in pids)
        host.kill()
    end = time.monotonic() + 10.0
    while any(alive(pid) for pid in pids) and time.monotonic() < end:
        time.sleep(0.02)
    assert not any(alive(pid) for pid in pids)


def alive(pid: int) -> bool:
    """Whether the process runs; a zombie that nobody reaps does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_closing_ends_all_guests() -> None:
    sandbox = StrictSandbox(test_itself=False)
    guest = sandbox.open(*ECHO, LIMITS)
    pids = [guest.pid, sandbox.zygote_pid]
    sandbox.close()
    end = time.monotonic() + 10.0
    while any(alive(pid) for pid in pids) and time.monotonic() < end:
        time.sleep(0.02)
    assert not any(alive(pid) for pid in pids)
    guest.close()
    assert guest.usage.wall_s > 0


def test_without_namespaces_the_tier_holds_or_says_why_not() -> None:
    report = diagnose(namespaces=False)
    if report.holds:
        assert all(found.stopped for found in report.probes)
        assert "see size and times" in report.residue[0]
    else:
        # The interpreter of these tests lies in a folder of root's that an unprivileged guest cannot enter.
        assert os.geteuid() == 0
        assert "install Python where all users can read it" in report.reason


def test_strict_tier_holds_here() -> None:
    report = diagnose()
    assert report.reason == ""
    assert report.holds
    assert len(report.probes) > 15
    assert all(found.stopped for found in report.probes)
    assert {"landlock", "seccomp", "namespaces"} <= set(report.kernel)


def test_test_of_itself_sees_that_the_trusted_tier_is_none() -> None:
    with TrustedSandbox() as trusted:
        harmless = {"read a file of this user", "read /etc/passwd", "list a folder", "open a TCP socket"}
        found = {p.name: p for p in probe(trusted, only=harmless)}
    assert set(found) == harmless
    assert not any(p.stopped for p in found.values())
    with pytest.raises(SandboxError, match=r"a guest could .*read /etc/passwd.*thekla doctor"):
        require(tuple(found.values()), tier="strict")


def test_residue_is_no_reason_to_refuse() -> None:
    require([Probe(name="see the time", stopped=False, detail="12:00", decisive=False)], tier="strict")


def test_tier_is_refused_where_an_attack_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "thekla.sandbox.strict.probe",
        lambda *_, **__: (Probe(name="fork", stopped=False, detail="forked", decisive=True),),
    )
    with pytest.raises(SandboxError, match="a guest could fork"):
        StrictSandbox()


def test_tier_is_refused_on_an_unknown_architecture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    with pytest.raises(SandboxError, match=r"riscv64.*thekla doctor"):
        StrictSandbox()


def test_tier_is_refused_without_landlock(monkeypatch: pytest.MonkeyPatch) -> None:
    from thekla.sandbox import launch

    sources = launch._sources()
    sources["confine"] = sources["confine"].replace("_LANDLOCK_CREATE, _LANDLOCK_ADD_RULE", "_X, _LANDLOCK_ADD_RULE")
    sources["confine"] += "\n_LANDLOCK_CREATE = 999\n"
    monkeypatch.setattr(launch, "_sources", lambda: sources)
    with pytest.raises(SandboxError, match=r"no Landlock.*thekla doctor"):
        StrictSandbox()


def test_large_frames_cross_both_ways(sandbox: StrictSandbox) -> None:
    wide = Limits(wall_s=20.0, cpu_s=10.0, memory_mb=256, frame_kib=8192)
    guest = sandbox.open(*ECHO, wide)
    order = list(range(500_000))
    assert guest.call("f", order) == order
    guest.close()


def test_guest_that_never_reads_is_ended_in_time(sandbox: StrictSandbox) -> None:
    text = "def f(x):\n    return ask_host()\n"
    limits = Limits(wall_s=1.0, cpu_s=10.0, memory_mb=256, frame_kib=8192)
    guest = sandbox.open(Program.from_text(text), interface_of("f", given=("ask_host",)), limits)
    guest.serve("ask_host", lambda: "x" * 1000)
    assert guest.call("f", 0) == "x" * 1000
    assert guest.served == {"ask_host": 1}
    guest.close()
    body = '[2,"ask_host",[]]'
    text = (
        "import os, struct\n"
        f"def f(x):\n    os.write(3, struct.pack('<II', {len(body)}, 2) + b'{body}')\n    while True: pass\n"
    )
    deaf = sandbox.open(Program.from_text(text), interface_of("f"), limits)
    deaf.serve("ask_host", lambda: "x" * (4 << 20))
    with pytest.raises(GuestFault) as caught:
        deaf.call("f", 0)
    assert caught.value.kind == "timeout"
