"""Programs, canonical text, random streams, budgets, the chain of events, and the codec."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thekla.core import registry
from thekla.core.budget import Budget, Ledger
from thekla.core.codec import decode, encode
from thekla.core.errors import ConfigError, MissingExtraError
from thekla.core.evaluation import (
    EvaluationJob,
    Failed,
    FailureKind,
    Fault,
    InstanceResult,
    Limits,
    Outcome,
    Scored,
    Usage,
)
from thekla.core.events import Event, EventKind, next_event, verify_chain
from thekla.core.journal import (
    Answered,
    Asked,
    Closed,
    Frozen,
    Judged,
    Payload,
    Stopping,
    ToldFact,
    data_of,
    payload_of,
    program_blob,
    program_from_blob,
    volatile_of,
)
from thekla.core.problem import Instance, Measure, Problem, ProblemRef, Split
from thekla.core.program import Candidate, CandidateId, Program
from thekla.core.rng import derive_seed, stream
from thekla.core.run import Prompt, Proposal, Section, Spending, Ticket, Told
from thekla.core.values import Array, canonical
from thekla.testing.strategies import search_problem

names = st.text(alphabet="abcxyz_0189.-", min_size=1, max_size=8)
texts = st.text(max_size=40)
numbers = st.floats(allow_nan=False, allow_infinity=False)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)
programs = texts.map(Program.from_text)
candidates = st.builds(
    Candidate,
    id=names.map(CandidateId),
    program=programs,
    parents=st.lists(names.map(CandidateId), max_size=2).map(tuple),
    operator=names,
    generation=st.integers(0, 99),
)
tickets = st.builds(
    Ticket,
    id=names,
    parents=st.lists(candidates, max_size=2).map(tuple),
    inspirations=st.lists(candidates, max_size=2).map(tuple),
    operator=names,
    hints=st.lists(texts, max_size=2).map(tuple),
    route=st.dictionaries(names, plain, max_size=2),
)
usages = st.builds(Usage, cpu_s=numbers, wall_s=numbers, peak_memory_mb=numbers)
results = st.builds(
    InstanceResult,
    scores=st.dictionaries(names, numbers, min_size=1, max_size=2),
    measures=st.dictionaries(names, numbers, max_size=2),
    feedback=texts,
)
outcomes: st.SearchStrategy[Outcome] = st.builds(
    Scored,
    scores=st.dictionaries(names, numbers, min_size=1, max_size=2),
    measures=st.dictionaries(names, numbers, max_size=2),
    instances=st.dictionaries(names, results, min_size=1, max_size=3),
    tier=st.sampled_from(["strict", "trusted"]),
    cost=usages,
) | st.builds(Failed, kind=st.sampled_from(FailureKind), stage=names, message=texts, traceback=texts, cost=usages)


@given(left=texts, right=texts)
def test_equal_text_is_an_equal_program(left: str, right: str) -> None:
    one, other = Program.from_text(left), Program.from_text(right)
    assert (one.id == other.id) == (left == right) == (one == other)


def test_the_order_in_which_files_are_given_does_not_matter() -> None:
    one = Program.from_files({"program.py": "import a\n", "a.py": "x = 1\n"})
    other = Program.from_files({"a.py": "x = 1\n", "program.py": "import a\n"})
    assert one.id == other.id
    assert one.text == "import a\n"
    assert dict(one.with_text("y = 2\n").files) == {"a.py": "x = 1\n", "program.py": "y = 2\n"}


@pytest.mark.parametrize("path", ["/etc/passwd", "../out.py", "a/../../b.py", "a\\b.py"])
def test_a_program_file_stays_inside_the_program(path: str) -> None:
    with pytest.raises(ValueError, match="inside the program"):
        Program.from_files({path: ""})


@given(program=programs)
def test_a_program_is_its_blob(program: Program) -> None:
    assert program_from_blob(program_blob(program)) == program


@given(data=plain)
def test_canonical_text_does_not_depend_on_the_order_of_keys(data: object) -> None:
    def turned(value: object) -> object:
        if isinstance(value, dict):
            return {key: turned(value[key]) for key in reversed(list(value))}
        return [turned(item) for item in value] if isinstance(value, list) else value

    assert canonical(turned(data)) == canonical(data)  # type: ignore[arg-type]  # plain by construction


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_canonical_text_refuses_numbers_that_are_not_finite(number: float) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        canonical({"x": number})


def test_an_array_must_fill_its_shape() -> None:
    assert Array(dtype="int32", shape=(2, 3), data=bytes(24)).shape == (2, 3)
    for dtype, shape, size in (("int32", (2, 3), 23), ("object", (1,), 8), ("int64", (-1,), 8)):
        with pytest.raises(ValueError, match=r"array|bytes"):
            Array(dtype=dtype, shape=shape, data=bytes(size))


@given(seed=st.integers(0, 2**64), name=names, step=st.integers(0, 2**31))
def test_a_stream_depends_on_its_name_alone(seed: int, name: str, step: int) -> None:
    stream(seed, "other").random()
    assert stream(seed, name, step).random() == stream(seed, name, step).random()
    assert derive_seed(seed, name, step) != derive_seed(seed, name, step + 1)


def test_streams_are_the_same_on_every_machine() -> None:
    assert derive_seed(0, "islands", 1) == 0x6D19D7625197444C
    assert stream(1, "a").random() == 0.2982116175685031


@pytest.mark.parametrize("caps", [{"evaluations": 0}, {"wall_s": -1.0}, {"cost_usd": float("nan")}])
def test_a_cap_must_be_positive(caps: Mapping[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(caps))):
        Budget(**caps)  # type: ignore[arg-type]  # on purpose


def test_a_budget_must_end_the_run() -> None:
    with pytest.raises(ValueError, match="none would ever end"):
        Budget(evaluations=None)


def test_ledger_adds_what_a_proposal_cost_and_keeps_unknown_prices_apart() -> None:
    priced = Spending(cost_usd=0.25, input_tokens=10, output_tokens=4, unknown_usd=0.5, calls=2)
    ledger = (
        Ledger(proposals=3)
        .after(priced, counted=True, cpu_s=1.5)
        .after(Spending(cost_usd=None, calls=1), counted=False, cpu_s=0.5)
    )
    assert ledger == Ledger(
        proposals=3, evaluations=1, cpu_s=2.0, cost_usd=0.25, unpriced_calls=1, unknown_usd=0.5, tokens=14, calls=3
    )


def test_a_ledger_names_the_cap_that_is_reached() -> None:
    budget = Budget(evaluations=10, wall_s=60.0, cost_usd=1.0)
    assert Ledger(evaluations=9, wall_s=59.0, cost_usd=0.99).exhausted(budget) == ""
    assert Ledger(evaluations=10).exhausted(budget) == "evaluations"
    assert Ledger(proposals=200).exhausted(budget) == "proposals"
    assert Ledger(wall_s=60.0).exhausted(budget) == "wall_s"
    assert Ledger(cost_usd=1.0).exhausted(budget) == "cost_usd"
    assert Ledger(cpu_s=7.5).exhausted(Budget(evaluations=10, cpu_s=7.5)) == "cpu_s"


@given(ticket=tickets, outcome=outcomes)
def test_what_is_encoded_is_decoded(ticket: Ticket, outcome: Outcome) -> None:
    candidate = ticket.parents[0] if ticket.parents else None
    told = Told(ticket=ticket, candidate=candidate, outcome=outcome)
    assert decode(Told, encode(told)) == told
    job = EvaluationJob(
        problem=ProblemRef(name="p", suite="s", arguments={"n": 1}),
        program=Program.from_text("x = 1\n"),
        instance=Instance(id="i", split=Split.TRAIN, digest="d"),
        seed=3,
        stage="train",
        limits=Limits(),
    )
    assert decode(EvaluationJob, encode(job)) == job
    prompt = Prompt(sections=(Section(name="a", text="b", data=[1, {"c": None}], tokens=2),))
    assert decode(Prompt, encode(prompt)) == prompt


def test_an_unknown_entry_or_a_wrong_type_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown entries"):
        decode(Usage, {"cpu_s": 1.0, "gpu_s": 2.0})
    with pytest.raises(ValueError, match="cpu_s"):
        decode(Usage, {"cpu_s": "long"})
    with pytest.raises(ValueError, match="fits none"):
        decode(Told, {"ticket": encode(Ticket(id="t")), "candidate": None, "outcome": 3.0})


def chained(payloads: list[Payload]) -> list[Event]:
    events: list[Event] = []
    for payload in payloads:
        kind, data = data_of(payload)
        events.append(next_event(events[-1] if events else None, kind, data, volatile_of(payload)))
    return events


@given(ticket=tickets, outcome=outcomes, program=programs)
def test_an_event_says_what_its_payload_said(ticket: Ticket, outcome: Outcome, program: Program) -> None:
    candidate = Candidate(id=CandidateId("t1"), program=program, operator="edit", generation=1)
    proposal = Proposal(
        raw="raw", program=program, operator="edit", generator="g@1", spending=Spending(cost_usd=None, wall_s=1.0)
    )
    told = Told(ticket=ticket, candidate=candidate, outcome=outcome)
    payloads: list[Payload] = [
        Asked.of(ticket),
        Answered.of(ticket, proposal),
        ToldFact.of(told, counted=True),
        Stopping(reason="evaluations"),
        Frozen(finalists=(CandidateId("t1"),)),
        Judged(name="t1", role="winner", split=Split.HOLDOUT, program=program.id, outcome=outcome, bound={"x": 1.0}),
        Closed(winner=CandidateId("t1")),
    ]
    events = chained(payloads)
    assert verify_chain(events) == len(events)
    for payload, event in zip(payloads, events, strict=True):
        read = payload_of(event)
        if isinstance(payload, ToldFact | Judged) and isinstance(outcome, Failed):
            assert isinstance(read, ToldFact | Judged)
            assert read.outcome == outcome
            assert read.outcome.cost == outcome.cost
        assert data_of(read) == data_of(payload)
        assert volatile_of(read) == volatile_of(payload)


def test_resources_and_messages_are_not_hashed() -> None:
    def head(cost: Usage, message: str) -> str:
        outcome = Failed(kind=FailureKind.CRASH, stage="train", message=message, cost=cost)
        told = Told(ticket=Ticket(id="t1"), candidate=None, outcome=outcome)
        return chained([ToldFact.of(told, counted=True)])[0].chain

    assert head(Usage(cpu_s=1.0), "<object at 0x1>") == head(Usage(cpu_s=2.0), "<object at 0x2>")


def test_a_changed_event_breaks_the_chain() -> None:
    events = chained([Stopping(reason="a"), Stopping(reason="b"), Stopping(reason="c")])
    forged = Event(seq=1, kind=EventKind.STOPPING, data={**events[1].data, "reason": "x"}, chain=events[1].chain)
    assert verify_chain([events[0], forged, events[2]]) == 1
    assert verify_chain([events[0], events[2]]) == 1


def test_an_unknown_component_is_answered_with_those_that_are_there() -> None:
    with pytest.raises(ConfigError, match=r"no 'grady' among the strategies; known:.*greedy"):
        registry.load("strategies", "grady")
    with pytest.raises(ValueError, match="group"):
        registry.names("wheels")


def test_a_missing_extra_is_named() -> None:
    error = MissingExtraError("The generator of traces", extra="problems", package="numpy")
    assert 'pip install "thekla[problems]"' in str(error)


def test_a_problem_needs_what_a_search_needs() -> None:
    problem = search_problem()
    instance = problem.instances[Split.TRAIN][0]
    wrong: list[Mapping[Split, tuple[Instance, ...]]] = [
        {Split.VALIDATION: (instance,)},
        {Split.TRAIN: (instance,), Split.HOLDOUT: (Instance(id="h", split=Split.HOLDOUT, digest=""),)},
        {Split.TRAIN: (instance,), Split.VALIDATION: (instance,)},
    ]
    for instances in wrong:
        with pytest.raises(ValueError, match="instance"):
            Problem(
                name="p",
                version="1",
                suite="s",
                statement="",
                interface=problem.interface,
                objectives=problem.objectives,
                seeds=problem.seeds,
                instances=instances,
            )


def test_a_measure_needs_a_range() -> None:
    with pytest.raises(ValueError, match="low must be below high"):
        Measure(name="m", unit="1", low=1.0, high=1.0)


def test_a_proposal_without_a_program_needs_a_reason() -> None:
    with pytest.raises(ValueError, match="reason"):
        Proposal(raw="", program=None, operator="", generator="g@1")


def test_what_failed_is_told_apart_from_what_was_scored() -> None:
    fault = Fault(kind=FailureKind.CRASH, message="m", traceback="t")
    result = InstanceResult(fault=fault)
    assert decode(InstanceResult, encode(result)) == result
