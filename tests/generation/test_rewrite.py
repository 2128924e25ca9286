"""The generator that asks language models: what it asks, what it makes of answers, what it costs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence

import pytest

from thekla.core.errors import ConfigError
from thekla.core.evaluation import Scored
from thekla.core.problem import Problem
from thekla.core.program import Candidate, CandidateId, Program
from thekla.core.protocols import ChatModel, Generator
from thekla.core.run import SEED, Completion, Prompt, Proposal, Section, Spending, Ticket, Told
from thekla.generation.rewrite import Rewriter
from thekla.llm import TOO_LONG, FaultKind, ModelFault, ModelSettings
from thekla.prompting import ChatBuilder, ConversationBuilder
from thekla.testing.generators import GeneratorConformance
from thekla.testing.toy import ToyPackage

PROBLEM = ToyPackage().problem
LONG = Program.from_text("def answer():\n" + "    x = 1\n" * 150 + "    return [1.0] * 5\n")
PARENT = Candidate(id=CandidateId("s0"), program=PROBLEM.seeds[0])
GOOD = "```python\ndef answer():\n    return [2.0] * 5\n```"
BROKEN = "```python\ndef answer(:\n```"

Answering = Callable[[Prompt, int], "str | Completion | ModelFault"]


class FakeModel:
    """A model whose answer is a function of the prompt and the number of the call; it remembers the prompts."""

    def __init__(self, answering: Answering) -> None:
        self.answering = answering
        self.prompts: list[Prompt] = []
        self.rooms: list[int] = []

    async def complete(
        self, prompt: Prompt, *, max_tokens: int, temperature: float | None, seed: int | None
    ) -> Completion:
        self.prompts.append(prompt)
        self.rooms.append(max_tokens)
        answer = self.answering(prompt, len(self.prompts))
        if isinstance(answer, ModelFault):
            raise answer
        return completion(answer) if isinstance(answer, str) else answer


class FakeModels:
    """Models by name."""

    def __init__(self, **models: FakeModel) -> None:
        self.models = models

    def chat(self, settings: ModelSettings) -> ChatModel:
        return self.models[settings.name]


def completion(text: str, stop: str = "stop") -> Completion:
    spending = Spending(cost_usd=0.5, input_tokens=10, output_tokens=5, calls=1)
    return Completion(text=text, stop_reason=stop, model="m", spending=spending)


def in_turn(*answers: str | Completion | ModelFault) -> FakeModel:
    return FakeModel(lambda prompt, number: answers[min(number, len(answers)) - 1])


def propose(
    model: FakeModel, *, parent: Candidate = PARENT, repairs: int = 1, prompt: Prompt | None = None, seed: int = 1
) -> Proposal:
    rewriter = Rewriter(models=FakeModels(m=model), ensemble=[{"model": "ollama:m"}], repairs=repairs)
    ticket = Ticket(id="t1", parents=(parent,))
    given = prompt or ChatBuilder().build(PROBLEM, ticket, [])
    return asyncio.run(rewriter.propose(PROBLEM, ticket, given, seed=seed))


class TestRewriterConforms(GeneratorConformance):
    def make_generator(self) -> Generator:
        def answer(prompt: Prompt, number: int) -> str:
            return f"```python\ndef answer():\n    return [{len(prompt.text)}.0] * 5\n```"

        return Rewriter(models=FakeModels(m=FakeModel(answer)), ensemble=[{"model": "ollama:m"}])

    def problem(self) -> Problem:
        return PROBLEM


def test_answer_becomes_a_program_and_its_cost_is_kept() -> None:
    proposal = propose(in_turn(GOOD))
    assert proposal.program is not None
    assert "[2.0] * 5" in proposal.program.text
    assert proposal.operator == "refine m full"
    assert (proposal.spending.cost_usd, proposal.spending.calls) == (0.5, 1)
    assert json.loads(proposal.raw)["answers"][0]["text"] == GOOD


def test_a_fault_of_form_is_repaired_by_one_cheap_call() -> None:
    model = in_turn(BROKEN, GOOD)
    proposal = propose(model)
    assert proposal.program is not None
    assert proposal.operator == "refine m full repaired"
    assert proposal.spending.cost_usd == 1.0
    first, second = model.prompts
    assert "does not parse" in second.text
    assert BROKEN in second.text
    assert [section.name for section in second.sections if section.role == "system"]
    assert len(second.text) < 2 * len(first.text)


def test_no_more_repairs_are_made_than_allowed() -> None:
    model = in_turn(BROKEN)
    assert propose(model, repairs=2).program is None
    assert len(model.prompts) == 3
    assert "does not parse" in propose(in_turn(BROKEN), repairs=0).reason


@pytest.mark.parametrize(
    ("stop", "reason"),
    [
        ("refusal", "refused"),
        ("content_filter", "filter"),
        ("no_choices", "no answer at all"),
        ("empty", "empty answer"),
    ],
)
def test_an_answer_without_text_is_a_proposal_without_a_program(stop: str, reason: str) -> None:
    model = in_turn(completion("", stop))
    proposal = propose(model)
    assert proposal.program is None
    assert reason in proposal.reason
    assert len(model.prompts) == 1


def test_half_a_program_is_not_used_but_asked_for_with_more_room() -> None:
    cut = completion("```python\ndef answer():\n    return [2.0", "length")
    model = in_turn(cut, GOOD)
    assert propose(model).operator == "refine m full"
    assert model.rooms == [16_000, 32_000]
    assert "cut off" in propose(in_turn(cut), repairs=0).reason


def test_a_call_that_fails_is_a_proposal_without_a_program_that_knows_its_cost() -> None:
    lost = ModelFault(FaultKind.SERVER, "m: HTTP 500 (5 tries)", spending=Spending(unknown_usd=0.1, calls=5))
    proposal = propose(in_turn(BROKEN, lost))
    assert proposal.program is None
    assert proposal.reason == "m: HTTP 500 (5 tries)"
    assert (proposal.spending.cost_usd, proposal.spending.unknown_usd, proposal.spending.calls) == (0.5, 0.1, 6)


def test_a_prompt_that_is_too_long_is_sent_once_more_without_what_matters_least() -> None:
    fault = ModelFault(FaultKind.REQUEST, "m: HTTP 400: context length", detail=TOO_LONG)
    history = [Told(ticket=Ticket(id="s0", operator=SEED), candidate=PARENT, outcome=Scored(scores={"score": 1.0}))]
    for builder in (ChatBuilder(), ConversationBuilder()):
        told = list(history)
        for number in range(8):
            child = Candidate(id=CandidateId(f"t{number}"), program=Program.from_text(f"x = {number}"))
            ticket = Ticket(id=child.id, parents=(PARENT,))
            told.append(Told(ticket=ticket, candidate=child, outcome=Scored(scores={"score": float(number)})))
        prompt = builder.build(PROBLEM, Ticket(id="t9", parents=(PARENT,)), told)
        model = in_turn(fault, GOOD)
        proposal = propose(model, prompt=prompt)
        assert proposal.program is not None
        assert proposal.spending.calls == 2
        first, second = model.prompts
        assert second.tokens < first.tokens
        assert [one.name for one in second.sections if one.role == "system"] == ["standing", "statement", "interface"]
        assert second.sections[-1] == first.sections[-1]
    attempts = [[one.name for one in sent.sections if one.role == "assistant"] for sent in (first, second)]
    assert attempts[1] == attempts[0][4:]
    assert propose(in_turn(fault), prompt=prompt).reason == "m: HTTP 400: context length"
    assert propose(in_turn(fault, GOOD), prompt=Prompt(sections=())).program is None


def test_a_model_that_leaps_is_asked_for_another_approach() -> None:
    for role, leaps in (("refine", False), ("leap", True)):
        model = in_turn(GOOD)
        rewriter = Rewriter(models=FakeModels(m=model), ensemble=[{"model": "ollama:m", "role": role, "weight": 1.0}])
        ticket = Ticket(id="t", parents=(PARENT,))
        asyncio.run(rewriter.propose(PROBLEM, ticket, Prompt(sections=()), seed=1))
        assert ("Take a leap" in model.prompts[0].text) == leaps


def test_a_fault_of_access_stops_the_run() -> None:
    with pytest.raises(ModelFault, match="HTTP 401"):
        propose(in_turn(ModelFault(FaultKind.ACCESS, "m: HTTP 401")))


def test_a_call_that_the_budget_has_no_room_for_says_which_cap() -> None:
    refused = ModelFault(FaultKind.BUDGET, "no room", detail="cost_usd", spending=Spending())
    assert propose(in_turn(refused)).exhausted == "cost_usd"


@pytest.mark.parametrize(
    ("entry", "parent", "unusable", "words"),
    [
        ({}, PARENT.program, 0, "whole new program"),
        ({}, LONG, 0, "<<<<<<< SEARCH"),
        ({"format": "diff"}, LONG, 0, "unified diff"),
        ({"role": "leap"}, LONG, 0, "whole new program"),
        ({"format": "edit"}, LONG, 5, "<<<<<<< SEARCH"),
        ({"format": "edit"}, LONG, 6, "whole new program"),
        ({"format": "edit"}, Program.from_text(""), 0, "whole new program"),
    ],
)
def test_format_fits_model_and_program_and_falls_back(
    entry: dict[str, str], parent: Program, unusable: int, words: str
) -> None:
    model = in_turn(GOOD)
    rewriter = Rewriter(models=FakeModels(m=model), ensemble=[{"model": "ollama:m", **entry}])
    counted = {f"{entry.get('role', 'refine')} m": {"recent": 12, "unusable": unusable}}
    others = {"refine other": {"recent": 12, "unusable": 12}}  # say nothing of this model
    answers = Section(name="answers", text="", data=counted | others)
    ticket = Ticket(id="t", parents=(Candidate(id=CandidateId("p"), program=parent),))
    asyncio.run(rewriter.propose(PROBLEM, ticket, Prompt(sections=(answers,)), seed=1))
    assert words in model.prompts[0].text


def test_a_ticket_may_name_the_role_and_repairs_go_to_the_repairer() -> None:
    models = {name: in_turn(BROKEN if name != "cheap" else GOOD) for name in ("fast", "deep", "cheap")}
    ensemble: Sequence[tuple[str, str]] = (("fast", "refine"), ("deep", "leap"), ("cheap", "repair"))
    rewriter = Rewriter(
        models=FakeModels(**models), ensemble=[{"model": f"ollama:{name}", "role": role} for name, role in ensemble]
    )
    ticket = Ticket(id="t1", parents=(PARENT,), operator="leap")
    proposal = asyncio.run(rewriter.propose(PROBLEM, ticket, Prompt(sections=()), seed=1))
    assert [len(models[name].prompts) for name, _ in ensemble] == [0, 1, 1]
    assert proposal.operator == "leap deep full repaired"


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(ConfigError, match="positive share"):
        Rewriter(models=FakeModels(), ensemble=[])
    with pytest.raises(ValueError, match="deadline_s"):
        Rewriter(models=FakeModels(m=in_turn(GOOD)), ensemble=[{"model": "ollama:m"}], deadline_s=0)
