"""The brief: pure, bounded, and it says what paid off, what failed and what was tried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thekla.core.evaluation import Failed, FailureKind, InstanceResult, Outcome, Scored
from thekla.core.problem import (
    Block,
    Field,
    Function,
    Instance,
    Interface,
    Objective,
    Parameter,
    Problem,
    RecordType,
    Split,
    Vocabulary,
)
from thekla.core.program import Candidate, CandidateId, Program
from thekla.core.run import SEED, Prompt, Ticket, Told
from thekla.core.values import Data
from thekla.prompting import BriefBuilder, estimate_tokens
from thekla.prompting.history import parts_of
from thekla.testing.generators import PromptBuilderConformance

SEED_PROGRAM = Program.from_text("def pick(queue):\n    return queue[0]\n")
PROBLEM = Problem(
    name="queue",
    version="1",
    suite="toy",
    statement="Pick the next job.",
    interface=Interface(
        functions=(
            Function(
                name="pick", parameters=(Parameter(name="queue", type="list[Job]"),), result="Job", doc="Next job."
            ),
        ),
        types=(RecordType(name="Job", fields=(Field(name="size", type="gb", doc="Memory it asks for."),)),),
        numbers=("gb",),
        names={"LIMIT": "gb"},
    ),
    objectives=(Objective(name="latency", unit="s", direction="minimize"),),
    seeds=(SEED_PROGRAM,),
    instances={Split.TRAIN: (Instance(id="a", split=Split.TRAIN, digest="0"),)},
    vocabulary=Vocabulary(
        blocks=(Block(name="size of", kind="expression", type="gb", text="{job: Job}.size", doc="Memory."),)
    ),
)
ROOT = Candidate(id=CandidateId("root"), program=SEED_PROGRAM)


def scored(latency: float) -> Scored:
    result = InstanceResult(scores={"latency": latency}, feedback="3 jobs waited")
    return Scored(scores={"latency": latency}, instances={"a": result})


def failed(kind: FailureKind = FailureKind.CRASH, message: str = "IndexError: pop from empty list") -> Failed:
    return Failed(kind=kind, stage="train", message=message)


def root(latency: float = 10.0) -> Told:
    return Told(ticket=Ticket(id="root", operator=SEED), candidate=ROOT, outcome=scored(latency))


def child(name: str, outcome: Outcome, *, operator: str = "cap", parent: Candidate = ROOT) -> Told:
    candidate = Candidate(
        id=CandidateId(name),
        program=Program.from_text(f"{SEED_PROGRAM.text}# {name}\n"),
        parents=(parent.id,),
        operator=operator,
        generation=parent.generation + 1,
    )
    return Told(ticket=Ticket(id=name, parents=(parent,)), candidate=candidate, outcome=outcome)


def build(history: Sequence[Told], *, patience: int = 60, ticket: Ticket | None = None) -> Prompt:
    return BriefBuilder(patience=patience).build(PROBLEM, ticket or Ticket(id="t", parents=(ROOT,)), history)


def table(data: Data) -> Mapping[str, Mapping[str, float]]:
    return cast("Mapping[str, Mapping[str, float]]", data)


class TestBriefConforms(PromptBuilderConformance):
    def make_builder(self) -> BriefBuilder:
        return BriefBuilder()

    def problem(self) -> Problem:
        return PROBLEM


def test_interface_is_shown_with_units_and_remarks() -> None:
    text = build([]).text
    assert "def pick(queue: list[Job]) -> Job  # Next job." in text
    assert "    size: gb  # Memory it asks for." in text
    assert "LIMIT: gb" in text
    assert "{job: Job}.size" in text


def test_parent_is_shown_with_scores_and_feedback_per_instance() -> None:
    prompt = build([root(12.5)])
    assert "- a: latency = 12.5; 3 jobs waited" in prompt.text
    parent = cast("Mapping[str, Data]", prompt.data("parent"))
    assert parent["scores"] == {"latency": 12.5}
    assert parent["instances"] == {"a": {"latency": 12.5}}


def test_operator_earns_when_the_child_beats_its_better_parent() -> None:
    history = [root(10.0), child("a", scored(8.0), operator="cap"), child("b", scored(11.0), operator="sort")]
    credit = table(build(history).data("operators"))
    assert credit["cap"]["improved"] == pytest.approx(1.0, abs=0.01)
    assert credit["cap"]["gain"] == pytest.approx(0.2, abs=0.01)
    assert credit["sort"]["improved"] == 0.0
    assert credit["sort"]["tried"] == 1.0


def test_each_part_of_a_multiple_edit_is_credited_once() -> None:
    assert parts_of("cap+sort+cap") == ("cap", "sort")
    credit = table(build([root(), child("a", scored(5.0), operator="cap+sort+cap")]).data("operators"))
    assert set(credit) == {"cap", "sort"}
    assert all(entry["tried"] == 1.0 and entry["improved"] == 1.0 for entry in credit.values())


def test_failures_count_against_operators_but_our_own_faults_do_not() -> None:
    history = [
        root(),
        child("b", failed(FailureKind.INFRASTRUCTURE, "a worker died"), operator="sort"),
        child("c", failed(FailureKind.DUPLICATE, "seen before"), operator="swap"),
        child("a", failed(), operator="cap"),
    ]
    prompt = build(history)
    assert table(prompt.data("operators")) == {"cap": {"tried": 1.0, "improved": 0.0, "failed": 1.0, "gain": 0.0}}
    assert "worker died" not in prompt.text


def test_old_credit_fades() -> None:
    history = [root(), child("a", scored(5.0), operator="cap")]
    history += [child(f"n{index}", scored(20.0), operator="sort") for index in range(200)]
    assert table(build(history).data("operators"))["cap"]["improved"] == pytest.approx(0.5, abs=0.01)


def test_failures_of_the_lineage_are_told_once_per_kind() -> None:
    good = child("good", scored(9.0))
    assert good.candidate is not None
    history = [root(), good, *(child(f"r{index}", failed()) for index in range(3))]
    history.append(child("x", failed(message="KeyError: 'a'\nmore"), parent=good.candidate, operator="guard"))
    ticket = Ticket(id="t", parents=(good.candidate,))
    failures = build(history, ticket=ticket).data("failures")
    assert failures == [
        {"kind": "crash", "message": "IndexError: pop from empty list", "operator": "cap", "count": 3},
        {"kind": "crash", "message": "KeyError: 'a'", "operator": "guard", "count": 1},
    ]


def test_tried_holds_the_latest_children_of_the_parent() -> None:
    history = [root(), *(child(f"c{index}", failed()) for index in range(300))]
    tried = cast("Sequence[str]", build(history).data("tried"))
    assert len(tried) == 256
    last = history[-1].candidate
    assert last is not None
    assert tried[-1] == last.program.id[:12]


def test_search_without_a_better_best_counts_as_stuck() -> None:
    history = [root(), *(child(f"c{index}", scored(11.0)) for index in range(5))]
    assert cast("Mapping[str, Data]", build(history, patience=5).data("progress"))["stagnant"] is True
    assert cast("Mapping[str, Data]", build(history, patience=6).data("progress"))["stagnant"] is False
    assert "make a larger change" in build(history, patience=5).text


def test_hints_are_shown_only_when_switched_on() -> None:
    assert "Hints" not in build([]).text
    assert "- sort by size" in build([], ticket=Ticket(id="t", parents=(ROOT,), hints=("sort by size",))).text


@given(cuts=st.lists(st.integers(0, 40), max_size=6), other=st.integers(0, 39))
@settings(max_examples=30, deadline=None)
def test_what_was_built_before_changes_no_prompt(cuts: list[int], other: int) -> None:
    history = [root()]
    for index in range(39):
        history.append(child(f"c{index}", failed() if index % 4 == 0 else scored(10.0 + 3.0 * (index % 5 - 2))))
    forked = [*history[:other], child("fork", scored(1.0)), *history[other + 1 :]]
    used = BriefBuilder(patience=7)
    ticket = Ticket(id="t", parents=(ROOT,))
    for cut in cuts:
        used.build(PROBLEM, ticket, history[:cut])
    assert used.build(PROBLEM, ticket, forked) == build(forked, patience=7)
    assert used.build(PROBLEM, ticket, history) == build(history, patience=7)


def test_patience_must_be_positive() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        BriefBuilder(patience=0)


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("a", 1), ("a" * 8, 2), ("a" * 9, 3)])
def test_tokens_are_estimated_at_four_characters(text: str, tokens: int) -> None:
    assert estimate_tokens(text) == tokens
