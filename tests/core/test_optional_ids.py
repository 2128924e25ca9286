"""A journal's optional ids survive the way to plain data and back."""

import pytest

from thekla.core.codec import decode, encode
from thekla.core.evaluation import Failed, FailureKind
from thekla.core.journal import Closed, ToldFact
from thekla.core.program import CandidateId, ProgramId


@pytest.mark.parametrize("winner", [CandidateId("t00001"), None])
def test_optional_id_survives_encoding(winner: CandidateId | None) -> None:
    assert decode(Closed, encode(Closed(winner=winner))) == Closed(winner=winner)


def test_told_fact_with_a_candidate_survives_encoding() -> None:
    fact = ToldFact(
        ticket="t00001",
        candidate=CandidateId("t00001"),
        program=ProgramId("ab" * 32),
        parents=(CandidateId("seed-0"),),
        operator="swap",
        generation=1,
        counted=False,
        outcome=Failed(kind=FailureKind.SYNTAX, stage="check", message="line 1"),
    )
    assert decode(ToldFact, encode(fact)) == fact
