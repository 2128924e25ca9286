"""Recorded answers: a file of JSON lines that a run writes, and that tests, examples and replays read."""

from __future__ import annotations

import json
from collections import deque
from pathlib import Path

from thekla.core.codec import decode, encode
from thekla.core.errors import ConfigError, ProviderError
from thekla.core.protocols import ChatModel
from thekla.core.run import Completion, Prompt
from thekla.core.values import digest_of

__all__ = ["RecordingModel", "ReplayedModel"]


def _key(prompt: Prompt, max_tokens: int, temperature: float | None, seed: int | None) -> str:
    return digest_of([prompt.digest, max_tokens, temperature, seed])


class RecordingModel:
    """A chat model whose answers are appended to a file as they come."""

    def __init__(self, model: ChatModel, path: Path) -> None:
        self._model = model
        self._path = path

    async def complete(
        self, prompt: Prompt, *, max_tokens: int, temperature: float | None, seed: int | None
    ) -> Completion:
        """The model's answer."""
        answer = await self._model.complete(prompt, max_tokens=max_tokens, temperature=temperature, seed=seed)
        line = json.dumps({"request": _key(prompt, max_tokens, temperature, seed), "completion": encode(answer)})
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        return answer


class ReplayedModel:
    """A chat model that gives recorded answers: to the same request its own, each in turn.

    Args:
        in_order: Answers to requests that were not recorded get the next answer that nobody asked for; else they are
            refused.

    Raises:
        ConfigError: The file cannot be read, or is not a cassette.
    """

    def __init__(self, path: Path, *, in_order: bool = False) -> None:
        self._path = path
        self._in_order = in_order
        self._by_request: dict[str, deque[Completion]] = {}
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
            for line in lines:
                entry = json.loads(line)
                self._by_request.setdefault(entry["request"], deque()).append(decode(Completion, entry["completion"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{path} is no cassette: {error}; record one with RecordingModel") from error

    async def complete(
        self, prompt: Prompt, *, max_tokens: int, temperature: float | None, seed: int | None
    ) -> Completion:
        """The recorded answer.

        Raises:
            ProviderError: There is none left for the request.
        """
        key = _key(prompt, max_tokens, temperature, seed)
        if key not in self._by_request and self._in_order:
            key = next(iter(self._by_request), key)
        kept = self._by_request.get(key)
        if not kept:
            raise ProviderError(
                f"{self._path} holds no answer to this request; the prompt, the seed or a setting has changed since "
                "it was recorded"
            )
        answer = kept.popleft()
        if not kept:
            del self._by_request[key]
        return answer
