"""Where the library's log goes: to stderr, without secrets, and one record at a time."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

from thekla.core.redaction import Redactor
from thekla.core.visible import inset, visible

__all__ = ["logging_without_secrets"]


class _Clean(logging.Formatter):
    def __init__(self, redactor: Redactor) -> None:
        super().__init__("thekla: %(message)s")
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        return visible(inset(self._redactor(super().format(record))))


@contextlib.contextmanager
def logging_without_secrets(redactor: Redactor) -> Iterator[None]:
    """Warnings of the library on stderr meanwhile, tracebacks included, each secret in them replaced."""
    handler = logging.StreamHandler()
    handler.setLevel(logging.WARNING)
    handler.setFormatter(_Clean(redactor))
    logger = logging.getLogger("thekla")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
