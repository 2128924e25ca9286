"""The zygote: a clean interpreter that gives up its rights and then forks one guest per order. Standard library only.

It holds no program: each guest gets its own over a socket of its own, so that nothing is inherited.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import pathlib
import resource
import socket
import sys
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn

GUEST_FD = 3
_PACKET = 1 << 18
_MOST_TASKS = 1024  # of one user, where a guest's own cannot be counted apart from those of other guests
_FOLDERS_LEFT_OUT = frozenset(("site-packages", "dist-packages", "sitecustomize.py", "usercustomize.py"))


class WheelFinder(importlib.abc.MetaPathFinder):
    """Finds the declared wheels one by one; the folder that they lie in is never searched.

    Args:
        entries: Top-level name to path, of a package's folder or of a module's file.
        metadata: Folders `*.dist-info` of the wheels.
    """

    def __init__(self, entries: Mapping[str, str], metadata: Sequence[str]) -> None:
        self._entries = entries
        self._metadata = metadata

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The spec of a wheel's top-level module, None for any other."""
        place = self._entries.get(name)
        if place is None:
            return None
        if not os.path.isdir(place):
            return importlib.util.spec_from_file_location(name, place)
        start = os.path.join(place, "__init__.py")
        return importlib.util.spec_from_file_location(name, start, submodule_search_locations=[place])

    def find_distributions(self, context: Any) -> Iterator[Any]:
        """The declared wheels' metadata, as `importlib.metadata` asks for it."""
        from importlib.metadata import PathDistribution  # here: with what it imports it would burden every fork

        for place in self._metadata:
            distribution = PathDistribution(pathlib.Path(place))
            if context.name is None or distribution.metadata["Name"].lower() == context.name.lower():
                yield distribution


def main(settings: Mapping[str, Any], modules: Mapping[str, types.ModuleType]) -> NoReturn:
    """Prepare, say what was prepared, then fork guests until the host hangs up.

    Args:
        settings: `preload` (modules to import), `wheels` (entries, metadata, files, modules), `uids`, `filter`
            (seccomp program, hexadecimal), `threads` (of each guest), `die_with_parent`, `namespaces` (whether to
            try them), `landlock` (whether to require it).
        modules: The other files of this folder, by name.
    """
    confine = modules["confine"]
    control = socket.socket(fileno=0)
    _write_once("/proc/self/oom_score_adj", "1000")
    namespaces, missing = _enter_namespaces(confine, settings["namespaces"])
    if "pid" in namespaces:
        child = os.fork()
        if child:
            _wait_for(child, confine, settings, control)
    _preload(settings)
    base_bytes = _address_space_bytes()
    features = _give_up_rights(confine, settings, namespaces, missing, alone="pid" not in namespaces)
    filter_ = confine.SystemCallFilter(bytes.fromhex(settings["filter"]))
    _require(filter_)
    threads: int = settings["threads"]
    control.send(json.dumps(features).encode())
    gc.collect()
    gc.freeze()
    while True:
        packet, fds, _, _ = socket.recv_fds(control, _PACKET, 1)
        if not packet:
            os._exit(0)
        order = json.loads(packet)
        if "reap" in order:
            control.send(json.dumps(_reap(order["reap"])).encode())
            continue
        if "prepare" in order:
            with contextlib.suppress(SyntaxError, ValueError):  # the guest will say it
                modules["runtime"].interface_code(order["prepare"])
            control.send(b"{}")
            continue
        child = os.fork()
        if child == 0:
            space = base_bytes + order["memory_bytes"]
            limits = {"address_space_bytes": space, "cpu_s": order["cpu_s"], "tasks": 0}
            if threads > 1:
                limits["tasks"] = threads if confine.count_alone() else _MOST_TASKS
            _become_guest(fds[0], limits, confine, filter_, modules, alone="pid" not in namespaces)
        os.close(fds[0])
        pidfd = os.pidfd_open(child)
        socket.send_fds(control, [json.dumps({"pid": child}).encode()], [pidfd])
        os.close(pidfd)


def _write_once(path: str, text: str) -> None:
    with contextlib.suppress(OSError), open(path, "w") as file:  # a kernel or container without it
        file.write(text)


def _enter_namespaces(confine: types.ModuleType, wanted: bool) -> tuple[list[str], str]:
    if not wanted:
        return [], "not asked for"
    try:
        return confine.enter_namespaces(), ""
    except OSError as error:
        return [], str(error)


