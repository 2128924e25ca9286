"""The scripted model keeps the promises of a chat model."""

from __future__ import annotations

import asyncio

import pytest

from thekla.core.errors import ProviderError
from thekla.core.run import Prompt, Section
from thekla.testing.models import ChatModelConformance, ScriptedModel


class TestScriptedModelConforms(ChatModelConformance):
    def make_model(self) -> ScriptedModel:
        return ScriptedModel(["def f(): ...", "def g(): ..."])

    def test_answers_come_in_the_order_of_the_script_and_then_end(self) -> None:
        model = ScriptedModel(["one", "two"])
        assert [self.answer(model).text, self.answer(model).text] == ["one", "two"]
        with pytest.raises(ProviderError, match="2 answers"):
            self.answer(model)

    def test_long_answer_is_cut_and_says_so(self) -> None:
        completion = self.answer(ScriptedModel(["x" * 100]), max_tokens=5)
        assert (len(completion.text), completion.stop_reason) == (20, "length")

    def test_errors_of_the_script_are_raised(self) -> None:
        with pytest.raises(ProviderError, match="overloaded"):
            self.answer(ScriptedModel([ProviderError("overloaded")]))

    def test_prompts_are_kept(self) -> None:
        model = ScriptedModel(["one"], cost_usd=None)
        prompt = Prompt(sections=(Section(name="task", text="Say one."),))
        completion = asyncio.run(model.complete(prompt, max_tokens=9, temperature=0.5, seed=None))
        assert model.prompts == [prompt]
        assert completion.spending.cost_usd is None
