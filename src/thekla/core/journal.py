"""What each event of a run says, as types: the engine writes them, resume and analysis read them.

`data_of` and `volatile_of` divide a payload into the canonical part, which is hashed, and the part that may differ
between equal runs: times, resources, and messages of a candidate's own making (they may hold addresses).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from thekla.core.budget import Budget
from thekla.core.codec import decode, encode
from thekla.core.evaluation import Breach, Failed, InstanceResult, Outcome, Scored, Usage
from thekla.core.events import Event, EventKind
from thekla.core.problem import Baseline, Constraint, Instance, Measure, Objective, Order, ProblemRef, Split
from thekla.core.program import CandidateId, Program, ProgramId
from thekla.core.racing import Race
from thekla.core.registry import Component
from thekla.core.run import Proposal, Spending, Ticket, Told
from thekla.core.values import Data, canonical

__all__ = [
    "Answered",
    "Asked",
    "Closed",
    "Frozen",
    "HoldoutOpened",
    "Injected",
    "Judged",
    "Payload",
    "Quarantined",
    "Started",
    "Steered",
    "Stopping",
    "ToldFact",
    "data_of",
    "outcome_of",
    "payload_of",
    "program_blob",
    "program_from_blob",
    "volatile_of",
]


@dataclass(frozen=True, kw_only=True)
class Started:
    """The run's settings: enough to build every part of it again.

    Args:
        race: When evaluations may end early; None if each meets all instances.
        imported_from: The run, and the head of its chain, whose programs `imports` (blobs) start this one.
    """

    problem: ProblemRef
    problem_version: str
    objectives: tuple[Objective, ...]
    measures: tuple[Measure, ...]
    evaluator: str
    instances: Mapping[str, tuple[Instance, ...]]
    components: Mapping[str, Component]
    seed: int
    budget: Budget
    in_flight: int
    tier: str
    thekla: str
    imported_from: str = ""
    imports: tuple[ProgramId, ...] = ()
    baselines: tuple[Baseline, ...] = ()
    published: Mapping[str, tuple[float, str]] = field(default_factory=dict)
    vocabulary: Mapping[str, str] = field(default_factory=dict)
    race: Race | None = None
    constraints: tuple[Constraint, ...] = ()
    order: Order = "first"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A ticket; its candidates are named, not repeated."""

    ticket: str
    parents: tuple[CandidateId, ...] = ()
    inspirations: tuple[CandidateId, ...] = ()
    operator: str = ""
    hints: tuple[str, ...] = ()
    route: Mapping[str, Data] = field(default_factory=dict)

    @classmethod
    def of(cls, ticket: Ticket) -> Asked:
        """The fact that `ticket` was asked."""
        return cls(
            ticket=ticket.id,
            parents=tuple(candidate.id for candidate in ticket.parents),
            inspirations=tuple(candidate.id for candidate in ticket.inspirations),
            operator=ticket.operator,
            hints=ticket.hints,
            route=ticket.route,
        )


@dataclass(frozen=True, kw_only=True)
class Injected:
    """A program (a blob) that somebody put into the run; it answers the next ticket."""

    by: str
    program: ProgramId


@dataclass(frozen=True, kw_only=True)
class Steered:
    """All that people have decided about the search so far; it holds from the next ticket on.

    Args:
        hints: What each ticket says to its generator.
        notes: What each prompt says, in Markdown.
        pinned: The first parent of each ticket, if any.
        banned: Candidates that are parents and inspirations no more.
        injected: Programs of people, in the order in which they came; each is used once.
        fork: The run that this one is a fork of, and the events that they share, as in `RUN@120`.
    """

    hints: tuple[str, ...] = ()
    notes: str = ""
    pinned: CandidateId | None = None
    banned: tuple[CandidateId, ...] = ()
    paused: bool = False
    injected: tuple[Injected, ...] = ()
    fork: str = ""


@dataclass(frozen=True, kw_only=True)
class Answered:
    """A proposal; the raw answer is the fact `answer` of the ticket's id, the program a blob."""

    ticket: str
    program: ProgramId | None
    operator: str
    generator: str
    reason: str = ""
    spending: Spending = field(default_factory=Spending)

    @classmethod
    def of(cls, ticket: Ticket, proposal: Proposal) -> Answered:
        """The fact that `ticket` was answered by `proposal`."""
        return cls(
            ticket=ticket.id,
            program=proposal.program.id if proposal.program else None,
            operator=proposal.operator,
            generator=proposal.generator,
            reason=proposal.reason,
            spending=proposal.spending,
        )


@dataclass(frozen=True, kw_only=True)
class Quarantined:
    """Scores of a candidate, or of a rung of the ladder, that are better than a proven bound."""

    name: str
    stage: str
    breaches: tuple[Breach, ...]


@dataclass(frozen=True, kw_only=True)
class ToldFact:
    """An outcome as the strategy hears it; `counted` says whether it used the evaluation budget."""

    ticket: str
    candidate: CandidateId | None
    program: ProgramId | None
    parents: tuple[CandidateId, ...]
    operator: str
    generation: int
    counted: bool
    outcome: Outcome

    @classmethod
    def of(cls, told: Told, *, counted: bool) -> ToldFact:
        """The fact that `told` was told."""
        candidate = told.candidate
        return cls(
            ticket=told.ticket.id,
            candidate=candidate.id if candidate else None,
            program=candidate.program.id if candidate else None,
            parents=candidate.parents if candidate else (),
            operator=candidate.operator if candidate else told.ticket.operator,
            generation=candidate.generation if candidate else 0,
            counted=counted,
            outcome=told.outcome,
        )


