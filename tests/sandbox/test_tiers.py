"""The tiers around the strict one and below it: what each holds, and that each refuses with the reason."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from thekla.core.errors import SandboxError
from thekla.core.evaluation import Limits
from thekla.core.program import Program
from thekla.core.protocols import Sandbox
from thekla.sandbox import BubblewrapSandbox, ContainerSandbox, ProcessSandbox, StrictSandbox, launch
from thekla.sandbox.enclosures import Bubblewrap, Container, Launch
from thekla.sandbox.selftest import probe
from thekla.testing.sandboxes import ECHO, LIMITS, SandboxConformance, fault_of, interface_of

LAUNCH = Launch(
    arguments=("-s", "-c", "print()"),
    environment={"LANG": "C.UTF-8"},
    readable=("/opt/wheel",),
    dies_with_parent=True,
    uid=65533,
)
LOOKS_AROUND = (
    "import os\n"
    "def f(x):\n"
    "    found = {}\n"
    "    for path in x:\n"
    "        try:\n            found[path] = sorted(os.listdir(path))\n"
    "        except OSError as error:\n            found[path] = type(error).__name__\n"
    "    return [os.getpid() < 100, os.uname().nodename, found]\n"
)

# `make test` needs no more than the README names; CI installs the package, and nothing skips there.
needs_bubblewrap = pytest.mark.skipif(
    shutil.which("bwrap") is None and "CI" not in os.environ, reason="no bwrap here: apt install bubblewrap"
)


@pytest.fixture(scope="module")
def bubblewrap() -> Iterator[Sandbox]:
    with BubblewrapSandbox() as made:
        yield made


@needs_bubblewrap
def test_bubblewrap_stops_all_that_the_strict_tier_stops(bubblewrap: BubblewrapSandbox) -> None:
    assert bubblewrap.tier == "bubblewrap"
    assert [found.name for found in probe(bubblewrap) if not found.stopped] == []
    assert bubblewrap.features.landlock > 0
    assert bubblewrap.features.uid != 0


@needs_bubblewrap
def test_bubblewrap_shows_a_guest_no_file_of_the_host(bubblewrap: BubblewrapSandbox) -> None:
    guest = bubblewrap.open(Program.from_text(LOOKS_AROUND), interface_of("f"), LIMITS)
    assert guest.call("f", ["/", "/tmp", "/etc", "/proc"]) == [
        True,
        os.uname().nodename,
        {"/": "PermissionError", "/tmp": "FileNotFoundError", "/etc": "PermissionError", "/proc": "PermissionError"},
    ]
    guest.close()


@needs_bubblewrap
def test_bubblewrap_ends_with_its_sandbox() -> None:
    sandbox = BubblewrapSandbox(test_itself=False)
    guest = sandbox.open(*ECHO, LIMITS)
    pids = [guest.pid, sandbox.zygote_pid]
    sandbox.close()
    assert _gone(pids)
    guest.close()


def test_bubblewrap_is_refused_where_it_is_not_installed() -> None:
    with pytest.raises(SandboxError, match=r"needs the program bwrap.*apt install bubblewrap"):
        BubblewrapSandbox("no-such-bwrap")


def test_bubblewrap_is_refused_where_it_may_not_make_namespaces(tmp_path: Path) -> None:
    failing = _script(tmp_path / "bwrap", "echo 'bwrap: No permissions to create new namespace' >&2; exit 1")
    with pytest.raises(SandboxError, match=r"No permissions to create new namespace.*thekla doctor"):
        BubblewrapSandbox(str(failing))


@needs_bubblewrap
def test_bubblewrap_runs_an_ordinary_user_in_a_user_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    command = Bubblewrap().command(LAUNCH)
    assert "--unshare-all" in command
    assert "--cap-add" not in command
    assert command[command.index("/opt/wheel", command.index("--ro-bind")) - 1] == "--ro-bind"
    assert {"--die-with-parent", "--clearenv", "--remount-ro"} <= set(command)


def test_process_tier_writes_nothing_and_says_what_it_lacks() -> None:
    with ProcessSandbox(namespaces=False, test_itself=False) as sandbox:
        found = probe(sandbox, conceded=sandbox.conceded)
        assert [one.name for one in found if one.decisive and not one.stopped] == []
        assert {one.name for one in found if not one.stopped} >= {"read /etc/passwd", "read a file of this user"}
        text = "import os\ndef f(x):\n    open(x, 'w')\n"
        assert "PermissionError" in fault_of(sandbox, text, "/tmp/thekla-litter").message
        assert not Path("/tmp/thekla-litter").exists()


def test_process_tier_needs_no_landlock(monkeypatch: pytest.MonkeyPatch) -> None:
    _without("confine", "_LANDLOCK_CREATE, _LANDLOCK_ADD_RULE", "_X, _LANDLOCK_ADD_RULE", monkeypatch, number=999)
    with pytest.raises(SandboxError, match=r"no Landlock.*thekla doctor"):
        StrictSandbox()
    with ProcessSandbox() as sandbox:
        assert sandbox.features.landlock == 0
        guest = sandbox.open(*ECHO, LIMITS)
        assert guest.call("f", 1) == 1
        guest.close()


@pytest.mark.parametrize("tier", [StrictSandbox, ProcessSandbox])
def test_every_tier_is_refused_where_seccomp_is(tier: type[StrictSandbox], monkeypatch: pytest.MonkeyPatch) -> None:
    sources = launch._sources()
    changed = sources["confine"].replace('_prctl("seccomp", _PR_SET_SECCOMP, 2', '_prctl("seccomp", _PR_SET_SECCOMP, 9')
    assert changed != sources["confine"]
    monkeypatch.setattr(launch, "_sources", lambda: sources | {"confine": changed})
    with pytest.raises(SandboxError, match=r"kernel refuses the filter of system calls.*thekla doctor"):
        tier()


def test_strict_tier_holds_where_namespaces_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    _without("confine", '"unshare", _LIBC.unshare(', '"unshare", -1 + 0 * _LIBC.umask(', monkeypatch)
    if os.geteuid() == 0 and not _open_to_all(sys.base_prefix):
        with pytest.raises(SandboxError, match="install Python where all users can read it"):
            StrictSandbox()
    else:
        with StrictSandbox() as sandbox:
            assert sandbox.features.namespaces == ()
            assert sandbox.features.missing


def _open_to_all(path: str) -> bool:
    return all(os.stat(place).st_mode & 0o5 == 0o5 for place in (path, *map(str, Path(path).parents)))


def test_container_starts_without_network_rights_or_anything_to_write(monkeypatch: pytest.MonkeyPatch) -> None:
    command = Container(sys.executable, "image").command(LAUNCH, name="thekla-x", folder="/tmp/talk")
    assert command[:3] == [sys.executable, "run", "--rm"]
    assert {
        "--pull=never",
        "--network=none",
        "--ipc=none",
        "--read-only",
        "--cap-drop=ALL",
        "--security-opt=no-new-privileges",
        "--pids-limit=4096",
        "--env=LANG=C.UTF-8",
        "--volume=/tmp/talk:/tmp/talk:ro",
        "--volume=/opt/wheel:/opt/wheel:ro",
    } <= set(command)
    assert command[command.index("image") - 1] == "--entrypoint=python3"
    assert command[command.index("image") + 1 : -1] == ["-s", "-c"]
    assert "/tmp/talk/control" in command[-1]
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(os, "getegid", lambda: 1000)
    assert "--user=1000:1000" in Container(sys.executable, "image").command(LAUNCH, name="x", folder="/t")


def test_container_is_refused_without_an_engine() -> None:
    with pytest.raises(SandboxError, match=r"needs no-such-engine, which is not installed"):
        ContainerSandbox("no-such-engine")


def test_container_is_refused_with_the_engines_own_words(tmp_path: Path) -> None:
    failing = _script(tmp_path / "docker", "echo 'docker: Cannot connect to the Docker daemon.' >&2; exit 125")
    with pytest.raises(SandboxError, match=r"no container of image some-image .*Cannot connect to the Docker daemon"):
        ContainerSandbox(str(failing), "some-image")


def test_container_speaks_through_a_socket_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that runs the command right here stands in for one; what it would enclose is not tested by this."""
    monkeypatch.setattr(Container, "namespaces", ())
    with ContainerSandbox(str(_engine(tmp_path)), "image", test_itself=False) as sandbox:
        guest = sandbox.open(*ECHO, LIMITS)
        assert guest.call("f", [1, 2]) == [1, 2]
        guest.close()
        assert sandbox.tier == "container"
    assert (tmp_path / "calls").read_text() == "run\n"


