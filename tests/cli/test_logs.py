"""The log of the command line holds no secret."""

from __future__ import annotations

import logging

import pytest

from thekla.cli.logs import logging_without_secrets
from thekla.core.redaction import Redactor


def test_log_holds_no_secret_not_even_in_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger("thekla.llm")
    with logging_without_secrets(Redactor(["the-secret-of-the-host"])):
        try:
            raise ValueError("key the-secret-of-the-host is wrong")
        except ValueError:
            logger.warning("refused %s", "the-secret-of-the-host", exc_info=True)
        logger.info("not shown")
    logger.warning("afterwards")
    said = capsys.readouterr().err
    assert said.startswith("thekla: refused [redacted]\n")
    assert "ValueError: key [redacted] is wrong" in said
    assert "the-secret-of-the-host" not in said
    assert "not shown" not in said
    assert "thekla: afterwards" not in said


def test_no_record_passes_for_two_or_acts_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with logging_without_secrets(Redactor()):
        logging.getLogger("thekla.llm").warning("refused: %s", "no\nthekla: closed\r\x1b[2Jx")
    assert capsys.readouterr().err == "thekla: refused: no\n  thekla: closed⟦U+000D⟧⟦U+001B⟧[2Jx\n"
