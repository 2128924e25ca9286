"""The gallery's hints lead somewhere and give nothing away."""

from __future__ import annotations

import re

import pytest

from thekla.assembly.build import build_package
from thekla.core.problem import ProblemRef

GALLERY = ("expert-placement", "lakehouse", "llm-sql", "placement", "transactions-offline", "transactions-online")


@pytest.mark.parametrize("name", GALLERY)
def test_each_problem_lists_a_few_short_hints_and_no_rung_of_its_ladder(name: str) -> None:
    package = build_package(ProblemRef(name=name, suite="default"))
    hints = package.problem.hints
    assert hints.version
    assert 3 <= len(set(hints.texts)) == len(hints.texts) <= 6
    rungs = {baseline.name.replace("-", " ").casefold() for baseline in package.baselines}
    for text in hints.texts:
        assert 40 < len(text) < 300
        assert text.endswith((".", "?"))
        assert "  " not in text
        assert not re.search(r"`|\bdef |\d", text), "an idea, and no code and no constants"
        assert not [rung for rung in rungs if rung in text.casefold()]
