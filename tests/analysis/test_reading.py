"""A run is read from its journal alone."""

import dataclasses
import json
from typing import Any

import pytest

from thekla.analysis import describe, read_run
from thekla.core.codec import encode
from thekla.core.errors import StorageError
from thekla.core.evaluation import Failed, FailureKind, Usage
from thekla.core.journal import Closed, Started
from thekla.core.program import CandidateId, Program
from thekla.core.run import Spending
from thekla.testing.journals import JournalBuilder, example_journal, scored, settings

TRAIN = ("train/trace00", "train/trace01")


def at(level: float, cpu_s: float = 0.2) -> Any:
    return scored(dict.fromkeys(TRAIN, level), cpu_s=cpu_s)


def failed(kind: FailureKind, stage: str) -> Failed:
    return Failed(kind=kind, stage=stage, message="as asked", cost=Usage())


@pytest.fixture
def small() -> JournalBuilder:
    """Seed 100; then 50 (counted), a duplicate, a syntax error, no program, 70 (counted), 40 (counted)."""
    journal = JournalBuilder()
    journal.state(settings())
    journal.seed(Program.from_text("seed"), at(100, cpu_s=1.0))
    journal.try_program("a", Program.from_text("a"), at(50, cpu_s=3.0), parents=["seed-0"], operator="swap")
    again = failed(FailureKind.DUPLICATE, "check")
    journal.try_program("b", Program.from_text("a"), again, parents=["seed-0"], operator="swap", counted=False)
    broken = failed(FailureKind.SYNTAX, "check")
    journal.try_program("c", Program.from_text("c("), broken, parents=["a"], operator="delete", counted=False)
    unpriced = Spending(cost_usd=None, input_tokens=10, output_tokens=5)
    silent = failed(FailureKind.NO_PROGRAM, "answer")
    journal.try_program("d", None, silent, parents=["a"], operator="delete", counted=False, spending=unpriced)
    priced = Spending(cost_usd=0.25)
    journal.try_program("e", Program.from_text("e"), at(70), parents=["a"], operator="delete", spending=priced)
    journal.try_program("f", Program.from_text("f"), at(40), parents=["e", "a"], operator="swap")
    return journal


def test_curve_holds_each_improvement_at_its_counted_evaluation(small: JournalBuilder) -> None:
    view = read_run(small.events, small.blob)
    assert [(point.evaluation, point.score, point.candidate) for point in view.curve] == [
        (1, 100.0, "seed-0"),
        (2, 50.0, "a"),
        (4, 40.0, "f"),
    ]


def test_candidates_keep_the_order_of_telling_and_their_lineage(small: JournalBuilder) -> None:
    view = read_run(small.events, small.blob)
    assert [candidate.ticket for candidate in view.candidates] == ["seed-0", "a", "b", "c", "d", "e", "f"]
    assert [candidate.asked for candidate in view.candidates] == [None, 0, 1, 2, 3, 4, 5]
    assert view.candidates[-1].parents == ("e", "a")
    assert view.candidates[4].id is None


def test_checks_are_credited_with_what_they_saved(small: JournalBuilder) -> None:
    screening = read_run(small.events, small.blob).screening
    assert (screening.rejected, screening.duplicates, screening.counted) == (1, 1, 4)
    assert screening.mean_cpu_s == pytest.approx((1.0 + 3.0 + 0.2 + 0.2) / 4)
    assert screening.saved_cpu_s == pytest.approx(2 * 1.1)


def test_operator_earns_credit_only_against_its_best_parent(small: JournalBuilder) -> None:
    rows = {row.operator: row for row in read_run(small.events, small.blob).operators}
    assert (rows["swap"].told, rows["swap"].scored, rows["swap"].improved, rows["swap"].records) == (3, 2, 2, 2)
    assert (rows["delete"].told, rows["delete"].scored, rows["delete"].improved, rows["delete"].best) == (3, 1, 0, 70)
    assert "seed" not in rows


def test_call_without_a_known_price_is_never_counted_as_free(small: JournalBuilder) -> None:
    ledger = read_run(small.events, small.blob).ledger
    assert (ledger.cost_usd, ledger.unpriced_calls) == (0.25, 1)
    assert (ledger.proposals, ledger.evaluations, ledger.duplicates) == (6, 4, 1)
    assert (ledger.input_tokens, ledger.output_tokens) == (10, 5)


def test_failures_are_counted_by_kind_and_stage(small: JournalBuilder) -> None:
    rows = {(row.kind, row.stage): row.count for row in read_run(small.events, small.blob).failures}
    assert rows == {("duplicate", "check"): 1, ("syntax", "check"): 1, ("no_program", "answer"): 1}


def test_open_run_is_interrupted_unless_somebody_writes_to_it(small: JournalBuilder) -> None:
    assert read_run(small.events, small.blob).status == "interrupted"
    assert read_run(small.events, small.blob, live=True).status == "running"


def test_winner_is_the_closed_one_even_if_train_prefers_another(small: JournalBuilder) -> None:
    small.state(Closed(winner=CandidateId("a")))
    view = read_run(small.events, small.blob)
    assert view.status == "closed"
    assert view.winner is not None
    assert view.winner.id == "a"
    assert view.leader is not None
    assert view.leader.id == "f"
    assert view.best_program == Program.from_text("a")


def test_every_prefix_of_a_journal_can_be_read() -> None:
    journal = example_journal(evaluations=20)
    for cut in range(1, len(journal.events) + 1):
        view = read_run(journal.events[:cut], journal.blob)
        assert view.events == cut
        assert view.chain == journal.events[cut - 1].chain
        if cut % 12 == 1:
            assert describe(view).tables


def test_empty_journal_is_refused() -> None:
    with pytest.raises(StorageError, match="never started"):
        read_run([], dict[str, bytes]().__getitem__)


def test_run_that_scored_nothing_has_no_leader() -> None:
    journal = JournalBuilder()
    journal.state(settings())
    journal.seed(Program.from_text("seed"), failed(FailureKind.CRASH, "train"))
    journal.state(Closed(winner=None))
    view = read_run(journal.events, journal.blob)
    assert view.best is None
    assert view.seed_program == Program.from_text("seed")
    assert "Nothing was scored" in describe(view).headline


def test_description_is_plain_data() -> None:
    journal = example_journal(evaluations=30)
    view = read_run(journal.events, journal.blob)
    data = json.loads(json.dumps(describe(view).data, allow_nan=False))
    assert data["chain"] == view.chain
    assert data["best"]["id"] == view.best.id if view.best else False
    assert {rung["role"] for rung in data["ladder"]} >= {"seed", "winner", "bound", "oracle", "published"}


def test_settings_are_those_that_were_written() -> None:
    journal = example_journal(evaluations=20)
    started = read_run(journal.events, journal.blob).settings
    assert isinstance(started, Started)
    assert encode(started) == encode(dataclasses.replace(settings(), budget=started.budget))


def test_joined_operators_are_credited_each() -> None:
    journal = JournalBuilder()
    journal.state(settings())
    journal.seed(Program.from_text("seed"), at(100))
    journal.try_program("a", Program.from_text("a"), at(50), parents=["seed-0"], operator="delete+sort+delete")
    journal.try_program("b", Program.from_text("b"), at(60), parents=["a"], operator="sort")
    rows = {row.operator: (row.told, row.improved) for row in read_run(journal.events, journal.blob).operators}
    assert rows == {"delete": (1, 1), "sort": (2, 1)}
