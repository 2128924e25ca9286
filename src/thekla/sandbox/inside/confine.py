"""System calls by which the zygote gives up its rights, for itself and all guests. Standard library only.

Each function raises OSError, with the name of the call, where the kernel refuses.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import struct
from collections.abc import Iterable, Mapping, Sequence

_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.syscall.restype = ctypes.c_long

# Calls newer than 5.1 have one number on all architectures.
_OPEN_TREE, _MOVE_MOUNT, _MOUNT_SETATTR = 428, 429, 442
_LANDLOCK_CREATE, _LANDLOCK_ADD_RULE, _LANDLOCK_RESTRICT = 444, 445, 446
_PIVOT_ROOT: Mapping[str, int] = {"x86_64": 155, "aarch64": 41}

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT = (
    1,
    4,
    22,
    24,
    38,
    47,
)
_CLONE_NEWNS, _CLONE_NEWUTS, _CLONE_NEWIPC = 0x00020000, 0x04000000, 0x08000000
_CLONE_NEWUSER, _CLONE_NEWPID, _CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
_NAMESPACES = {
    "mount": _CLONE_NEWNS,
    "uts": _CLONE_NEWUTS,
    "ipc": _CLONE_NEWIPC,
    "pid": _CLONE_NEWPID,
    "net": _CLONE_NEWNET,
}
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_REC, _MS_PRIVATE, _MNT_DETACH = 1, 2, 4, 0x4000, 1 << 18, 2
_AT_FDCWD, _AT_EMPTY_PATH, _AT_RECURSIVE, _OPEN_TREE_CLONE, _MOVE_MOUNT_F_EMPTY_PATH = -100, 0x1000, 0x8000, 1, 4

# Rights to files by the version that brought them; all are handled (denied), two are granted below read roots.
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_FILE_RIGHTS = ((1, 13), (2, 14), (3, 15), (5, 16))  # (version, count of rights that it knows)


def _syscall(name: str, *args: object) -> int:
    numbers = {
        "open_tree": _OPEN_TREE,
        "move_mount": _MOVE_MOUNT,
        "mount_setattr": _MOUNT_SETATTR,
        "landlock_create_ruleset": _LANDLOCK_CREATE,
        "landlock_add_rule": _LANDLOCK_ADD_RULE,
        "landlock_restrict_self": _LANDLOCK_RESTRICT,
        "pivot_root": _PIVOT_ROOT.get(os.uname().machine, -1),
    }
    result = _LIBC.syscall(ctypes.c_long(numbers[name]), *args)
    return _checked(name, int(result))


def _checked(name: str, result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result


def _prctl(name: str, option: int, *args: int) -> None:
    words = [ctypes.c_ulong(word) for word in (*args, 0, 0, 0, 0)[:4]]
    _checked(name, _LIBC.prctl(ctypes.c_int(option), *words))


def enter_namespaces() -> list[str]:
    """New namespaces for this process and its children; returns their kinds.

    An ordinary user first makes a user namespace that maps the user to itself.
    """
    flags = 0
    for flag in _NAMESPACES.values():
        flags |= flag
    if os.geteuid() == 0:
        try:
            _checked("unshare", _LIBC.unshare(flags))
            return list(_NAMESPACES)
        except OSError:  # root without CAP_SYS_ADMIN, as in a container: try as an ordinary user would
            pass
    uid, gid = os.geteuid(), os.getegid()
    _checked("unshare", _LIBC.unshare(flags | _CLONE_NEWUSER))
    for path, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        with open(f"/proc/self/{path}", "w") as file:
            file.write(text)
    return ["user", *_NAMESPACES]


def enclose(roots: Sequence[str], hidden: Sequence[str], inner: Sequence[str]) -> None:
    """A file system that holds `roots` read-only and nothing else, with empty folders for `hidden`.

    `inner` are files and folders that may lie in `hidden` and are seen all the same.

    Needs a mount namespace of one's own. Nothing is on disk: the root is an empty memory file system.
    """
    stage = "/proc"  # exists everywhere; nothing below it is needed any more
    _mount(None, "/", None, _MS_REC | _MS_PRIVATE, None)
    trees = {path: _copy_of_mount(path) for path in (*roots, *inner)}
    shapes = {path: os.path.isdir(path) for path in trees}
    _mount("none", stage, "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=755,size=1m,nr_inodes=4k")
    try:
        for path in roots:
            _attach(trees[path], stage + path, is_folder=shapes[path])
        covers = [stage + path for path in hidden if os.path.isdir(stage + path)]
        for cover in covers:
            _mount("none", cover, "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=755,size=1m,nr_inodes=4k")
        for path in inner:
            _attach(trees[path], stage + path, is_folder=shapes[path])
        for folder in (*covers, stage):
            _make_read_only(os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC), recursive=False)
        os.chdir(stage)
        _syscall("pivot_root", b".", b".")
    except OSError:
        os.chdir("/")
        _LIBC.umount2(stage.encode(), _MNT_DETACH)
        raise
    _checked("umount2", _LIBC.umount2(b".", _MNT_DETACH))
    os.chdir("/")


def _mount(source: str | None, target: str, kind: str | None, flags: int, options: str | None) -> None:
    words = [word.encode() if word is not None else None for word in (source, target, kind, options)]
    result = _LIBC.mount(words[0], words[1], words[2], ctypes.c_ulong(flags), words[3])
    _checked(f"mount {target}", result)


def _copy_of_mount(path: str) -> int:
    tree = _syscall("open_tree", _AT_FDCWD, path.encode(), _OPEN_TREE_CLONE | _AT_RECURSIVE | os.O_CLOEXEC)
    _make_read_only(os.dup(tree), recursive=True)
    return tree


def _make_read_only(fd: int, *, recursive: bool) -> None:
    attributes = (ctypes.c_uint64 * 4)(_MS_RDONLY | _MS_NOSUID | _MS_NODEV, 0, 0, 0)
    flags = _AT_EMPTY_PATH | (_AT_RECURSIVE if recursive else 0)
    try:
        _syscall("mount_setattr", fd, b"", flags, ctypes.byref(attributes), ctypes.c_size_t(32))
    finally:
        os.close(fd)


def _attach(tree: int, target: str, *, is_folder: bool) -> None:
    os.makedirs(target if is_folder else os.path.dirname(target), mode=0o755, exist_ok=True)
    if not is_folder:
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644))
    _syscall("move_mount", tree, b"", _AT_FDCWD, target.encode(), _MOVE_MOUNT_F_EMPTY_PATH)
    os.close(tree)


def name_host(name: str) -> None:
    """Hide the machine's name; needs a UTS namespace of one's own."""
    _checked("sethostname", _LIBC.sethostname(name.encode(), ctypes.c_size_t(len(name))))


def drop_privileges(uids: Iterable[int]) -> int:
    """Leave root for the first of `uids` that exists, and every capability; returns the uid that holds now."""
    if os.geteuid() == 0:
        refused: OSError | None = None
        for uid in uids:
            try:
                os.setgroups([])
                os.setresgid(uid, uid, uid)
                os.setresuid(uid, uid, uid)
                break
            except OSError as error:  # not mapped in this user namespace
                refused = error
        else:
            raise refused or OSError("no uid to drop to")
    _drop_capabilities()
    return os.geteuid()


def _drop_capabilities() -> None:
    for capability in range(64):
        _LIBC.prctl(_PR_CAPBSET_DROP, ctypes.c_ulong(capability), 0, 0, 0)  # fails where it is gone already
    _LIBC.prctl(_PR_CAP_AMBIENT, ctypes.c_ulong(4), 0, 0, 0)  # 4: clear all; unknown before 4.3
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    _checked("capset", _LIBC.capset(ctypes.byref(header), ctypes.byref((ctypes.c_uint32 * 6)())))


def harden() -> None:
    """No new privileges, no core, no debugger, for this process and its children."""
    _prctl("no_new_privs", _PR_SET_NO_NEW_PRIVS, 1)
    _prctl("dumpable", _PR_SET_DUMPABLE, 0)


def die_with_parent() -> None:
    """Be killed when the parent's thread ends."""
    _prctl("pdeathsig", _PR_SET_PDEATHSIG, signal.SIGKILL)


