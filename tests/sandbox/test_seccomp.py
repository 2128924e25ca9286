"""The system call filter, run by an interpreter of its own language."""

from __future__ import annotations

import struct

import pytest

from thekla.sandbox import seccomp

ALLOW, FAIL, KILL = 0x7FFF0000, 0x00050001, 0x80000000
NUMBERS = range(600)


def verdict(program: bytes, architecture: int, number: int, second_argument: int = 0) -> int:
    """What the filter returns for a call, as the kernel's classic BPF machine would run it."""
    data = struct.pack("<II8x8xQ32x", number, architecture, second_argument)
    accumulator = at = 0
    while True:
        operation, if_true, if_false, k = struct.unpack_from("=HBBI", program, 8 * at)
        at += 1
        match operation:
            case 0x20:
                (accumulator,) = struct.unpack_from("<I", data, k)
            case 0x05:
                at += k
            case 0x15:
                at += if_true if accumulator == k else if_false
            case 0x35:
                at += if_true if accumulator >= k else if_false
            case 0x06:
                return int(k)
            case _:
                raise AssertionError(f"no such operation: {operation:#x}")


@pytest.mark.parametrize("name", sorted(seccomp.ARCHITECTURES))
def test_filter_says_what_the_tables_say(name: str) -> None:
    program, architecture = seccomp.build_filter(name), seccomp.ARCHITECTURES[name]
    allowed, fatal = set(seccomp.ALLOWED[name].values()), set(seccomp.FATAL[name].values())
    conditional = seccomp.ALLOWED_ARGUMENTS[name]
    assert not allowed & fatal
    assert not (allowed | fatal) & set(conditional)
    for number in NUMBERS:
        found = verdict(program, architecture, number)
        assert found == (ALLOW if number in allowed else KILL if number in fatal else FAIL), number
    for number, values in conditional.items():
        for value in (*range(64), *range(1000, 1100), *range(0x5400, 0x5480), 0xFFFFFFFF):
            assert verdict(program, architecture, number, value) == (ALLOW if value in values else FAIL)


@pytest.mark.parametrize("name", sorted(seccomp.ARCHITECTURES))
def test_other_architectures_and_tables_are_killed(name: str) -> None:
    program, architecture = seccomp.build_filter(name), seccomp.ARCHITECTURES[name]
    for number in NUMBERS:
        assert verdict(program, 0x40000003, number) == KILL  # i386
        assert verdict(program, architecture, 0x40000000 | number) == KILL  # x32
    assert verdict(program, architecture, 0xFFFFFFFF) == KILL


def test_architectures_allow_the_same_but_for_what_only_one_has() -> None:
    one, two = (set(seccomp.ALLOWED[name]) for name in sorted(seccomp.ARCHITECTURES))
    old = {"stat", "lstat", "poll", "access", "select", "dup2", "readlink", "time", "open"}
    assert one - two == set()
    assert two - one == old


@pytest.mark.parametrize("name", sorted(seccomp.ARCHITECTURES))
def test_what_must_be_denied_is_not_allowed(name: str) -> None:
    denied = {
        "clone", "fork", "vfork", "clone3", "execve", "execveat", "socket", "connect", "kill", "tgkill", "ptrace",
        "process_vm_readv", "process_vm_writev", "io_uring_setup", "unshare", "setns", "mount", "prlimit64",
        "setrlimit", "bpf", "perf_event_open", "userfaultfd", "keyctl", "memfd_create", "getrandom", "prctl",
    }  # fmt: skip
    assert not denied & set(seccomp.ALLOWED[name])
    assert len(seccomp.ALLOWED[name]) == len(set(seccomp.ALLOWED[name].values()))
