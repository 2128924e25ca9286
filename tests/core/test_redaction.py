"""No secret stays in a text, and innocent text stays as it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thekla.core.redaction import REDACTED, Redactor, secrets_of, without_secrets
from thekla.core.run import Prompt, Section

SHAPED = [
    "sk-proj-" + "a1B2" * 8,
    "sk-ant-api03-" + "x" * 40,
    "AIza" + "b" * 35,
    "AKIA" + "A1" * 8,
    "ghp_" + "c" * 36,
    "github_pat_" + "d" * 50,
    "hf_" + "e" * 34,
    "xoxb-123456789012-abc",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----\nMIIEow, cut off",
]


@pytest.mark.parametrize("secret", SHAPED)
def test_what_looks_like_a_secret_is_taken_out(secret: str) -> None:
    assert Redactor()(f"key={secret}") == f"key={REDACTED}"


def test_password_in_an_address_is_taken_out() -> None:
    assert Redactor()("postgres://me:hunter2@db:5432/x") == f"postgres://{REDACTED}@db:5432/x"
    assert Redactor()("http://localhost:8000/a@b") == "http://localhost:8000/a@b"


@given(
    secrets=st.lists(st.text(min_size=12, max_size=40), min_size=1, max_size=4),
    parts=st.lists(st.text(max_size=20), min_size=1, max_size=5),
)
def test_no_known_secret_stays(secrets: list[str], parts: list[str]) -> None:
    text = "".join(part + secret for part, secret in zip(parts, secrets * 5, strict=False))
    redacted = Redactor(secrets)(text)
    assert not any(secret in redacted.replace(REDACTED, "\0") for secret in secrets)


def test_secret_that_begins_with_another_goes_as_a_whole() -> None:
    assert Redactor(["a" * 12, "a" * 12 + "bcdef"])("x " + "a" * 12 + "bcdef") == f"x {REDACTED}"


@pytest.mark.parametrize(
    "text", ["def order(jobs):\n    return sorted(jobs, key=lambda job: job.size)\n", "token count: 12345678901234", ""]
)
def test_innocent_text_stays(text: str) -> None:
    assert Redactor(["secret-of-this-test"])(text) == text


def test_secrets_of_an_environment_are_those_that_say_so() -> None:
    environment = {
        "OPENAI_API_KEY": " sk-of-this-test-key ",
        "GITHUB_TOKEN": "token-of-this-test",
        "DB_PASSWORD": "password-of-test",
        "SHORT_KEY": "abc",
        "PATH": "/usr/bin:/usr/local/bin",
        "KEYBOARD": "qwertz-and-more-keys",
    }
    assert secrets_of(environment) == ("password-of-test", "token-of-this-test", "sk-of-this-test-key")


def test_a_process_that_needs_no_secret_gets_none_of_the_environment() -> None:
    kept = {"PATH": "/usr/bin", "THEKLA_DATA": "/data", "KEYBOARD": "us"}
    assert without_secrets({"OPENAI_API_KEY": "k", "GITHUB_TOKEN": "t", **kept}) == kept


def test_every_section_of_a_prompt_is_cleaned() -> None:
    prompt = Prompt(sections=(Section(name="one", text="a-secret-of-mine"), Section(name="two", text="nothing")))
    assert Redactor(["a-secret-of-mine"]).prompt(prompt).text == f"{REDACTED}\n\nnothing"
