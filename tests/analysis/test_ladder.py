"""The ladder shows who scored what where, and claims no more."""

import dataclasses

import pytest

from thekla.analysis import RunView, findings, generalisation, ladder, read_run
from thekla.analysis.report.html import command_of
from thekla.analysis.wording import better_by
from thekla.core.evaluation import Scored
from thekla.core.journal import Closed, Judged
from thekla.core.problem import Objective, Split
from thekla.core.program import CandidateId, Program
from thekla.testing.journals import JournalBuilder, example_journal, instances_of, scored, settings


@pytest.fixture(scope="module")
def view() -> RunView:
    journal = example_journal(evaluations=40)
    return read_run(journal.events, journal.blob)


def test_ladder_goes_from_worst_to_best_and_ends_with_the_bound(view: RunView) -> None:
    steps = ladder(view)
    scores = [
        standing.score
        for rung in steps.rungs
        if (standing := rung.standings.get(Split.PUBLIC)) and standing.score is not None
    ]
    assert scores == sorted(scores, reverse=True)
    assert steps.rungs[-1].role == "bound"
    assert steps.splits == (Split.TRAIN, Split.VALIDATION, Split.PUBLIC, Split.HOLDOUT)


def test_train_scores_come_from_the_search(view: RunView) -> None:
    best = ladder(view).best
    assert best is not None
    assert view.winner is not None
    assert isinstance(view.winner.outcome, Scored)
    assert best.standings[Split.TRAIN].score == view.winner.outcome.scores["latency"]


def test_failed_rung_has_no_score_and_a_reason(view: RunView) -> None:
    idle = next(rung for rung in ladder(view).rungs if rung.name == "idle")
    assert idle.standings[Split.VALIDATION].score is None
    assert "ends nothing" in idle.standings[Split.VALIDATION].failed


def test_published_figure_stands_with_the_public_instances_or_alone(view: RunView) -> None:
    published = ladder(view).of_role("published")
    assert published is not None
    assert published.standings[Split.PUBLIC].score == 124.34
    members = {"train": instances_of(Split.TRAIN, 2)}
    journal = JournalBuilder()
    journal.state(settings(instances=members))
    alone = ladder(read_run(journal.events, journal.blob)).of_role("published")
    assert alone is not None
    assert alone.standings == {}
    assert alone.stated == 124.34


def test_seed_judged_by_its_role_and_by_its_id_is_one_rung(view: RunView) -> None:
    assert sum(rung.role == "seed" for rung in ladder(view).rungs) == 1


def test_gap_is_positive_when_the_other_split_is_worse(view: RunView) -> None:
    for gap in generalisation(view, ladder(view)):
        assert gap.gap is not None
        assert (gap.gap > 0) == (gap.score > gap.train)


def closed_run(train: dict[str, float], *, tier: str = "strict", bound: float = 1.0) -> RunView:
    journal = JournalBuilder()
    journal.state(settings(tier=tier))
    journal.seed(Program.from_text("seed"), scored(dict.fromkeys(train, 100.0)))
    journal.try_program("w", Program.from_text("w"), scored(train), parents=["seed-0"])
    for name, role, level in (("w", "winner", 20.0), ("seed-0", "seed", 100.0)):
        outcome = scored({"validation/trace00": level, "validation/trace01": level + 1})
        row = Judged(
            name=name, role=role, split=Split.VALIDATION, program=None, outcome=outcome, bound={"latency": bound}
        )
        journal.state(row)
    journal.state(Closed(winner=CandidateId("w")))
    return read_run(journal.events, journal.blob)


def test_run_without_a_holdout_says_so() -> None:
    view = closed_run({"train/trace00": 18.0})
    said = findings(view, ladder(view))
    assert said.split is Split.VALIDATION
    assert any("No hold-out" in line for line in said.caveats)
    assert said.warnings == ()


def test_score_beyond_a_bound_is_a_warning_not_a_triumph() -> None:
    view = closed_run({"train/trace00": 18.0}, bound=50.0)
    assert any("better than the bound" in line for line in findings(view, ladder(view)).warnings)


@pytest.mark.parametrize(
    ("tier", "says"),
    [("trusted", ["without a sandbox"]), ("process", ["tier `process`"]), ("strict", []), ("container", [])],
)
def test_a_tier_that_leaves_the_answers_open_is_a_warning(tier: str, says: list[str]) -> None:
    view = closed_run({"train/trace00": 18.0}, tier=tier)
    found = findings(view, ladder(view)).warnings
    assert len(found) == len(says)
    assert all(word in line for word, line in zip(says, found, strict=True))


@pytest.mark.parametrize("tier", ["strict", "process", "bubblewrap", "trusted"])
def test_the_command_of_a_report_names_every_tier_but_the_usual_one(tier: str) -> None:
    command = command_of(closed_run({"train/trace00": 18.0}, tier=tier))
    assert (f"--sandbox {tier}" in command) == (tier != "strict")


def test_seed_that_won_is_not_announced_as_a_discovery() -> None:
    journal = JournalBuilder()
    journal.state(settings())
    journal.seed(Program.from_text("seed"), scored({"train/trace00": 5.0}))
    journal.state(Closed(winner=CandidateId("seed-0")))
    view = read_run(journal.events, journal.blob)
    assert findings(view, ladder(view)).headline.startswith("No program better than the seed")


LATENCY = Objective(name="latency", unit="s", direction="minimize")
RATE = dataclasses.replace(LATENCY, name="rate", direction="maximize")


@pytest.mark.parametrize(
    ("objective", "ours", "theirs", "words"),
    [
        (LATENCY, 10.0, 1000.0, "100 times better"),
        (LATENCY, 75.0, 100.0, "25 % better"),
        (LATENCY, 120.0, 100.0, "20 % worse"),
        (RATE, 10.0, 1000.0, "100 times worse"),
        (RATE, 120.0, 100.0, "20 % better"),
        (LATENCY, -5.0, 5.0, "10 s better"),
        (LATENCY, 5.0, 5.0, "equal"),
    ],
)
def test_comparison_in_words(objective: Objective, ours: float, theirs: float, words: str) -> None:
    assert better_by(objective, ours, theirs) == words
