"""The exceptions of Thekla: bad use of it, never a bad outcome of a candidate (that is `Failed`)."""

from __future__ import annotations

__all__ = [
    "ConfigError",
    "GuestFault",
    "MissingExtraError",
    "ProblemError",
    "ProviderError",
    "SandboxError",
    "StorageError",
    "TheklaError",
]


class TheklaError(Exception):
    """Root of all errors that Thekla raises on purpose.

    A message says what was found, what was expected, and what to do.
    """


class ConfigError(TheklaError):
    """A setting, an option or a name is not what it must be."""


class MissingExtraError(ConfigError):
    """A feature needs an optional dependency that is not installed."""

    def __init__(self, feature: str, *, extra: str, package: str) -> None:
        super().__init__(f'{feature} needs {package}, which is not installed; run: pip install "thekla[{extra}]"')
        self.extra = extra
        self.package = package


class ProblemError(TheklaError):
    """A problem folder is incomplete or contradicts itself."""


class ProviderError(TheklaError):
    """A model provider answered with a fault, or not at all."""


class SandboxError(TheklaError):
    """A sandbox tier cannot be had, or broke while it was in use; never a fault of the candidate."""


class StorageError(TheklaError):
    """A run file cannot be read or written, or is not what it was when it was written."""


class GuestFault(TheklaError):
    """The guest ended a call otherwise than by an answer: the candidate's fault, raised to the referee.

    Args:
        kind: One of the values of `FailureKind`, as text.
        traceback: The candidate's own traceback, without frames of Thekla; empty if there is none.
    """

    def __init__(self, kind: str, message: str, traceback: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.traceback = traceback