def test_container_of_another_python_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "_BOOTSTRAP", launch._BOOTSTRAP.replace("sys.version_info[:2]", "(3, 2)"))
    with pytest.raises(SandboxError, match=r"has Python 3\.2, which is not the version that runs Thekla"):
        ContainerSandbox(str(_engine(tmp_path)), "image")


THREADS = (
    "import threading\n"
    "def f(x):\n"
    "    done = []\n"
    "    gate = threading.Barrier(x + 1)\n"
    "    def work(i):\n        gate.wait(); done.append(i)\n"
    "    threads = [threading.Thread(target=work, args=(i,)) for i in range(x)]\n"
    "    for t in threads: t.start()\n"
    "    gate.wait()\n"
    "    for t in threads: t.join()\n"
    "    return sorted(done)\n"
)


@pytest.fixture(scope="module")
def strict() -> Iterator[StrictSandbox]:
    with StrictSandbox(test_itself=False) as made:
        yield made


def test_threads_run_only_where_a_problem_asks_and_as_many_as_it_asks_for(strict: StrictSandbox) -> None:
    four = Limits(wall_s=20.0, cpu_s=10.0, memory_mb=256, threads=4)
    guest = strict.open(Program.from_text(THREADS), interface_of("f"), four)
    assert guest.call("f", 3) == [0, 1, 2]
    guest.close()
    assert "can't start new thread" in fault_of(strict, THREADS, 4, limits=four).message
    assert "can't start new thread" in fault_of(strict, THREADS, 1).message


