"""Errors as a user meets them: one message, one exit code."""

from __future__ import annotations

from thekla.core.errors import ConfigError, ProblemError, SandboxError, StorageError, TheklaError

__all__ = ["BAD_INPUT", "FAILED", "INTERRUPTED", "NO_SANDBOX", "OK", "exit_code", "message_of"]

OK = 0
FAILED = 1
BAD_INPUT = 2
NO_SANDBOX = 3
INTERRUPTED = 130  # 128 + SIGINT, as shells report it

_CODES: tuple[tuple[type[BaseException], int], ...] = (
    (SandboxError, NO_SANDBOX),
    (ConfigError, BAD_INPUT),
    (ProblemError, BAD_INPUT),
    (StorageError, BAD_INPUT),
    (OSError, BAD_INPUT),  # a path that the user gave, or a disk that refuses
)


def exit_code(error: BaseException) -> int:
    """The exit code of a command that ended with `error`."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), FAILED)


def message_of(error: BaseException) -> str:
    """What to say of `error`, without a traceback."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if isinstance(error, TheklaError | OSError):
        return str(error)
    return f"internal error: {type(error).__name__}: {error}; run again with --debug and report what it prints"
