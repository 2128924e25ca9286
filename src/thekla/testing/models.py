"""A scripted chat model, and what every chat model promises."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence

from thekla.core.errors import ProviderError
from thekla.core.protocols import ChatModel
from thekla.core.run import Completion, Prompt, Section, Spending

__all__ = ["ChatModelConformance", "ScriptedModel"]


class ScriptedModel:
    """A chat model that gives the answers of a script in turn, and takes note of the prompts.

    Args:
        answers: Texts to answer with; an exception in their place is raised.
        cost_usd: What each answer costs; None for a model without a known price.

    Raises:
        ProviderError: The script has come to its end.
    """

    def __init__(self, answers: Sequence[str | ProviderError], *, cost_usd: float | None = 0.0) -> None:
        self._answers = tuple(answers)
        self._cost_usd = cost_usd
        self.prompts: list[Prompt] = []

    async def complete(
        self, prompt: Prompt, *, max_tokens: int, temperature: float | None, seed: int | None
    ) -> Completion:
        """The next answer of the script, cut to about `max_tokens`."""
        position = len(self.prompts)
        if position >= len(self._answers):
            raise ProviderError(f"the script has {len(self._answers)} answers and was asked for one more")
        self.prompts.append(prompt)
        answer = self._answers[position]
        if isinstance(answer, ProviderError):
            raise answer
        limit = 4 * max_tokens  # characters, at four to a token
        text = answer[:limit]
        return Completion(
            text=text,
            stop_reason="length" if len(answer) > limit else "stop",
            model="scripted",
            spending=Spending(
                cost_usd=self._cost_usd, input_tokens=-(-len(prompt.text) // 4), output_tokens=-(-len(text) // 4)
            ),
        )


class ChatModelConformance(ABC):
    """What every chat model promises; a test class subclasses it and says how to make one that answers."""

    @abstractmethod
    def make_model(self) -> ChatModel:
        """A fresh model that has at least two answers to give."""

    def prompt(self) -> Prompt:
        """A prompt that the model can answer."""
        return Prompt(sections=(Section(name="task", text="Write a function.", tokens=5),))

    def answer(self, model: ChatModel, *, max_tokens: int = 256, seed: int | None = 0) -> Completion:
        """One answer of the model."""
        return asyncio.run(model.complete(self.prompt(), max_tokens=max_tokens, temperature=0.0, seed=seed))

    def test_answer_names_model_and_stop_reason(self) -> None:
        completion = self.answer(self.make_model())
        assert completion.text
        assert completion.model
        assert completion.stop_reason

    def test_spending_is_counted_and_never_negative(self) -> None:
        spending = self.answer(self.make_model()).spending
        assert spending.input_tokens >= 0
        assert spending.output_tokens >= 0
        assert spending.wall_s >= 0.0
        assert spending.cost_usd is None or spending.cost_usd >= 0.0

    def test_model_without_temperature_or_seed_answers(self) -> None:
        completion = asyncio.run(self.make_model().complete(self.prompt(), max_tokens=256, temperature=None, seed=None))
        assert completion.text

    def test_model_answers_more_than_once(self) -> None:
        model = self.make_model()
        assert self.answer(model).text
        assert self.answer(model).text