def test_no_thread_of_one_guest_counts_against_another(strict: StrictSandbox) -> None:
    two = Limits(wall_s=20.0, cpu_s=10.0, memory_mb=256, threads=2)
    keep = "import threading\ndef f(x):\n    threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
    guests = [strict.open(Program.from_text(keep), interface_of("f"), two) for _ in range(4)]
    for guest in guests:
        guest.call("f", 0)
    for guest in guests:
        guest.close()


def test_threads_allow_no_process(strict: StrictSandbox) -> None:
    four = Limits(wall_s=20.0, cpu_s=10.0, memory_mb=256, threads=4)
    for text in ("import os\ndef f(x):\n    os.fork()\n", "import os\ndef f(x):\n    os.execv('/bin/sh', ['sh'])\n"):
        assert fault_of(strict, text, limits=four).kind in ("crash", "forbidden")


def test_cpu_time_of_all_threads_counts(strict: StrictSandbox) -> None:
    two = Limits(wall_s=20.0, cpu_s=0.3, memory_mb=256, threads=2)
    busy = (
        "import threading, hashlib\n"
        "def work():\n    while True: hashlib.sha256(bytes(10**6))\n"
        "def f(x):\n    threading.Thread(target=work, daemon=True).start(); work()\n"
    )
    assert fault_of(strict, busy, limits=two).kind == "cpu"


def test_numpy_gets_the_threads_that_a_problem_asks_for(strict: StrictSandbox) -> None:
    text = (
        "import os\nimport numpy as np\n"
        "def f(x):\n    a = np.ones((300, 300)); b = a @ a\n"
        "    return [float(b[0, 0]), os.environ['OPENBLAS_NUM_THREADS']]\n"
    )
    plain = interface_of("f")
    interface = type(plain)(functions=plain.functions, wheels=("numpy",))
    two = Limits(wall_s=60.0, cpu_s=30.0, memory_mb=512, threads=2)
    guest = strict.open(Program.from_text(text), interface, two)
    assert guest.call("f", 0) == [300.0, "2"]
    guest.close()


@pytest.mark.slow
@needs_bubblewrap
class TestBubblewrapSandbox(SandboxConformance):
    def make_sandbox(self) -> Sandbox:
        return BubblewrapSandbox(test_itself=False)


@pytest.mark.slow
class TestProcessSandbox(SandboxConformance):
    def make_sandbox(self) -> Sandbox:
        return ProcessSandbox(test_itself=False)


def _without(module: str, old: str, new: str, monkeypatch: pytest.MonkeyPatch, *, number: int | None = None) -> None:
    sources = launch._sources()
    assert old in sources[module]
    changed = sources[module].replace(old, new)
    if number is not None:
        changed += f"\n_LANDLOCK_CREATE = {number}\n"
    monkeypatch.setattr(launch, "_sources", lambda: sources | {module: changed})


def _script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def _engine(folder: Path) -> Path:
    """A stand-in for Docker that runs what follows the image with this interpreter."""
    return _script(
        folder / "docker",
        f"""echo "$1" >> {folder}/calls
while [ "$1" != image ]; do
    case "$1" in --env=*) export "${{1#--env=}}" ;; esac
    shift
done
shift
exec {sys.executable} "$@\"""",
    )


def _gone(pids: list[int]) -> bool:
    end = time.monotonic() + 10.0
    while time.monotonic() < end:
        listed = subprocess.run(["ps", "-o", "stat=", "-p", ",".join(map(str, pids))], capture_output=True, text=True)
        if not [line for line in listed.stdout.split() if not line.startswith("Z")]:
            return True
        time.sleep(0.05)
    return False
