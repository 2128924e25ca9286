"""Secrets taken out of what leaves for a model or a log: known ones, and what looks like one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from thekla.core.run import Prompt

__all__ = ["REDACTED", "Redactor", "secrets_of", "without_secrets"]

REDACTED: Final = "[redacted]"
_SHORTEST: Final = 12  # a shorter value would be found in innocent text; keys have 20 characters and more
_NAMES: Final = re.compile(
    r"(?i)(?:api|access|secret|private|auth)?_?(?:key|token|secret|password|passwd|credentials?)$"
)
_SHAPES: Final = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|\bsk-[A-Za-z0-9_-]{20,}"  # OpenAI, Anthropic, OpenRouter
    r"|\bAIza[A-Za-z0-9_-]{35}"  # Google
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"  # Amazon
    r"|\bgh[opsur]_[A-Za-z0-9]{36,}|\bgithub_pat_[A-Za-z0-9_]{40,}"
    r"|\bhf_[A-Za-z0-9]{30,}"  # Hugging Face
    r"|\bxox[abprs]-[A-Za-z0-9-]{10,}"  # Slack
    r"|\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]+"  # JSON web tokens
    r"|(?<=://)[^\s/:@]+:[^\s/@]+(?=@)",  # user and password in an address
    re.DOTALL,
)


def secrets_of(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The values of the variables whose names say that they hold a secret, as `OPENAI_API_KEY` does."""
    return tuple(
        value.strip()
        for name, value in sorted(environment.items())
        if _NAMES.search(name) and len(value.strip()) >= _SHORTEST
    )


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for a process that needs none of the secrets in it: by name, whatever their length."""
    return {name: value for name, value in environment.items() if not _NAMES.search(name)}


class Redactor:
    """Replaces secrets in texts; calling it on its own result changes nothing.

    It is the last line of defence, not the first: a candidate has no secret in reach.

    Args:
        known: Secrets to look for as they are; those of fewer than 12 characters are left alone.
    """

    def __init__(self, known: Iterable[str] = ()) -> None:
        # The longest first, so that no part of it stays where another is its beginning.
        found = sorted({secret for secret in known if len(secret) >= _SHORTEST}, key=lambda one: (-len(one), one))
        self._known = re.compile("|".join(map(re.escape, found))) if found else None

    def __call__(self, text: str) -> str:
        """`text` with `[redacted]` in the place of each secret."""
        if self._known is not None:
            text = self._known.sub(REDACTED, text)
        return _SHAPES.sub(REDACTED, text)

    def prompt(self, prompt: Prompt) -> Prompt:
        """The prompt, each section without secrets."""
        return replace(prompt, sections=tuple(replace(each, text=self(each.text)) for each in prompt.sections))
