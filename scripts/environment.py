"""Makes and refreshes the virtual environment that the Makefile works in.

Standard library only; the Makefile has checked the interpreter. Everything that gets installed is pinned and hashed
in `requirements/`. The environment carries a stamp that says what is in it: taken away before a change, written
after. An environment without its stamp was interrupted half-way and is made again from nothing.
"""

import argparse
import fcntl
import hashlib
import json
import os
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

LEVELS = ("run", "dev", "docs")
"""What can be asked for, each locked in `requirements/LEVEL.txt`. `dev` holds all of `run`."""

WITH_PROJECT = ("run", "dev")
"""Levels that hold the package itself, editable."""

PIP_INSTALL = ("-m", "pip", "install", "-qq", "--no-input", "--disable-pip-version-check", "--no-compile")
COMPILE = ("-m", "compileall", "-qq", "-j", "0")
"""Byte code of what was installed: pip writes it with one processor, this with all."""


@dataclass(frozen=True, kw_only=True)
class Interpreter:
    """A Python, as far as an environment made from it depends on it."""

    version: str
    base_prefix: str


@dataclass(frozen=True, kw_only=True)
class Stamp:
    """What an environment holds: the digests of the installed locks and of the metadata the project came with."""

    interpreter: Interpreter
    levels: Mapping[str, str] = field(default_factory=dict)
    project: str = ""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is left to do: start again from nothing, install a lock, install the project."""

    fresh: bool
    lock: bool
    project: bool

    def __bool__(self) -> bool:
        return self.fresh or self.lock or self.project


def plan(held: Stamp | None, wanted: Stamp, level: str, *, exact: bool) -> Plan:
    """The steps from what an environment holds to what is wanted of it.

    A changed lock starts again from nothing, so that no package outlives the lock that named it.

    Args:
        held: Stamp of the environment, None if it has none or its interpreter does not start.
        wanted: Stamp that the environment would have with every level installed from the files of today.
        exact: The interpreter was named by the caller, so one made by another is not good enough.
    """
    if (
        held is None
        or (exact and held.interpreter != wanted.interpreter)
        or any(wanted.levels.get(name) != digest for name, digest in held.levels.items())
    ):
        return Plan(fresh=True, lock=True, project=level in WITH_PROJECT)
    has_level = level in held.levels or (level == "run" and "dev" in held.levels)
    return Plan(fresh=False, lock=not has_level, project=level in WITH_PROJECT and held.project != wanted.project)


def wanted_stamp(root: Path) -> Stamp:
    """The stamp of an environment made now, by this interpreter, with every level."""
    with (root / "pyproject.toml").open("rb") as file:
        pyproject = tomllib.load(file)
    metadata = {name: pyproject.get(name) for name in ("build-system", "project")}
    metadata["hatch"] = pyproject.get("tool", {}).get("hatch")
    return Stamp(
        interpreter=Interpreter(version=sys.version, base_prefix=sys.base_prefix),
        levels={level: _digest(_lock(root, level).read_bytes()) for level in LEVELS},
        project=_digest(json.dumps([str(root), metadata], sort_keys=True).encode()),
    )


def held_stamp(venv: Path) -> Stamp | None:
    """The stamp of an environment whose interpreter starts and is the one that the stamp names, else None."""
    try:
        stamp = json.loads((venv / "environment.json").read_text())
        held = Stamp(interpreter=Interpreter(**stamp["interpreter"]), levels=stamp["levels"], project=stamp["project"])
        asked = "import sys; print(sys.version, sys.prefix, sep='\\n', end='')"
        answer = subprocess.run([venv / "bin/python", "-c", asked], capture_output=True, text=True, check=True).stdout
    except (OSError, ValueError, KeyError, TypeError, AttributeError, subprocess.CalledProcessError):
        return None
    started = answer == f"{held.interpreter.version}\n{venv}"
    return held if started else None


def refresh(root: Path, venv: Path, level: str, *, exact: bool) -> None:
    """Bring the environment to a level; nothing is touched if it is there already.

    Raises:
        subprocess.CalledProcessError: A step failed; the next call starts again from nothing.
    """
    wanted, held = wanted_stamp(root), held_stamp(venv)
    todo = plan(held, wanted, level, exact=exact)
    if not todo:
        return
    begun = time.monotonic()
    _tell(f"{'making' if todo.fresh else 'refreshing'} {venv.name} ({level})")
    stamp_file = venv / "environment.json"
    stamp_file.unlink(missing_ok=True)
    if todo.fresh or held is None:
        _run(sys.executable, "-m", "venv", "--clear", str(venv))
        held = Stamp(interpreter=wanted.interpreter)
    python = str(venv / "bin/python")
    if todo.lock:
        _run(python, *PIP_INSTALL, "--only-binary", ":all:", "--require-hashes", "-r", str(_lock(root, level)))
        _run(python, *COMPILE, str(venv / "lib"))
        held = replace(held, levels={**held.levels, level: wanted.levels[level]})
    if todo.project:
        _run(python, *PIP_INSTALL, "--no-deps", "--no-build-isolation", "--editable", str(root))
        held = replace(held, project=wanted.project)
    stamp_file.write_text(json.dumps(asdict(held), indent=1))
    _tell(f"{venv.name} is ready after {time.monotonic() - begun:.1f} s")


@contextmanager
def alone(root: Path) -> Iterator[None]:
    """Holds a lock on the folder, so that two calls of make do not install over each other."""
    folder = os.open(root, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _lock(root: Path, level: str) -> Path:
    return root / "requirements" / f"{level}.txt"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=sys.stderr)


def _tell(message: str) -> None:
    print(f"environment: {message}", file=sys.stderr, flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Refresh the environment as the command line asks; 0, or 1 if a step failed."""
    parser = argparse.ArgumentParser(description="Make or refresh the virtual environment.")
    parser.add_argument("level", choices=LEVELS)
    parser.add_argument("--root", type=Path, default=Path(__file__).parent.parent, help="folder of pyproject.toml")
    parser.add_argument("--venv", type=Path, default=Path(".venv"), help="the environment, relative to the root")
    parser.add_argument("--exact", action="store_true", help="use this very interpreter, not whichever is there")
    options = parser.parse_args(arguments)
    root = options.root.resolve()
    try:
        with alone(root):
            refresh(root, root / options.venv, options.level, exact=options.exact)
    except subprocess.CalledProcessError as error:
        _tell(f"failed (exit code {error.returncode}): {' '.join(error.cmd)}; call make again to start afresh")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
