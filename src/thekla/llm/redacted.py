"""No secret goes to a model."""

from __future__ import annotations

from dataclasses import replace

from thekla.core.protocols import ChatModel
from thekla.core.redaction import Redactor
from thekla.core.run import Completion, Prompt

__all__ = ["Redacted"]


class Redacted:
    """A chat model that is told no secret, whatever the prompt holds."""

    def __init__(self, model: ChatModel, redactor: Redactor) -> None:
        self._model = model
        self._redactor = redactor

    async def complete(
        self, prompt: Prompt, *, max_tokens: int, temperature: float | None, seed: int | None
    ) -> Completion:
        """The model's answer to the prompt without secrets.

        Raises:
            ProviderError: There is none.
        """
        sections = tuple(replace(section, text=self._redactor(section.text)) for section in prompt.sections)
        clean = replace(prompt, sections=sections)
        return await self._model.complete(clean, max_tokens=max_tokens, temperature=temperature, seed=seed)