@dataclass(frozen=True, kw_only=True)
class Stopping:
    """Why no more is asked: the name of a cap, `plateau`, ..."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class Frozen:
    """The finalists, best first on train; nothing learnt later changes them."""

    finalists: tuple[CandidateId, ...]


@dataclass(frozen=True, kw_only=True)
class HoldoutOpened:
    """The hold-out, drawn with a key that is an HMAC over the journal's hash, or `fixed`: the same in every run."""

    key: str
    instances: tuple[Instance, ...]
    fixed: bool = False


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A finalist or a rung of the ladder on a split, after the search.

    Args:
        name: A candidate's id, or a baseline's name.
        role: `finalist`, `winner`, `seed`, or the baseline's role.
        bound: The proven bound per objective on these instances; empty where none is known.
    """

    name: str
    role: str
    split: Split
    program: ProgramId | None
    outcome: Outcome
    bound: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Closed:
    """The end: the winner is the finalist that was best on validation (None if nothing scored)."""

    winner: CandidateId | None


Payload: TypeAlias = (
    Started | Steered | Asked | Answered | Quarantined | ToldFact | Stopping | Frozen | HoldoutOpened | Judged | Closed
)

_KINDS: dict[type[Payload], EventKind] = {
    Started: EventKind.STARTED,
    Steered: EventKind.STEERED,
    Asked: EventKind.ASKED,
    Answered: EventKind.ANSWERED,
    Quarantined: EventKind.QUARANTINED,
    ToldFact: EventKind.TOLD,
    Stopping: EventKind.STOPPING,
    Frozen: EventKind.FROZEN,
    HoldoutOpened: EventKind.HOLDOUT_OPENED,
    Judged: EventKind.JUDGED,
    Closed: EventKind.CLOSED,
}
_CLASSES: dict[EventKind, type[Payload]] = {kind: cls for cls, kind in _KINDS.items()}


def data_of(payload: Payload) -> tuple[EventKind, dict[str, Data]]:
    """The kind and the canonical part of the event that states `payload`."""
    kind = _KINDS[type(payload)]
    if isinstance(payload, Answered):
        return kind, _plain(payload, but="spending")
    if isinstance(payload, ToldFact | Judged):
        return kind, {**_plain(payload, but="outcome"), "outcome": _canonical_outcome(payload.outcome)}
    return kind, _plain(payload)


def volatile_of(payload: Payload) -> dict[str, Data]:
    """The part of `payload` that is recorded but not hashed."""
    if isinstance(payload, Answered):
        return {"spending": encode(payload.spending)}
    if isinstance(payload, ToldFact | Judged):
        return _volatile_outcome(payload.outcome)
    return {}


def payload_of(event: Event) -> Payload:
    """What the event says, canonical and volatile parts together.

    Raises:
        ValueError: The event is not of this version's making.
    """
    cls = _CLASSES[event.kind]
    data = dict(event.data)
    if cls is Answered:
        data["spending"] = event.volatile["spending"]
    if cls in (ToldFact, Judged):
        data["outcome"] = encode(outcome_of(event))
    return decode(cls, data)


def outcome_of(event: Event) -> Outcome:
    """The outcome in a `told` or `judged` event."""
    data, volatile = event.data["outcome"], event.volatile
    if not isinstance(data, Mapping):
        raise ValueError(f"event {event.seq} holds no outcome")
    cost = decode(Usage, volatile.get("cost", {}))
    if data["type"] == "Failed":
        texts = {name: volatile.get(name, "") for name in ("message", "traceback")}
        return decode(Failed, {**data, **texts, "cost": encode(cost)})
    feedback = volatile.get("feedback", {})
    scored = decode(Scored, {**data, "cost": encode(cost)})
    instances = {
        name: InstanceResult(
            scores=result.scores,
            measures=result.measures,
            feedback=str(feedback.get(name, "")) if isinstance(feedback, Mapping) else "",
        )
        for name, result in scored.instances.items()
    }
    return replace(scored, instances=instances)


def program_blob(program: Program) -> bytes:
    """The program as a blob whose SHA-256 is the program's id."""
    return canonical({"language": program.language, "files": [list(pair) for pair in program.files]})


def program_from_blob(data: bytes) -> Program:
    """The program that `program_blob` made `data` from."""

    tree = json.loads(data.decode("utf-8", errors="surrogatepass"))
    return Program(files=tuple((str(path), str(text)) for path, text in tree["files"]), language=tree["language"])


def _plain(payload: Payload, *, but: str = "") -> dict[str, Data]:
    data = encode(payload, but=but)
    assert isinstance(data, dict)
    return data


def _canonical_outcome(outcome: Outcome) -> dict[str, Data]:
    if isinstance(outcome, Failed):
        breaches = {"breaches": encode(outcome.breaches)} if outcome.breaches else {}
        return {"type": "Failed", "kind": str(outcome.kind), "stage": outcome.stage, **breaches}
    return {
        "type": "Scored",
        "scores": dict(outcome.scores),
        "measures": dict(outcome.measures),
        "tier": outcome.tier,
        "behaviour": outcome.behaviour,
        "instances": {
            name: {"scores": dict(result.scores), "measures": dict(result.measures)}
            for name, result in outcome.instances.items()
        },
    }


def _volatile_outcome(outcome: Outcome) -> dict[str, Data]:
    cost = encode(outcome.cost)
    if isinstance(outcome, Failed):
        return {"cost": cost, "message": outcome.message, "traceback": outcome.traceback}
    feedback = {name: result.feedback for name, result in outcome.instances.items() if result.feedback}
    return {"cost": cost, "feedback": feedback}
