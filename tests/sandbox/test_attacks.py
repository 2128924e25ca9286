"""Programs that attack: none gets anything, and the next honest program is judged as before."""

from __future__ import annotations

import contextlib
import os
import platform
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from thekla.core.errors import GuestFault
from thekla.core.evaluation import Limits
from thekla.core.program import Program
from thekla.core.values import Value
from thekla.sandbox import StrictSandbox
from thekla.testing.sandboxes import LIMITS, fault_of, interface_of

HONEST = Program.from_text(
    "import random, json, math, uuid\n"
    "def f(x):\n"
    "    return [sorted(x), sum(x), random.random(), json.dumps(x), math.pi, str(uuid.uuid4()), abs(-3), len(x)]\n"
)
SMALL = Limits(wall_s=20.0, cpu_s=10.0, memory_mb=64)
SHORT = Limits(wall_s=0.3, cpu_s=5.0, memory_mb=64)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[StrictSandbox]:
    with StrictSandbox() as made:
        yield made


def honest(sandbox: StrictSandbox) -> Value:
    guest = sandbox.open(HONEST, interface_of("f"), LIMITS, seed=7)
    answer = guest.call("f", [3, 1, 2])
    guest.close()
    return answer


@pytest.fixture(scope="module")
def expected(sandbox: StrictSandbox) -> Value:
    return honest(sandbox)


@pytest.fixture(autouse=True)
def _leaves_nothing_behind(sandbox: StrictSandbox, expected: Value) -> Iterator[None]:
    yield
    assert honest(sandbox) == expected
    assert guests_alive(sandbox) == 0