def _wait_for(child: int, confine: types.ModuleType, settings: Mapping[str, Any], control: socket.socket) -> NoReturn:
    control.close()
    confine.drop_privileges(settings["uids"])
    confine.harden()
    if settings["die_with_parent"]:
        confine.die_with_parent()
    _, status = os.waitpid(child, 0)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def _preload(settings: Mapping[str, Any]) -> None:
    wheels = settings["wheels"]
    if wheels["entries"]:
        sys.meta_path.append(WheelFinder(wheels["entries"], wheels["metadata"]))
    with _without_fork_handlers():
        for name in (*settings["preload"], *wheels["modules"]):
            importlib.import_module(name)


@contextlib.contextmanager
def _without_fork_handlers() -> Iterator[None]:
    """Modules that are imported meanwhile register no handlers of forks.

    Those of `logging`, `random` and `threading` put locks, seeds and threads in order. The zygote has one thread, holds
    no lock when it forks and seeds every guest, so they would only touch pages that each guest must then copy: half a
    millisecond of a guest's two.
    """
    register = os.register_at_fork
    os.register_at_fork = lambda **handlers: None
    try:
        yield
    finally:
        os.register_at_fork = register


def _give_up_rights(
    confine: types.ModuleType, settings: Mapping[str, Any], namespaces: list[str], missing: str, *, alone: bool
) -> dict[str, Any]:
    folders = [path for path in sys.path if os.path.isdir(path)]
    tops = [path for path in folders if not any(path.startswith(other + "/") for other in folders)]
    wheel_files: list[str] = settings["wheels"]["files"]
    enclosed = False
    if "mount" in namespaces:
        try:
            hidden = [os.path.join(top, name) for top in tops for name in ("site-packages", "dist-packages")]
            confine.enclose(tops, hidden, wheel_files)
            confine.name_host("guest")
            enclosed = True
        except OSError as error:
            missing = str(error)
    uid = confine.drop_privileges(settings["uids"])
    if settings["die_with_parent"] or not alone:
        confine.die_with_parent()
    confine.harden()
    version = confine.restrict_files([*_library_entries(tops), *wheel_files]) if settings["landlock"] else 0
    os.chdir("/")
    return {
        "landlock": version,
        "namespaces": namespaces,
        "enclosed": enclosed,
        "missing": missing,
        "uid": uid,
        "path": sys.path,
        "modules": sorted(sys.modules),
    }


def _require(filter_: Any) -> None:
    """Install the filter in a process that ends at once, so that a kernel that refuses it is noticed here.

    Raises:
        OSError: The kernel refuses it.
    """
    source, target = os.pipe()
    child = os.fork()
    if child == 0:
        number = 255
        try:
            filter_.install()
            number = 0
        except OSError as error:
            number = error.errno or number
        finally:
            os.write(target, bytes((number,)))
            os._exit(0)
    os.close(target)
    (number,) = os.read(source, 1) or (255,)
    os.close(source)
    os.waitpid(child, 0)
    if number:
        raise OSError(number, f"the kernel refuses the filter of system calls (seccomp: {os.strerror(number)})")


def _library_entries(tops: Sequence[str]) -> Iterator[str]:
    for top in tops:
        try:
            entries = list(os.scandir(top))
        except PermissionError:
            raise OSError(
                f"user {os.geteuid()} cannot read {top}; install Python where all users can read it or allow namespaces"
            ) from None
        for entry in entries:
            if entry.name not in _FOLDERS_LEFT_OUT and not entry.is_symlink():
                yield entry.path


def _become_guest(
    fd: int,
    limits: Mapping[str, int],
    confine: types.ModuleType,
    filter_: Any,
    modules: Mapping[str, types.ModuleType],
    *,
    alone: bool,
) -> NoReturn:
    try:
        if alone:
            confine.die_with_parent()
        null = os.dup(1)  # the zygote's standard output is the null device
        os.dup2(fd, GUEST_FD)
        for standard in (0, 1, 2):
            os.dup2(null, standard)
        os.closerange(GUEST_FD + 1, 64)
        confine.limit(**limits)
        filter_.install()
        modules["runtime"].run(GUEST_FD, modules["data"])
    finally:
        os._exit(70)


def _address_space_bytes() -> int:
    """What the zygote has mapped: the part of a guest's address space that is no use of its own."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def _reap(pid: int) -> dict[str, Any]:
    _, status, usage = os.wait4(pid, 0)
    return {"status": status, "cpu_s": usage.ru_utime + usage.ru_stime, "peak_kib": usage.ru_maxrss}
