"""The system call filter, run by an interpreter of its own language."""

from __future__ import annotations

import os
import struct

import pytest

from thekla.sandbox import seccomp

ALLOW, FAIL, KILL = 0x7FFF0000, 0x00050001, 0x80000000
NUMBERS = range(600)


def verdict(program: bytes, architecture: int, number: int, *arguments: int) -> int:
    """What the filter returns for a call, as the kernel's classic BPF machine would run it."""
    data = struct.pack("<II8x6Q", number, architecture, *arguments, *[0] * (6 - len(arguments)))
    accumulator = at = 0
    while True:
        operation, if_true, if_false, k = struct.unpack_from("=HBBI", program, 8 * at)
        at += 1
        match operation:
            case 0x20:
                (accumulator,) = struct.unpack_from("<I", data, k)
            case 0x54:
                accumulator &= k
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
    conditional = seccomp.CONDITIONAL[name]
    assert not allowed & fatal
    assert not (allowed | fatal) & set(conditional)
    for number in NUMBERS:
        if number not in conditional:
            found = verdict(program, architecture, number)
            assert found == (ALLOW if number in allowed else KILL if number in fatal else FAIL), number
    for number, condition in conditional.items():
        for value in (*range(64), *range(1000, 1100), *range(0x5400, 0x5480), 0xFFFFFFFF):
            arguments = [0xFFFFFFFF] * condition.argument + [value]
            may = value & condition.mask in condition.values
            assert verdict(program, architecture, number, *arguments) == (ALLOW if may else FAIL)


OPENING = {"x86_64": {2: 1, 257: 2}, "aarch64": {56: 2}}  # number of open and openat, and which argument the flags are


@pytest.mark.parametrize("name", sorted(seccomp.ARCHITECTURES))
def test_no_file_is_opened_for_writing(name: str) -> None:
    program, architecture = seccomp.build_filter(name), seccomp.ARCHITECTURES[name]
    reading = {0, os.O_CLOEXEC, os.O_DIRECTORY | os.O_CLOEXEC, os.O_NONBLOCK}
    writing = {1, 2, 3, os.O_CREAT, os.O_TRUNC, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o20000000, os.O_RDWR | 1 << 19}
    for number, place in OPENING[name].items():
        for flags in reading | writing:
            arguments = [0] * place + [flags]
            assert verdict(program, architecture, number, *arguments) == (ALLOW if flags in reading else FAIL)


@pytest.mark.parametrize("name", sorted(seccomp.ARCHITECTURES))
def test_threads_are_all_that_more_threads_allow(name: str) -> None:
    plain, threaded = seccomp.build_filter(name), seccomp.build_filter(name, threads=True)
    architecture, clone = seccomp.ARCHITECTURES[name], {"x86_64": 56, "aarch64": 220}[name]
    unknown = 0x00050026
    for number in set(NUMBERS) - {clone, 435}:
        assert verdict(plain, architecture, number, 1) == verdict(threaded, architecture, number, 1)
    assert (verdict(plain, architecture, 435), verdict(threaded, architecture, 435)) == (FAIL, unknown)
    thread = 0x3D0F00
    for flags in (thread, 17, 0, thread & ~0x10000, thread | 0x10000000, thread | 0x20000, 0x4111):
        assert verdict(threaded, architecture, clone, flags) == (ALLOW if flags == thread else FAIL)
        assert verdict(plain, architecture, clone, flags) == FAIL


@pytest.mark.parametrize("name", sorted(seccomp.ARCHITECTURES))
def test_other_architectures_and_tables_are_killed(name: str) -> None:
    program, architecture = seccomp.build_filter(name), seccomp.ARCHITECTURES[name]
    for number in NUMBERS:
        assert verdict(program, 0x40000003, number) == KILL  # i386
        assert verdict(program, architecture, 0x40000000 | number) == KILL  # x32
    assert verdict(program, architecture, 0xFFFFFFFF) == KILL


def test_architectures_allow_the_same_but_for_what_only_one_has() -> None:
    one, two = (set(seccomp.ALLOWED[name]) for name in sorted(seccomp.ARCHITECTURES))
    old = {"stat", "lstat", "poll", "access", "select", "dup2", "readlink", "time"}
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
