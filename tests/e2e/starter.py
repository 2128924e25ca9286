"""Starts commands of the real command line, each in a forked process of its own, from an interpreter that has imported
it already: a command then costs half a second less (see command.py).

Each line of standard input is a request as JSON, answered by one line: `start` gives the process id of a new command,
`poll` and `wait` its exit code, or null while it runs.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from typing import Any, NoReturn

import thekla.assembly  # what most commands import when they run
import thekla.cli.app

_STOPS = (signal.SIGINT, signal.SIGTERM)


def main() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        answer: int | None
        match request["do"]:
            case "start":
                # Held back until the new process can tell what it was: a signal may come before its first line.
                signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
                answer = os.fork() or become(request)
                signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
            case "poll":
                answer = ended(request["pid"], os.WNOHANG)
            case "wait":
                answer = ended(request["pid"], 0)
        print(json.dumps(answer), flush=True)


def ended(pid: int, options: int) -> int | None:
    found, status = os.waitpid(pid, options)
    return os.waitstatus_to_exitcode(status) if found else None


def become(request: dict[str, Any]) -> NoReturn:
    """Run the command in this process."""
    code = 70
    try:
        os.setpgid(0, 0)
        for number in _STOPS:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for descriptor in (1, 2):
            path = request["outputs"][descriptor - 1]
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), descriptor)
        os.environ.clear()
        os.environ.update(request["environment"])
        try:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
        except KeyboardInterrupt:
            print("thekla: error: interrupted before it began", file=sys.stderr, flush=True)
            os._exit(128 + signal.SIGINT)
        if request["before"]:
            command = [*request["before"], sys.executable, "-m", "thekla.cli", *request["arguments"]]
            os.execvp(command[0], command)
        code = thekla.cli.main(request["arguments"])
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:  # border: what a process does with an exception that nobody caught
        traceback.print_exc()
        code = 1
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
