"""The doctor's word on language models."""

from __future__ import annotations

import pytest

from thekla.assembly.diagnosis import DoctorRow, _models
from thekla.testing.model_server import ModelServer, Reply


def rows(*models: str) -> dict[str, DoctorRow]:
    return {row.name: row for row in _models(models).rows}


def test_doctor_says_which_keys_are_set_and_never_what_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    found = rows()
    assert found["openai"].value == "OPENAI_API_KEY is set"
    assert found["anthropic"].value == "ANTHROPIC_API_KEY is not set"
    assert "secret" not in str(found)


def test_doctor_asks_the_models_that_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    def script(number: int, body: object) -> Reply:
        if number == 0:
            return Reply(status=400, envelope=b'{"error": "seed is not supported"}')
        return Reply(text="ready") if number == 1 else Reply(status=403, envelope=b'{"error": "not yours"}')

    with ModelServer(script) as server:
        good, bad = f"{server.url}#good", f"{server.url}#bad"
        found = rows(good, bad, "openai:gpt-5.2")
    assert found[good].ok
    assert "answers 'ready'" in found[good].value
    assert "refuses seed" in found[good].value
    assert found[bad].ok is False
    assert "not yours" in found[bad].value
    assert "OPENAI_API_KEY is not set" in found["openai:gpt-5.2"].value
