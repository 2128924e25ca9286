"""The system calls that a guest may make, as a seccomp filter of our own.

The list allows; everything else fails with EPERM, and what only an attack would try kills the guest, so that the
host can say "forbidden". Numbers are the kernel's, per architecture.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = [
    "ALLOWED",
    "ARCHITECTURES",
    "CONDITIONAL",
    "FATAL",
    "FLAGS_OF_A_THREAD",
    "Condition",
    "build_filter",
]

ARCHITECTURES: Mapping[str, int] = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # AUDIT_ARCH_*

ALLOWED: Mapping[str, Mapping[str, int]] = {
    "x86_64": {
        "read": 0, "write": 1, "close": 3, "stat": 4, "fstat": 5, "lstat": 6, "poll": 7, "lseek": 8, "mmap": 9,
        "mprotect": 10, "munmap": 11, "brk": 12, "rt_sigaction": 13, "rt_sigprocmask": 14, "rt_sigreturn": 15,
        "pread64": 17, "readv": 19, "writev": 20, "access": 21, "select": 23, "sched_yield": 24, "mremap": 25,
        "msync": 26, "madvise": 28, "dup": 32, "dup2": 33, "nanosleep": 35, "getpid": 39, "exit": 60, "uname": 63,
        "getcwd": 79, "readlink": 89, "gettimeofday": 96, "getrusage": 98, "times": 100, "getuid": 102,
        "getgid": 104, "geteuid": 107, "getegid": 108, "getppid": 110, "sigaltstack": 131, "gettid": 186,
        "time": 201, "futex": 202, "sched_getaffinity": 204, "getdents64": 217, "restart_syscall": 219,
        "clock_gettime": 228, "clock_getres": 229, "clock_nanosleep": 230, "exit_group": 231,
        "newfstatat": 262, "readlinkat": 267, "faccessat": 269, "pselect6": 270, "ppoll": 271,
        "set_robust_list": 273, "dup3": 292, "getcpu": 309, "statx": 332, "rseq": 334, "close_range": 436,
        "faccessat2": 439,
    },
    "aarch64": {
        "getcwd": 17, "dup": 23, "dup3": 24, "faccessat": 48, "close": 57, "getdents64": 61,
        "lseek": 62, "read": 63, "write": 64, "readv": 65, "writev": 66, "pread64": 67, "pselect6": 72, "ppoll": 73,
        "readlinkat": 78, "newfstatat": 79, "fstat": 80, "exit": 93, "exit_group": 94, "futex": 98,
        "set_robust_list": 99, "nanosleep": 101, "clock_gettime": 113, "clock_getres": 114, "clock_nanosleep": 115,
        "sched_getaffinity": 123, "sched_yield": 124, "restart_syscall": 128, "sigaltstack": 132,
        "rt_sigaction": 134, "rt_sigprocmask": 135, "rt_sigreturn": 139, "times": 153, "uname": 160,
        "getrusage": 165, "getcpu": 168, "gettimeofday": 169, "getpid": 172, "getppid": 173, "getuid": 174,
        "geteuid": 175, "getgid": 176, "getegid": 177, "gettid": 178, "brk": 214, "munmap": 215, "mremap": 216,
        "mmap": 222, "mprotect": 226, "msync": 227, "madvise": 233, "statx": 291, "rseq": 293, "close_range": 436,
        "faccessat2": 439,
    },
}  # fmt: skip

FLAGS_OF_A_THREAD = (0x3D0F00, 0x7D0F00)
"""The flags by which glibc and musl make a thread: everything is shared, and nothing is new but the thread."""

_NO_SUCH_CALL = {
    "x86_64": {"clone3": 435},
    "aarch64": {"clone3": 435},
}  # where threads are allowed: libc then uses clone
_CLONE = {"x86_64": 56, "aarch64": 220}


@dataclass(frozen=True, kw_only=True)
class Condition:
    """On which value of an argument a call is allowed; the kernel reads these arguments as 32 bits.

    Args:
        argument: Which one, from 0.
        values: The values that are allowed.
        mask: The bits that are looked at.
    """

    argument: int
    values: tuple[int, ...]
    mask: int = 0xFFFFFFFF


# fcntl: F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC; no owner, no locks (a lock is a channel between guests).
# ioctl: TCGETS, FIONCLEX, FIOCLEX, as Python's `open` and `isatty` ask. open: not for writing (O_ACCMODE, O_CREAT,
# O_TRUNC, O_TMPFILE), whatever Landlock says of the file.
_FCNTL = Condition(argument=1, values=(1, 2, 3, 1030))
_IOCTL = Condition(argument=1, values=(0x5401, 0x5450, 0x5451))
_WRITING = 0o3 | 0o100 | 0o1000 | 0o20000000
_OPEN = Condition(argument=1, values=(0,), mask=_WRITING)
_OPENAT = Condition(argument=2, values=(0,), mask=_WRITING)

CONDITIONAL: Mapping[str, Mapping[int, Condition]] = {
    "x86_64": {72: _FCNTL, 16: _IOCTL, 2: _OPEN, 257: _OPENAT},
    "aarch64": {25: _FCNTL, 29: _IOCTL, 56: _OPENAT},
}
"""Calls that are allowed with some values of an argument, by number."""

FATAL: Mapping[str, Mapping[str, int]] = {
    "x86_64": {
        "execve": 59, "kill": 62, "ptrace": 101, "rt_sigqueueinfo": 129, "pivot_root": 155, "chroot": 161,
        "mount": 165, "umount2": 166, "swapon": 167, "swapoff": 168, "reboot": 169, "init_module": 175,
        "delete_module": 176, "kexec_load": 246, "add_key": 248, "request_key": 249, "keyctl": 250, "unshare": 272,
        "rt_tgsigqueueinfo": 297, "perf_event_open": 298, "name_to_handle_at": 303, "open_by_handle_at": 304,
        "setns": 308, "process_vm_readv": 310, "process_vm_writev": 311, "kcmp": 312, "finit_module": 313,
        "kexec_file_load": 320, "bpf": 321, "execveat": 322, "userfaultfd": 323, "pidfd_send_signal": 424,
        "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "open_tree": 428, "move_mount": 429,
        "fsopen": 430, "fsmount": 432, "pidfd_getfd": 438, "process_madvise": 440, "mount_setattr": 442,
    },
    "aarch64": {
        "umount2": 39, "mount": 40, "pivot_root": 41, "chroot": 51, "kexec_load": 104, "init_module": 105,
        "delete_module": 106, "ptrace": 117, "kill": 129, "rt_sigqueueinfo": 138, "reboot": 142, "add_key": 217,
        "request_key": 218, "keyctl": 219, "execve": 221, "swapon": 224, "swapoff": 225, "rt_tgsigqueueinfo": 240,
        "perf_event_open": 241, "name_to_handle_at": 264, "open_by_handle_at": 265, "setns": 268,
        "process_vm_readv": 270, "process_vm_writev": 271, "kcmp": 272, "finit_module": 273, "bpf": 280,
        "execveat": 281, "userfaultfd": 282, "kexec_file_load": 294, "unshare": 97, "pidfd_send_signal": 424,
        "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "open_tree": 428, "move_mount": 429,
        "fsopen": 430, "fsmount": 432, "pidfd_getfd": 438, "process_madvise": 440, "mount_setattr": 442,
    },
}  # fmt: skip

_LOAD, _JUMP, _JUMP_EQUAL, _JUMP_AT_LEAST, _RETURN = 0x20, 0x05, 0x15, 0x35, 0x06
_AND = 0x54
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16  # offsets in struct seccomp_data
_ALLOW, _FAIL, _UNKNOWN, _KILL = 0x7FFF0000, 0x00050001, 0x00050026, 0x80000000  # EPERM is 1, ENOSYS 38
_X32_BIT = 0x40000000

_Instruction = tuple[int, int, int, int]


def build_filter(architecture: str, *, threads: bool = False) -> bytes:
    """The filter as an array of `struct sock_filter`, for `x86_64` or `aarch64`.

    A tree over ranges of numbers: when a filter is installed the kernel runs it once per number, which takes 0.4 ms
    for a list of comparisons and far less for a tree.

    Args:
        threads: Whether threads may be made; processes never may.

    Raises:
        KeyError: There is no table for the architecture.
    """
    actions: dict[int, list[_Instruction]] = {}
    for number in ALLOWED[architecture].values():
        actions[number] = [(_RETURN, 0, 0, _ALLOW)]
    for number in FATAL[architecture].values():
        actions[number] = [(_RETURN, 0, 0, _KILL)]
    conditional = dict(CONDITIONAL[architecture])
    if threads:
        conditional[_CLONE[architecture]] = Condition(argument=0, values=FLAGS_OF_A_THREAD)
        for number in _NO_SUCH_CALL[architecture].values():
            actions[number] = [(_RETURN, 0, 0, _UNKNOWN)]
    for number, condition in conditional.items():
        actions[number] = _if(condition)
    code = [
        (_LOAD, 0, 0, _ARCHITECTURE_AT),
        (_JUMP_EQUAL, 1, 0, ARCHITECTURES[architecture]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER_AT),
        *_tree(_ranges(actions)),
    ]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


def _if(condition: Condition) -> list[_Instruction]:
    code: list[_Instruction] = [(_LOAD, 0, 0, _ARGUMENTS_AT + 8 * condition.argument), (_AND, 0, 0, condition.mask)]
    for value in condition.values:
        code += [(_JUMP_EQUAL, 0, 1, value), (_RETURN, 0, 0, _ALLOW)]
    return [*code, (_RETURN, 0, 0, _FAIL)]


def _ranges(actions: Mapping[int, list[_Instruction]]) -> list[tuple[int, list[_Instruction]]]:
    """First number and action of each range of equal action, covering all numbers."""
    fail: list[_Instruction] = [(_RETURN, 0, 0, _FAIL)]
    ranges = [(0, actions.get(0, fail))]
    for number in range(1, max(actions) + 2):
        action = actions.get(number, fail)
        if action != ranges[-1][1]:
            ranges.append((number, action))
    return [*ranges, (_X32_BIT, [(_RETURN, 0, 0, _KILL)])]


def _tree(ranges: list[tuple[int, list[_Instruction]]]) -> list[_Instruction]:
    if len(ranges) == 1:
        return ranges[0][1]
    middle = len(ranges) // 2
    below, above = _tree(ranges[:middle]), _tree(ranges[middle:])
    return [(_JUMP_AT_LEAST, 0, 1, ranges[middle][0]), (_JUMP, 0, 0, len(below)), *below, *above]