def guests_alive(sandbox: StrictSandbox) -> int:
    """How many processes descend from the sandbox besides its zygote."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:  # it ended while we looked
                continue
            parents[int(entry.name)] = int(fields[1])
    family = {sandbox.zygote_pid}
    while grown := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= grown
    return len(family) - (2 if "pid" in sandbox.features.namespaces else 1)


def tried(body: str, *, prelude: str = "") -> str:
    """A program that runs `body` and answers what it got, or `stopped: ` with the error."""
    lines = "".join(f"        {line}\n" for line in body.splitlines())
    return (
        f"import os, sys, ctypes\n{prelude}\nlibc = ctypes.CDLL(None, use_errno=True)\n"
        "def raw(*args):\n"
        "    got = libc.syscall(*[ctypes.c_long(a) if isinstance(a, int) else a for a in args])\n"
        "    if got < 0:\n        raise OSError(ctypes.get_errno(), 'refused')\n"
        "    return got\n"
        f"def f(x):\n    try:\n{lines}    except (OSError, RuntimeError, ValueError) as error:\n"
        "        return 'stopped: ' + type(error).__name__\n"
    )


def answer_of(sandbox: StrictSandbox, text: str, *args: Value, limits: Limits = LIMITS) -> Value:
    guest = sandbox.open(Program.from_text(text), interface_of("f"), limits)
    try:
        return guest.call("f", *(args or (None,)))
    finally:
        guest.close()


SYSCALL = {
    "x86_64": {"socket": 41, "clone": 56, "clone3": 435, "prctl": 157, "memfd": 319, "alarm": 37, "shmget": 29},
    "aarch64": {"socket": 198, "clone": 220, "clone3": 435, "prctl": 167, "memfd": 279, "alarm": 103, "shmget": 194},
}[platform.machine()]

REFUSED = {
    "environment of another process": "return open('/proc/1/environ', 'rb').read().hex()",
    "own memory map": "return open('/proc/self/maps').read()",
    "memory of the parent": "return open(f'/proc/{os.getppid()}/mem', 'rb').read(1).hex()",
    "password file": "return open('/etc/passwd').read()",
    "home folder": "return os.listdir(os.path.expanduser('~'))",
    "root folder": "return os.listdir('/')",
    "packages of the interpreter": "return os.listdir(os.__file__.replace('os.py', 'site-packages'))",
    "entropy device": "return open('/dev/urandom', 'rb').read(1).hex()",
    "file in a temporary folder": "open('/tmp/thekla-litter', 'w').write('x'); return 'written'",
    "file in shared memory": "open('/dev/shm/thekla-litter', 'w').write('x'); return 'written'",
    "file in the working folder": "open('litter', 'w').write('x'); return 'written'",
    "start-up file of the interpreter": "open(os.__file__.replace('os.py', 'x.pth'), 'w').write('x'); return 'written'",
    "overwriting the library": "open(os.__file__, 'a').write('x'); return 'written'",
    "removing the library": "os.unlink(os.__file__); return 'removed'",
    "symbolic link": "os.symlink('/etc/passwd', '/tmp/thekla-link'); return 'linked'",
    "new folder": "os.mkdir('/tmp/thekla-folder'); return 'made'",
    "permissions of the library": "os.chmod(os.__file__, 0o777); return 'changed'",
    "TCP": "import socket; socket.create_connection(('127.0.0.1', 80), 1); return 'connected'",
    "UDP": "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM); return 'open'",
    "abstract unix socket": "import socket; socket.socket(socket.AF_UNIX); return 'open'",
    "pair of sockets": "import socket; socket.socketpair(); return 'open'",
    "kernel crypto socket": f"return raw({SYSCALL['socket']}, 38, 5, 0)",
    "descriptor sent to the host": (
        "import socket, array\n"
        "end = socket.socket(fileno=3)\n"
        "end.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [0]))])\n"
        "return 'sent'"
    ),
    "fork": "return os.fork()",
    "raw clone": f"return raw({SYSCALL['clone']}, 17, 0, 0, 0, 0)",
    "raw clone3": f"return raw({SYSCALL['clone3']}, ctypes.create_string_buffer(88), 88)",
    "thread": "import threading\nthreading.Thread(target=print).start()\nreturn 'started'",
    "shell": "import subprocess; return subprocess.run(['sh', '-c', 'id']).returncode",
    "process pool": "import multiprocessing; multiprocessing.Process(target=print).start(); return 'started'",
    "more memory": "import resource; resource.setrlimit(resource.RLIMIT_AS, (-1, -1)); return 'raised'",
    "more CPU": "import resource; resource.setrlimit(resource.RLIMIT_CPU, (-1, -1)); return 'raised'",
    "being traceable": f"return raw({SYSCALL['prctl']}, 4, 1, 0, 0, 0)",
    "file in memory": f"return raw({SYSCALL['memfd']}, b'x', 0)",
    "shared memory segment": f"return raw({SYSCALL['shmget']}, 0, 4096, 0o1666)",
    "alarm that runs between calls": "import signal; signal.setitimer(signal.ITIMER_REAL, 0.01); return 'set'",
    "stopping itself": "import signal; signal.raise_signal(signal.SIGSTOP); return 'stopped itself'",
    "owner of a descriptor": "import fcntl; fcntl.fcntl(3, fcntl.F_SETOWN, os.getppid()); return 'set'",
    "lock as a channel between guests": "import fcntl; fcntl.lockf(3, fcntl.LOCK_EX); return 'locked'",
    "descriptor without end": "return [os.dup(3) for _ in range(10000)][-1]",
    "priority": "os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)); return 'set'",
    "another user": "os.setuid(0); return os.getuid()",
    "machine's name": "import socket; socket.sethostname('x'); return 'set'",
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED)
def test_refused(sandbox: StrictSandbox, body: str) -> None:
    assert str(answer_of(sandbox, tried(body))).startswith("stopped: ")


FATAL = {
    "signal to the parent": "os.kill(os.getppid(), 9)",
    "signal to everyone": "os.kill(-1, 9)",
    "signal to itself": "os.kill(os.getpid(), 19)",
    "signal through a descriptor": "import signal; signal.pidfd_send_signal(3, 9)",
    "debugger": "raw({'x86_64': 101, 'aarch64': 117}[os.uname().machine], 16, os.getppid(), 0, 0)",
    "memory of another process": "raw({'x86_64': 310, 'aarch64': 270}[os.uname().machine], 1, None, 0, None, 0, 0)",
    "other program": "os.execv(sys.executable, ['python'])",
    "io_uring": "raw(425, 4, ctypes.create_string_buffer(128))",
    "user namespace": "raw({'x86_64': 272, 'aarch64': 97}[os.uname().machine], 0x10000000)",
    "mount": "raw({'x86_64': 165, 'aarch64': 40}[os.uname().machine], b'x', b'/tmp', b'tmpfs', 0, None)",
    "kernel program": "raw({'x86_64': 321, 'aarch64': 280}[os.uname().machine], 0, None, 0)",
    "new root": "os.chroot('/')",
}
if platform.machine() == "x86_64":
    FATAL["call of the x32 table"] = "raw(0x40000000 | 39)"
    FATAL["call of the 32-bit table"] = (
        "import mmap\n"
        "page = mmap.mmap(-1, 4096, prot=7)\n"
        "page.write(bytes.fromhex('b814000000cd80c3'))\n"  # mov eax, 20 (getpid); int 0x80; ret
        "ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()"
    )


@pytest.mark.parametrize("body", FATAL.values(), ids=FATAL)
def test_killed_as_forbidden(sandbox: StrictSandbox, body: str) -> None:
    assert fault_of(sandbox, tried(body)).kind == "forbidden"


DEADLY = {
    "segmentation fault": ("import ctypes\ndef f(x):\n    ctypes.string_at(0)\n", "crash", "SIGSEGV"),
    "stack overflow": (
        "import sys\nsys.setrecursionlimit(10**9)\nclass A:\n    def __repr__(self): return repr(self)\n"
        "def f(x):\n    return repr(A())\n",
        "crash memory",
        "",
    ),
    "abort": ("import os\ndef f(x):\n    os.abort()\n", "crash", "SIG"),
    "exit of the process": ("import os\ndef f(x):\n    os._exit(0)\n", "crash", "exit code 0"),
    "exit while loading": ("import os\nos._exit(5)\n", "crash", "exit code 5"),
    "closed descriptors": ("import os\ndef f(x):\n    os.closerange(0, 64)\n    return 1\n", "crash", ""),
    "closed descriptors, then busy": (
        "import os\ndef f(x):\n    os.closerange(0, 64)\n    while True: pass\n",
        "crash",
        "closed its connection",
    ),
    "exception whose text never ends": (
        "class E(Exception):\n    def __str__(self):\n        while True: pass\ndef f(x):\n    raise E\n",
        "timeout cpu",
        "",
    ),
    "exception whose text raises": (
        "class E(Exception):\n    def __str__(self):\n        raise self\ndef f(x):\n    raise E\n",
        "crash",
        "cannot be shown",
    ),
    "endless loop": ("def f(x):\n    while True: pass\n", "timeout", "0.3 s of wall"),
    "endless loop while loading": ("while True: pass\n", "timeout", "0.3 s of wall"),
    "endless sleep": ("import time\ndef f(x):\n    time.sleep(1000)\n", "timeout", "0.3 s of wall"),
    "endless regular expression": (
        "import re\ndef f(x):\n    re.match('(a*)*b', 'a' * 100)\n",
        "timeout",
        "0.3 s of wall",
    ),
    "ignored signals": (
        "import signal\nfor s in set(signal.Signals) - {9, 19}:\n    signal.signal(s, signal.SIG_IGN)\n"
        "def f(x):\n    while True: pass\n",
        "timeout",
        "0.3 s of wall",
    ),
    "swallowed exceptions": (
        "def f(x):\n    while True:\n        try:\n            f(x)\n        except BaseException:\n            pass\n",
        "timeout",
        "",
    ),
    "memory bomb": ("def f(x):\n    return len(bytearray(10**10))\n", "memory", "MemoryError"),
    "slow memory bomb": ("def f(x):\n    y = []\n    while True: y.append(bytes(10**6))\n", "memory", "MemoryError"),
    "memory that is shared": (
        "import mmap\ndef f(x):\n    y = []\n    while True: y.append(mmap.mmap(-1, 1 << 24))\n",
        "crash memory",
        "",
    ),
    "huge answer": ("def f(x):\n    return 'x' * 10**7\n", "protocol", "may cross"),
    "deep answer": (
        "def f(x):\n    y = []\n    for _ in range(10**5): y = [y]\n    return y\n",
        "protocol",
        "nested",
    ),
    "huge error": ("def f(x):\n    raise ValueError('x' * 10**7)\n", "crash", "ValueError: xxx"),
    "import of the product": ("import thekla\n", "crash", "ModuleNotFoundError"),
    "import of an undeclared package": ("import hypothesis\n", "crash", "ModuleNotFoundError"),
}


@pytest.mark.parametrize(("text", "kinds", "says"), DEADLY.values(), ids=DEADLY)
def test_ends_with_the_right_fault_in_time(sandbox: StrictSandbox, text: str, kinds: str, says: str) -> None:
    started = time.monotonic()
    limits = SHORT if "timeout" in kinds else SMALL
    fault = fault_of(sandbox, text, limits=limits)
    assert fault.kind in kinds.split()
    assert says in fault.message
    assert len(fault.message) + len(fault.traceback) < 10_000
    assert time.monotonic() - started < limits.wall_s + 5.0  # 0.5 s on an idle machine


FORGED = {
    "garbage": "b'garbage!' * 10",
    "frame of 4 GiB": "struct.pack('<II', 0xFFFFFFFF, 2)",
    "frame above the cap": "struct.pack('<II', 1 << 20, 2) + b'x'",
    "answer to another call": "frame(b'[0,1]', 9)",
    "two answers": "frame(b'[0,1]') * 2",
    "NaN": "frame(b'[0,NaN]')",
    "infinity by overflow": "frame(b'[0,1e999]')",
    "duplicate keys": 'frame(b\'[0,{"a":1,"a":2}]\')',
    "lone surrogate": "frame(b'[0,\"\\\\ud800\"]')",
    "broken encoding": "frame(b'[0,\"\\xff\"]')",
    "integer beyond 64 bits": "frame(b'[0,9223372036854775808]')",
    "integer of a million digits": "frame(b'[0,' + b'9' * 60000 + b']')",
    "nesting": "frame(b'[0,' + b'[' * 20000 + b']' * 20000 + b']')",
    "nesting of 70 levels": "frame(b'[0,' + b'[' * 70 + b']' * 70 + b']')",
    "white space": "frame(b'[0, 1]')",
    "flag for a number": "frame(b'[false,1]')",
    "unknown kind of message": "frame(b'[9,1]')",
    "fault that blames the host": 'frame(b\'[1,"infrastructure","disk full",""]\')',
    "array with a lying shape": 'frame(b\'[0,{"$array":["int64",[2],"AAAAAAAAAAA="]}]\')',
    "array of an unknown type": 'frame(b\'[0,{"$array":["object",[1],"AAAAAAAAAAA="]}]\')',
    "pickle": "frame(b'\\x80\\x04K\\x01.')",
    "nothing": "frame(b'')",
}


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED)
def test_forged_frame_is_a_fault_of_the_protocol(sandbox: StrictSandbox, forged: str) -> None:
    text = (
        "import os, struct\n"
        "def frame(body, number=2):\n    return struct.pack('<II', len(body), number) + body\n"
        f"def f(x):\n    os.write(3, {forged})\n    while True: pass\n"
    )
    assert fault_of(sandbox, text).kind == "protocol"


def test_answer_before_the_question_is_refused(sandbox: StrictSandbox) -> None:
    text = "import os, struct\ndef f(x):\n    os.write(3, struct.pack('<II', 5, 3) + b'[0,1]')\n    return 0\n"
    guest = sandbox.open(Program.from_text(text), interface_of("f"), LIMITS)
    with contextlib.suppress(GuestFault):
        guest.call("f", 0)  # refused here already, if both frames come together
    with pytest.raises(GuestFault, match=r"more than one|not made"):
        guest.call("f", 0)


def test_environment_is_empty_but_for_what_makes_runs_equal(
    sandbox: StrictSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THEKLA_TEST_KEY", "a secret of the host")
    names = answer_of(sandbox, "import os\ndef f(x):\n    return sorted(os.environ)\n")
    assert names == ["LANG", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "PYTHONHASHSEED"]


def test_files_of_this_user_stay_unread(sandbox: StrictSandbox) -> None:
    with tempfile.NamedTemporaryFile() as file:
        os.fchmod(file.fileno(), 0o644)
        assert str(answer_of(sandbox, tried(f"return open({file.name!r}).read()"))).startswith("stopped: ")


def test_standard_library_can_be_read(sandbox: StrictSandbox) -> None:
    text = (
        "def f(x):\n    import difflib, sched, colorsys, urllib.parse\n    return open(difflib.__file__).readline()\n"
    )
    assert answer_of(sandbox, text)


def test_no_guest_sees_what_another_was_told(sandbox: StrictSandbox) -> None:
    secret = "5ecret"
    one = sandbox.open(
        Program.from_text(f"kept = '{secret}-text'\ndef f(x):\n    global g; g = x\n"), interface_of("f"), LIMITS
    )
    one.call("f", f"{secret}-argument")
    text = (
        "import gc\n"
        "def f(x):\n"
        "    found = gc.get_objects()\n"
        "    found += [v for d in found if type(d) is dict for v in d.values()]\n"
        f"    return [o[:99] for o in found if type(o) is str and o.startswith({secret!r}) and '-' in o]\n"
    )
    assert answer_of(sandbox, text) == []
    one.close()


def test_patched_process_ends_with_its_guest(sandbox: StrictSandbox) -> None:
    text = (
        "import builtins, json, math, random, uuid, sys, time\n"
        "builtins.sorted = builtins.len = builtins.sum = builtins.abs = lambda *a, **k: 0\n"
        "json.dumps = lambda *a, **k: '0'\nmath.pi = 3\nrandom.random = lambda: 0.5\n"
        "sys.modules['uuid'] = None\ntime.process_time = time.monotonic = lambda: 0.0\n"
        "def f(x):\n    return 0\n"
    )
    with contextlib.suppress(GuestFault):
        answer_of(sandbox, text)
    # The fixture then compares an honest program's answer.


def test_argument_that_a_program_changes_stays_as_it_was(sandbox: StrictSandbox) -> None:
    jobs: list[Value] = [1, 2, 3]
    answer_of(sandbox, "def f(x):\n    x.clear()\n", jobs)
    assert jobs == [1, 2, 3]


def test_flood_of_output_goes_nowhere(sandbox: StrictSandbox, capfd: pytest.CaptureFixture[str]) -> None:
    text = (
        "import sys\n"
        "def f(x):\n"
        "    for _ in range(100):\n        print('x' * 10**5)\n        sys.stderr.write('y' * 10**5)\n"
        "    return 1\n"
    )
    assert answer_of(sandbox, text) == 1
    assert capfd.readouterr() == ("", "")


def test_cpu_limit_below_a_second_holds(sandbox: StrictSandbox) -> None:
    fault = fault_of(sandbox, "def f(x):\n    while True: pass\n", limits=Limits(wall_s=20.0, cpu_s=0.2))
    assert fault.kind == "cpu"


def test_cpu_time_comes_from_the_kernel(sandbox: StrictSandbox) -> None:
    text = (
        "import time\nclock = time.process_time\ntime.process_time = lambda: 0.0\n"
        "def f(x):\n    end = clock() + 0.2\n    while clock() < end: pass\n"
    )
    guest = sandbox.open(Program.from_text(text), interface_of("f"), LIMITS)
    guest.call("f", 0)
    guest.close()
    assert 0.15 < guest.usage.cpu_s < 2.0


def test_memory_use_is_seen_after_death(sandbox: StrictSandbox) -> None:
    text = "import os\ndef f(x):\n    y = b'x' * (100 << 20)\n    os._exit(0)\n"
    guest = sandbox.open(Program.from_text(text), interface_of("f"), LIMITS)
    with pytest.raises(GuestFault):
        guest.call("f", 0)
    assert 100 < guest.usage.peak_memory_mb < 160


def test_all_entropy_comes_from_the_seed(sandbox: StrictSandbox) -> None:
    text = (
        "import os, random, secrets, uuid, tempfile\n"
        "def f(x):\n"
        "    random.seed()\n"
        "    return [os.urandom(4).hex(), random.random(), random.Random().random(), random.SystemRandom().random(),\n"
        "            secrets.token_hex(4), str(uuid.uuid4()), hash('text'), list({'a', 'b', 'c', 'd'})]\n"
    )

    def drawn(seed: int) -> Value:
        guest = sandbox.open(Program.from_text(text), interface_of("f"), LIMITS, seed=seed)
        answer = guest.call("f", 0)
        guest.close()
        return answer

    assert drawn(1) == drawn(1) != drawn(2)
