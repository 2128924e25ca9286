"""No secret goes to a model."""

from __future__ import annotations

import asyncio

from thekla.core.redaction import Redactor
from thekla.core.run import Completion, Prompt, Section, Spending
from thekla.llm.redacted import Redacted


class Hearing:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    async def complete(
        self, prompt: Prompt, *, max_tokens: int, temperature: float | None, seed: int | None
    ) -> Completion:
        self.told.append(prompt.text)
        return Completion(text="fine", model="hearing", stop_reason="stop", spending=Spending(calls=1))


def test_model_is_told_no_secret() -> None:
    hearing = Hearing()
    prompt = Prompt(
        sections=(
            Section(name="task", text="Improve this.", role="system"),
            Section(name="error", text="KeyError: the-secret-of-the-host"),
        )
    )
    model = Redacted(hearing, Redactor(["the-secret-of-the-host"]))
    answer = asyncio.run(model.complete(prompt, max_tokens=10, temperature=None, seed=None))
    assert answer.text == "fine"
    assert hearing.told == ["Improve this.\n\nKeyError: [redacted]"]
    assert "the-secret-of-the-host" in prompt.text
