"""No secret goes to a model."""

from __future__ import annotations

import asyncio

import pytest

from thekla.core.redaction import Redactor
from thekla.core.run import Completion, Prompt, Section, Spending
from thekla.llm.faults import FaultKind, ModelFault
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


class Leaking:
    """Says a secret, or fails with one."""

    def __init__(self, *, fails: bool) -> None:
        self._fails = fails

    async def complete(
        self, prompt: Prompt, *, max_tokens: int, temperature: float | None, seed: int | None
    ) -> Completion:
        words = "the key is the-secret-of-the-host"
        if self._fails:
            raise ModelFault(FaultKind.ACCESS, words, retry_after_s=2.0, detail="kept")
        return Completion(text=words, model="leaking", stop_reason="stop", spending=Spending(calls=1))


def test_answers_and_faults_come_back_without_secrets() -> None:
    redactor = Redactor(["the-secret-of-the-host"])
    prompt = Prompt(sections=())
    honest, failing = Redacted(Leaking(fails=False), redactor), Redacted(Leaking(fails=True), redactor)
    answer = asyncio.run(honest.complete(prompt, max_tokens=10, temperature=None, seed=None))
    assert answer.text == "the key is [redacted]"
    with pytest.raises(ModelFault, match=r"^the key is \[redacted\]$") as caught:
        asyncio.run(failing.complete(prompt, max_tokens=10, temperature=None, seed=None))
    assert (caught.value.kind, caught.value.retry_after_s) == (FaultKind.ACCESS, 2.0)
    assert caught.value.detail == "kept"
