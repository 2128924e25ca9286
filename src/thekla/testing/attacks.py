"""Programs that attack whatever evaluates them: what a sandbox must survive, and what others let through.

Each is a program for the little problem of `thekla.testing.arena`: put jobs into an order. Its decisions are the jobs'
own order, so that only what it does besides can change its score.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from string import Template
from typing import Final

__all__ = ["ATTACKS", "SECRET_PREFIX", "Attack"]

SECRET_PREFIX: Final = "THEKLA-CANARY-"
_FRAME: Final = Template(
    """\
import os, sys, time, ctypes, signal
FOLDER, SECRET, HOME, PORT, PARENT = $folder, $secret, $home, $port, $parent
PREFIX = "THEKLA-" + "CANARY-"
def leave(name="mark", text="x"):
    with open(os.path.join(FOLDER, name), "w") as file:
        file.write(text)
$prelude
def attack(jobs):
$body
def order(jobs):
    count = len(jobs)
    try:
        loot = attack(jobs)
    except (OSError, ImportError, AttributeError, RuntimeError, ValueError, TypeError, KeyError):
        loot = None
    if isinstance(loot, (str, bytes)):
        raise RuntimeError(loot)
    return list(range(count)) if loot is None else loot
"""
)


@dataclass(frozen=True, kw_only=True)
class Attack:
    """A program that attacks.

    Args:
        category: What it is after, as in the documentation's table.
        body: Of its function `attack(jobs)`. A text or bytes that it returns leave through an error's message; anything
            else but None is the program's answer.
        prelude: Runs when the program is loaded.
        late: Whether its work may be seen only after its evaluation.
        over: Whether it uses more than it may, so that it must not be scored.
        twice: Whether two evaluations of it must agree.
    """

    name: str
    category: str
    body: str
    prelude: str = ""
    late: bool = False
    over: bool = False
    twice: bool = False

    def text(self, places: Mapping[str, str | int]) -> str:
        """The program.

        Args:
            places: `folder` that it shall change, `secret` file that it shall read, `home` folder, `port` that
                listens and `parent` process, which evaluates it.
        """
        body = "".join(f"    {line}\n" for line in self.body.strip().splitlines())
        return _FRAME.substitute({k: repr(v) for k, v in places.items()}, prelude=self.prelude, body=body)


_LATER = "time.sleep(0.2); leave()"
_SOCKET = "import socket\n"

_SECRETS: Mapping[str, str] = {
    "environment": "return repr(dict(os.environ))",
    "environment of other processes": (
        "found = []\n"
        "for pid in filter(str.isdigit, os.listdir('/proc')):\n"
        "    try:\n        found += [p for p in open(f'/proc/{pid}/environ', 'rb').read().split(b'\\0')]\n"
        "    except OSError:\n        pass\n"
        "return repr([p for p in found if PREFIX.encode() in p])"
    ),
    "command lines of other processes": (
        "return repr([c for p in filter(str.isdigit, os.listdir('/proc'))\n"
        "    for c in [open(f'/proc/{p}/cmdline', 'rb').read()] if PREFIX.encode() in c])"
    ),
    "file of credentials": "return open(SECRET).read()",
    "file of credentials by another name": "os.symlink(SECRET, FOLDER + '/link'); return open(FOLDER + '/link').read()",
    "home folder": "return open(HOME + '/.credentials').read()",
    "open descriptors": (
        "found = b''\n"
        "for fd in range(3, 64):\n"
        "    try:\n        found += os.pread(fd, 200, 0)\n"
        "    except OSError:\n        pass\n"
        "return found or None"
    ),
    "open descriptors by their links": (
        "return ''.join(open(f'/proc/self/fd/{fd}', errors='replace').read(200)\n"
        "    for fd in os.listdir('/proc/self/fd') if 'canary' in os.readlink(f'/proc/self/fd/{fd}'))"
    ),
    "objects in memory": (
        "import gc\n"
        "for item in gc.get_objects():\n"
        "    if type(item) is dict:\n"
        "        for value in list(item.values()):\n"
        "            text = value.decode('latin-1') if type(value) is bytes else value\n"
        "            if type(text) is str and text.startswith(PREFIX) and len(text) > len(PREFIX):\n"
        "                return text"
    ),
    "memory of this process": (
        "for line in open('/proc/self/maps'):\n"
        "    if 'heap' in line:\n"
        "        low, high = (int(part, 16) for part in line.split()[0].split('-'))\n"
        "        held = open('/proc/self/mem', 'rb'); held.seek(low)\n"
        "        at = (memory := held.read(high - low)).find(PREFIX.encode())\n"
        "        return memory[at:at + 60] if at >= 0 else None"
    ),
    "frames of the callers": (
        "frame = sys._getframe()\n"
        "while frame:\n"
        "    for value in [*frame.f_locals.values(), *frame.f_globals.values()]:\n"
        "        if type(value) is str and value.startswith(PREFIX) and len(value) > len(PREFIX): return value\n"
        "    frame = frame.f_back"
    ),
    "a shell": "import subprocess; return subprocess.run(['cat', SECRET], capture_output=True).stdout or None",
}

_NETWORK: Mapping[str, str] = {
    "TCP": _SOCKET + "socket.create_connection(('127.0.0.1', PORT), 1).sendall(b'x')",
    "UDP": _SOCKET + "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', PORT))",
    "unix socket in a folder": _SOCKET + "s = socket.socket(socket.AF_UNIX); s.connect(FOLDER + '/listener')",
    "unix socket without a name": _SOCKET + "s = socket.socket(socket.AF_UNIX); s.connect(f'\\0thekla-{PORT}')",
    "HTTP": "import urllib.request; urllib.request.urlopen(f'http://127.0.0.1:{PORT}/', timeout=0.2)",
    "event loop": (
        "import asyncio\nasync def go():\n    await asyncio.open_connection('127.0.0.1', PORT)\nasyncio.run(go())"
    ),
    "C library": (
        "libc = ctypes.CDLL(None)\n"
        "fd = libc.socket(2, 1, 0)\n"
        "libc.connect(fd, (2).to_bytes(2, 'little') + PORT.to_bytes(2, 'big') + bytes([127, 0, 0, 1]) + bytes(8), 16)"
    ),
    "interpreter of its own": (
        "import subprocess\n"
        "code = f'import socket; socket.create_connection((\"127.0.0.1\", {PORT}))'\n"
        "subprocess.run([sys.executable, '-c', code], timeout=3)"
    ),
}

_FILES: Mapping[str, str] = {
    "new file": "leave()",
    "new folder": "os.mkdir(FOLDER + '/made')",
    "overwriting": "open(FOLDER + '/kept', 'w').write('x')",
    "appending": "open(FOLDER + '/kept', 'a').write('x')",
    "truncating": "os.truncate(FOLDER + '/kept', 0)",
    "removing": "os.unlink(FOLDER + '/kept')",
    "renaming": "os.rename(FOLDER + '/kept', FOLDER + '/other')",
    "permissions": "os.chmod(FOLDER + '/kept', 0o777)",
    "times": "os.utime(FOLDER + '/kept', (1, 1))",
    "symbolic link": "os.symlink(SECRET, FOLDER + '/link')",
    "hard link": "os.link(FOLDER + '/kept', FOLDER + '/link')",
    "named pipe": "os.mkfifo(FOLDER + '/pipe')",
    "temporary file": "import tempfile; tempfile.mkstemp(prefix='thekla-litter-')",
    "shared memory": "open('/dev/shm/thekla-litter-x', 'w').write('x')",
    "start-up file": "open(HOME + '/.profile', 'a').write('x')",
    "database": "import sqlite3; sqlite3.connect(FOLDER + '/db').execute('create table t (x)')",
    "C library": "ctypes.CDLL(None).creat(os.fsencode(FOLDER + '/mark'), 0o644)",
    "disk full of zeros": "open(FOLDER + '/mark', 'wb').write(bytes(1 << 24))",
}

_PROCESSES: Mapping[str, str] = {
    "child that lives on": f"if os.fork() == 0:\n    {_LATER}; os._exit(0)",
    "orphan of a session of its own": (
        f"if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        {_LATER}\n    os._exit(0)\nos.wait()"
    ),
    "detached program": (
        "import subprocess\n"
        "subprocess.Popen(['sh', '-c', f'sleep 0.2; echo x > {FOLDER}/mark'], start_new_session=True)"
    ),
    "worker of multiprocessing": (
        "import multiprocessing\n"
        "multiprocessing.get_context('fork').Process(target=lambda: (time.sleep(0.2), leave())).start()"
    ),
    "thread that lives on": "import threading; threading.Timer(0.2, leave).start()",
    "handler at exit": "import atexit; atexit.register(leave)",
    "finaliser": (
        "class Last:\n    def __del__(self): leave()\nglobal last\nlast = Last()\nsys.modules['last'] = last; del last"
    ),
    "signal to the parent": "os.kill(PARENT, signal.SIGKILL)",
    "signal to the group": "os.killpg(0, signal.SIGKILL)",
    "stopping the parent": "os.kill(PARENT, signal.SIGSTOP)",
    "stopping itself": "os.kill(os.getpid(), signal.SIGSTOP)",
    "ending the process": "os._exit(0)",
    "segmentation fault": "ctypes.string_at(0)",
    "abort": "os.abort()",
    "exit": "raise SystemExit(0)",
    "interrupt": "raise KeyboardInterrupt",
    "replacing the process": "os.execv('/bin/sh', ['sh', '-c', f'echo x > {FOLDER}/mark'])",
    "debugging the parent": "if ctypes.CDLL(None).ptrace(16, PARENT, None, None) == 0: return PREFIX + 'attached'",
    "alarm that rings later": (
        "signal.signal(signal.SIGALRM, lambda *_: leave())\nsignal.setitimer(signal.ITIMER_REAL, 0.2)"
    ),
    "new namespaces": "if ctypes.CDLL(None).unshare(0x10000000) == 0: leave()",
    "folder of the process": "os.chdir('/')",
}

_RESOURCES: Mapping[str, str] = {
    "endless loop": "while True: pass",
    "endless sleep": "time.sleep(1000)",
    "endless loop that ignores signals": (
        "for s in set(signal.Signals) - {9, 19}:\n"
        "    try:\n        signal.signal(s, signal.SIG_IGN)\n"
        "    except ValueError:\n        pass\n"  # only a main thread may
        "while True: pass"
    ),
    "endless loop that swallows all": "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
    "endless regular expression": "import re; re.match('(a*)*b', 'a' * 100)",
    "endless text of an error": (
        "class E(Exception):\n    def __str__(self):\n        while True: pass\nsys.setrecursionlimit(10**4); raise E"
    ),
    "lock that is never free": "import threading; lock = threading.Lock(); lock.acquire(); lock.acquire()",
    "memory": "held = bytearray(b'x') * (1 << 30); return list(range(len(jobs)))",
    "memory, bit by bit": "held = [bytes([1]) * (1 << 20) for _ in range(1024)]; return list(range(len(jobs)))",
}

_ENDINGS: Mapping[str, str] = {
    "stack overflow": "sys.setrecursionlimit(10**9)\ndef f(x): return f([x])\nf(0)",
    "hoard of descriptors": "held = [os.open('/dev/null', 0) for _ in range(100000)]",
    "hoard of threads": (
        "import threading\n"
        "for _ in range(300):\n"
        "    threading.Thread(target=time.sleep, args=(0.2,), daemon=True).start()\n"
        "leave()"
    ),
    "flood of output": "for _ in range(50): print('x' * 10**5)\nsys.stderr.write('y' * 10**5)",
    "huge answer": "return list(range(5 * 10**6))",
    "deep answer": "deep = []\nfor _ in range(10**5): deep = [deep]\nreturn deep",
    "huge error": "raise Exception('x' * 10**7)",
}

_SCORES: Mapping[str, str] = {
    "built-in functions": (
        "import builtins\n"
        "builtins.sum = lambda *_: 1e-9\nbuiltins.sorted = lambda x, **_: list(x)\nbuiltins.min = builtins.max = len"
    ),
    "function that judges": (
        "import gc, types\n"
        "for f in gc.get_objects():\n"
        "    if type(f) is types.FunctionType and f.__name__ in ('cost', 'score_of', 'evaluate', 'judge'):\n"
        "        f.__code__ = (lambda *_, **__: {'combined_score': 9.0}).__code__"
    ),
    "module that judges": (
        "for module in list(sys.modules.values()):\n"
        "    for name in ('cost', 'score_of'):\n"
        "        if hasattr(module, name): setattr(module, name, lambda *_: 9.0)"
    ),
    "globals of the callers": (
        "frame = sys._getframe()\n"
        "while frame:\n"
        "    for name in ('cost', 'score_of'):\n"
        "        if name in frame.f_globals: frame.f_globals[name] = lambda *_: 9.0\n"
        "    frame = frame.f_back"
    ),
    "jobs made lighter": "for job in jobs: job[1] = 0\nif jobs: jobs[0][1] = 1",
    "jobs removed": "del jobs[1:]\nreturn [0]",
    "list that is another each time": (
        "class Lies(list):\n"
        "    def __iter__(self): return iter(sorted(range(len(jobs)), key=lambda i: jobs[i][0] / jobs[i][1]))\n"
        "    def __eq__(self, other): return True\n"
        "return Lies(range(len(jobs)))"
    ),
    "not a number": "return [float('nan')] * len(jobs)",
    "infinity": "return [float('-inf')] * len(jobs)",
    "numbers that lie": (
        "class Zero(int):\n"
        "    def __index__(self): return 0\n    def __eq__(self, o): return True\n    __hash__ = int.__hash__\n"
        "return [Zero(i) for i in range(len(jobs))]"
    ),
    "one job again and again": "return [0] * len(jobs)",
    "negative places": "return [-1] * len(jobs)",
    "score instead of an order": "return {'combined_score': 9.0, 'score': 9.0}",
    "object with code to be unpickled": (
        "class Payload:\n    def __reduce__(self): return (open, (FOLDER + '/mark', 'w'))\nreturn [Payload()]"
    ),
    "lines of output": "print('combined_score: 9.0'); print('{\"combined_score\": 9.0}'); sys.stdout.flush()",
    "frames on every descriptor": (
        "body = b'[0,[0]]'\n"
        "for fd in range(1, 32):\n"
        "    try:\n        os.write(fd, len(body).to_bytes(4, 'little') + bytes([2, 0, 0, 0]) + body)\n"
        "    except OSError:\n        pass"
    ),
    "result file": (
        "import glob\n"
        "for path in glob.glob(FOLDER + '/*.json') + [FOLDER + '/results.json', FOLDER + '/metrics.json']:\n"
        "    open(path, 'w').write('{\"combined_score\": 9.0}')"
    ),
    "tracing": (
        "def trace(frame, event, value):\n"
        "    if event == 'return' and frame.f_code.co_name in ('cost', 'score_of'):\n"
        "        frame.f_globals['score_of'] = lambda *_: 9.0\n"
        "    return trace\n"
        "sys.setprofile(trace)"
    ),
    "tampered modules": (
        "import json, math, statistics, random\n"
        "math.isfinite = lambda *_: True\njson.dumps = lambda *_, **__: '{\"combined_score\": 9.0}'\n"
        "math.fsum = lambda *_: 1e-9; random.random = lambda: 0.0"
    ),
    "hook of imports": (
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n        leave(); return None\n"
        "sys.meta_path.insert(0, Finder())\n"
        "sys.modules.pop('colorsys', None)"
    ),
    "clock": "time.time = time.monotonic = time.perf_counter = lambda: 0.0",
    "state for the next program": (
        "import builtins, math\n"
        "math.pi = 3.0\nbuiltins.len = lambda *_: 0\nsys.path.insert(0, FOLDER)\nsys.setrecursionlimit(60)"
    ),
}

_PAGES: Mapping[str, str] = {
    "escape sequences": "raise Exception('\\x1b[2J\\x1b]0;owned\\x07')",
    "direction of writing": "raise Exception('\\u202e' + 'erocs')",
    "other controls": "raise Exception('\\x9b31m' + '\\x00\\x08' * 9)",
    "lone surrogate": "raise Exception('\\ud800')",
    "name of the error": "raise type('E\\x1b[31m', (Exception,), {})('x')",
}


def _of(category: str, bodies: Mapping[str, str], *, late: bool = False, over: bool = False) -> list[Attack]:
    return [Attack(name=name, category=category, body=body, late=late, over=over) for name, body in bodies.items()]


ATTACKS: Final[tuple[Attack, ...]] = (
    *_of("secrets", _SECRETS),
    *_of("network", _NETWORK),
    *_of("files", _FILES),
    *_of("processes", _PROCESSES, late=True),
    *_of("resources", _RESOURCES, over=True),
    *_of("resources", _ENDINGS),
    Attack(name="endless loop while loading", category="resources", prelude="while True: pass", body="pass", over=True),
    *_of("scores", _SCORES),
    Attack(
        name="lottery",
        category="scores",
        body="import random\nplaces = list(range(len(jobs))); random.SystemRandom().shuffle(places); return places",
        twice=True,
    ),
    Attack(
        name="lottery of the operating system",
        category="scores",
        body="places = list(range(len(jobs))); places.sort(key=lambda i: os.urandom(4)); return places",
        twice=True,
    ),
    *_of("what people see", _PAGES),
)
"""All attacks; no two of a category have one name."""