def landlock_version() -> int:
    """The version of Landlock that the kernel offers; 0 if none."""
    return max(0, int(_LIBC.syscall(ctypes.c_long(_LANDLOCK_CREATE), None, ctypes.c_size_t(0), ctypes.c_uint(1))))


def restrict_files(readable: Iterable[str]) -> int:
    """Deny this process and its children all files but reading `readable`, all TCP, and signals to others.

    Returns the version of Landlock. What the version does not know is left to seccomp.
    """
    version = landlock_version()
    if version == 0:
        reason = os.strerror(ctypes.get_errno())
        raise OSError(f"the kernel offers no Landlock ({reason}); use Linux 5.13 or newer, with Landlock enabled")
    files = (1 << max(count for since, count in _FILE_RIGHTS if version >= since)) - 1
    network = 3 if version >= 4 else 0  # bind and connect of TCP
    scopes = 3 if version >= 6 else 0  # abstract unix sockets and signals
    attributes = (ctypes.c_uint64 * 3)(files, network, scopes)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    ruleset = _syscall("landlock_create_ruleset", ctypes.byref(attributes), ctypes.c_size_t(size), ctypes.c_uint(0))
    for path in readable:
        _allow_reading(ruleset, path)
    _syscall("landlock_restrict_self", ruleset, ctypes.c_uint(0))
    os.close(ruleset)
    return version


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def _allow_reading(ruleset: int, path: str) -> None:
    fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rights = _READ_FILE | (_READ_DIR if os.path.isdir(path) else 0)
        rule = _PathBeneath(rights, fd)
        _syscall("landlock_add_rule", ruleset, ctypes.c_int(1), ctypes.byref(rule), ctypes.c_uint(0))
    finally:
        os.close(fd)


class SystemCallFilter:
    """A seccomp program, kept ready so that installing it allocates nothing."""

    def __init__(self, program: bytes) -> None:
        self._code = ctypes.create_string_buffer(program, len(program))
        self._head = ctypes.create_string_buffer(16)
        head = struct.pack("=H6xQ", len(program) // 8, ctypes.addressof(self._code))  # struct sock_fprog
        ctypes.memmove(self._head, head, len(head))

    def install(self) -> None:
        """Bind this process to the filter, for ever."""
        _prctl("seccomp", _PR_SET_SECCOMP, 2, ctypes.addressof(self._head))


def limit(*, address_space_bytes: int, cpu_s: int, tasks: int) -> None:
    """Hard limits that no program can raise: memory, CPU, new tasks (0: none), and no files and cores."""
    for kind, value in (
        (resource.RLIMIT_AS, address_space_bytes),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NPROC, tasks),
    ):
        resource.setrlimit(kind, (value, value))


def count_alone() -> bool:
    """Enter a user namespace of this process's own, in which its tasks are counted apart from all others.

    Returns whether it could be had. The rights that it brings are given up at once.
    """
    try:
        _checked("unshare", _LIBC.unshare(_CLONE_NEWUSER))
    except OSError:
        return False
    _drop_capabilities()
    return True
