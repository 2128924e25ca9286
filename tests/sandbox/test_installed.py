"""The attacks against an installed wheel, as this user and as an unprivileged one; and a thousand in a row."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from thekla.core.errors import GuestFault
from thekla.core.evaluation import Limits
from thekla.core.program import Program
from thekla.sandbox import StrictSandbox
from thekla.testing.arena import ORDER
from thekla.testing.attacks import ATTACKS
from thekla.testing.sandboxes import fault_of

ROOT = Path(__file__).parents[2]
ATTACK_ALL = """
import json, os, sys
from thekla.core.evaluation import Limits
from thekla.sandbox import StrictSandbox
from thekla.testing.arena import Arena, evaluator_of
from thekla.testing.attacks import ATTACKS
import thekla
with StrictSandbox() as sandbox:
    limits = Limits(wall_s=1.0, cpu_s=1.0, memory_mb=256)
    with Arena(evaluator_of(sandbox, limits), wall_s=6.0) as arena:
        damage = {f"{one.category}: {one.name}": arena.damage(one) for one in ATTACKS}
        found = {name: what for name, what in damage.items() if what}
        about = {"place": thekla.__file__, "uid": os.geteuid(), "honest": arena.honest, "tried": len(damage)}
        print(json.dumps({**about, "found": found, "guest": sandbox.features.uid}))
"""


@pytest.fixture(scope="module")
def installed() -> Iterator[Path]:
    """A folder with Thekla as its wheel installs it, which every user can read."""
    with tempfile.TemporaryDirectory(prefix="thekla-installed-") as folder:
        build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
        subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
        (wheel,) = Path(folder).glob("*.whl")
        place = Path(folder) / "site"
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target", str(place)]
        subprocess.run([*install, str(wheel)], check=True, capture_output=True)
        os.chmod(folder, 0o755)
        yield place


def interpreter() -> str:
    """One that every user can read: this one, or Debian's."""
    places = (os.path.realpath(sys.executable), shutil.which("python3", path="/usr/bin:/usr/local/bin"))
    for place in filter(None, places):
        real = Path(place).resolve()
        if all(os.stat(folder).st_mode & 0o5 == 0o5 for folder in (real, *real.parents)):
            return place
    raise AssertionError("no interpreter that every user can read; apt install python3")


@pytest.mark.slow
@pytest.mark.parametrize("user", ["this user", "nobody"])
def test_no_attack_succeeds_against_the_installed_package(installed: Path, user: str) -> None:
    as_root = os.geteuid() == 0
    if user == "nobody" and not as_root:
        user = "this user"  # who is unprivileged already
    command = [interpreter(), "-s", "-P", "-c", ATTACK_ALL]
    process = subprocess.run(
        command,
        env={"PYTHONPATH": str(installed), "PATH": "/usr/bin:/bin"},
        user=65534 if user == "nobody" else None,
        group=65534 if user == "nobody" else None,
        extra_groups=[] if user == "nobody" else None,
        cwd="/",
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert process.returncode == 0, process.stderr[-2000:]
    said: dict[str, Any] = json.loads(process.stdout)
    assert said["place"].startswith(str(installed))
    assert said["uid"] == (65534 if user == "nobody" else os.geteuid())
    assert said["guest"] != 0
    assert said["tried"] == len(ATTACKS)
    assert said["honest"] is not None
    assert said["found"] == {}


HOSTILE = (
    "import os\ndef f(x):\n    while True: os.fork()\n",
    "import os\ndef f(x):\n    os._exit(3)\n",
    "import ctypes\ndef f(x):\n    ctypes.string_at(0)\n",
    "import os\ndef f(x):\n    os.kill(os.getppid(), 9)\n",
    "import os\ndef f(x):\n    os.closerange(0, 64)\n",
    "import os\ndef f(x):\n    while True: os.dup(3)\n",
    "def f(x):\n    open('/tmp/thekla-litter-x', 'w').write('x')\n",
    "def f(x):\n    return 'x' * 10**6\n",
    "import os\ndef f(x):\n    os.write(3, b'x' * 100)\n    return 1\n",
    "def f(x):\n    raise SystemExit\n",
    "import threading\ndef f(x):\n    threading.Thread(target=print).start()\n",
    "import socket\ndef f(x):\n    socket.socket()\n",
    "def f(x):\n    return bytearray(10**10)\n",
    "import os\nos.execv('/bin/sh', ['sh'])\n",
)


@pytest.mark.slow
def test_thousand_hostile_programs_leave_nothing_behind() -> None:
    with StrictSandbox() as sandbox:
        processes, descriptors = family(sandbox.zygote_pid), os.listdir("/proc/self/fd")
        files = {path.name for folder in (tempfile.gettempdir(), "/dev/shm") for path in Path(folder).glob("thekla-l*")}
        limits = Limits(wall_s=10.0, cpu_s=2.0, memory_mb=64)
        for number in range(1000):
            fault_of(sandbox, HOSTILE[number % len(HOSTILE)], limits=limits)
        assert family(sandbox.zygote_pid) == processes
        assert os.listdir("/proc/self/fd") == descriptors
    assert files == {
        path.name for folder in (tempfile.gettempdir(), "/dev/shm") for path in Path(folder).glob("thekla-l*")
    }


@pytest.mark.slow
def test_looping_program_ends_soon_after_its_limit() -> None:
    """Soon is 0.5 s on an idle machine; the test takes the best of several, since this one may be busy."""
    with StrictSandbox() as sandbox:
        late_s = []
        for _ in range(8):
            guest = sandbox.open(
                Program.from_text("def order(jobs):\n    while True: pass\n"), ORDER, Limits(wall_s=0.5, cpu_s=5.0)
            )
            with pytest.raises(GuestFault, match=r"0\.5 s of wall"):
                guest.call("order", [])
            late_s.append(guest.usage.wall_s - 0.5)
            assert not Path(f"/proc/{guest.pid}").exists()
    assert min(late_s) < 0.5


def family(root: int) -> set[int]:
    """The processes that descend from `root`."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:  # it ended while we looked
                continue
    found = {root}
    while grown := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= grown
    return found
