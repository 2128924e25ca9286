"""No secret goes to a model, and none that comes back is kept."""

from __future__ import annotations

from dataclasses import replace

from thekla.core.protocols import ChatModel
from thekla.core.redaction import Redactor
from thekla.core.run import Completion, Prompt
from thekla.llm.faults import ModelFault

__all__ = ["Redacted"]


class Redacted:
    """A chat model that is told no secret, whatever the prompt holds, and whose answers and faults hold none.

    Providers quote a refused key in their error; what comes back is recorded, so it is cleaned before that.
    """

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
        clean = self._redactor.prompt(prompt)
        try:
            answer = await self._model.complete(clean, max_tokens=max_tokens, temperature=temperature, seed=seed)
        except ModelFault as fault:
            raise fault.with_message(self._redactor(fault.message)) from None
        return replace(answer, text=self._redactor(answer.text))
