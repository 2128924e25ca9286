"""What a run would cost and take, before it starts: its seeds are evaluated, and no model is asked."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from thekla.assembly.build import (
    build_backend,
    build_package,
    build_prompts,
    build_tuned_strategy,
    problem_of,
    started_of,
)
from thekla.assembly.options import RunOptions
from thekla.core.errors import ProblemError
from thekla.core.evaluation import Outcome, Scored
from thekla.core.journal import Started
from thekla.core.problem import Problem, Split
from thekla.core.program import Candidate, CandidateId
from thekla.core.protocols import ProblemPackage
from thekla.core.run import SEED, Prompt, Ticket, Told
from thekla.core.values import Data
from thekla.evaluation.backends import LocalBackend
from thekla.evaluation.service import EvaluationService
from thekla.generation.formats import answer_section, format_for
from thekla.llm import ModelSettings, price_of, settings_of
from thekla.storage import MemoryRun

__all__ = ["Forecast", "Range", "forecast"]

# Ranges that nothing here measures; each is low, expected, high.
_PROPOSALS = {"mutation": (1.1, 2.0, 4.0), "": (1.0, 1.3, 2.0)}
"""Proposals for a counted evaluation. Mutation: 55-58 % of its programs pass the checks (dependencies.md, 2b), and some
repeat others; of models 70-100 % of the answers hold a new program that runs."""
_REQUESTS = (1.0, 1.15, 2.0)  # for a proposal: repairs, more room, repetitions after faults
_WORDS = (60, 150, 400)  # tokens beside the code of an answer
_SHARE = {"full": (0.8, 1.1, 1.6), "edit": (0.05, 0.2, 0.5), "diff": (0.05, 0.2, 0.5)}  # of the parent's tokens
_REASONING = (1.0, 3.0, 8.0)  # times the answer, of models with an effort
_TOKENS_PER_S = (150.0, 60.0, 20.0)  # of an answer, as providers serve them
_EVALUATION = (0.7, 1.0, 1.8)  # CPU of an evaluation, relative to the seeds'
_TOLD = (0.0, 0.5, 1.0)  # shares of the run at which the prompt is looked at


@dataclass(frozen=True, kw_only=True)
class Range:
    """A quantity as it is expected, between the lowest and highest that would not surprise."""

    low: float
    expected: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Range:
        """The range of three numbers in order."""
        low, expected, high = values
        return cls(low=low, expected=expected, high=high)

    def __add__(self, other: Range) -> Range:
        return Range(low=self.low + other.low, expected=self.expected + other.expected, high=self.high + other.high)

    def __mul__(self, other: Range | float) -> Range:
        by = other if isinstance(other, Range) else Range(low=other, expected=other, high=other)
        return Range(low=self.low * by.low, expected=self.expected * by.expected, high=self.high * by.high)

    def at_most(self, cap: float | None) -> Range:
        """The range below a cap."""
        most = math.inf if cap is None else cap
        return Range(low=min(self.low, most), expected=min(self.expected, most), high=min(self.high, most))


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What a run would come to.

    Args:
        evaluation_cpu_s: Of one evaluation, as measured on the seeds.
        cost_usd: None if nothing is paid for; a model without a known price makes `priced` False.
        wall_s: Search and closing.
        ends_by: The cap that is expected to end the search.
        notes: What the figures rest on.
    """

    evaluations: Range
    proposals: Range
    requests: Range
    input_tokens: Range
    output_tokens: Range
    cost_usd: Range | None
    priced: bool
    evaluation_cpu_s: float
    wall_s: Range
    ends_by: str
    notes: tuple[str, ...]

    @property
    def data(self) -> dict[str, Data]:
        """All of it as plain data."""

        def plain(value: Range | None) -> Data:
            return None if value is None else {"low": value.low, "expected": value.expected, "high": value.high}

        ranges = ("evaluations", "proposals", "requests", "input_tokens", "output_tokens", "cost_usd", "wall_s")
        return {
            **{name: plain(getattr(self, name)) for name in ranges},
            "priced": self.priced,
            "evaluation_cpu_s": self.evaluation_cpu_s,
            "ends_by": self.ends_by,
            "notes": list(self.notes),
        }


@dataclass(frozen=True, kw_only=True)
class _Tokens:
    """Tokens of one proposal, and what they cost."""

    requests: Range
    into: Range
    out: Range
    cost_usd: Range | None


def forecast(options: RunOptions) -> Forecast:
    """What a run with these options would cost and take.

    Raises:
        ConfigError: The options do not fit together.
        ProblemError: No seed has a score.
        SandboxError: The sandbox cannot be had.
    """
    package = build_package(options.reference)
    started = started_of(options, package, tier=options.sandbox)
    outcomes = _outcomes_of_seeds(options, package)
    cpu_s = [outcome.cost.cpu_s for outcome in outcomes if isinstance(outcome, Scored)]
    if not cpu_s:
        raise ProblemError(f"no seed program of {package.problem.name!r} has a score; mend the seeds")
    problem = problem_of(package, started)
    one = _tokens_of_a_proposal(options, problem, started, outcomes)
    evaluation_s = sum(cpu_s) / len(cpu_s)
    per_evaluation = _PROPOSALS.get(options.generator_name, _PROPOSALS[""])
    proposals, ends_by = _proposals(started, len(cpu_s), Range.of(per_evaluation), one)
    evaluations = Range(
        low=len(cpu_s) + proposals.low / per_evaluation[2],
        expected=len(cpu_s) + proposals.expected / per_evaluation[1],
        high=len(cpu_s) + proposals.high / per_evaluation[0],
    )
    if ends_by == "evaluations" and options.evaluations is not None:
        evaluations = Range.of([float(options.evaluations)] * 3)
    wall_s = _wall_s(options, package, proposals, evaluations, one, evaluation_s)
    costs = one.cost_usd * proposals if one.cost_usd is not None else None
    return Forecast(
        evaluations=evaluations,
        proposals=proposals,
        requests=one.requests * proposals,
        input_tokens=one.into * proposals,
        output_tokens=one.out * proposals,
        cost_usd=costs.at_most(options.cost_usd) if costs is not None else None,
        priced=costs is not None,
        evaluation_cpu_s=evaluation_s,
        wall_s=wall_s.at_most(None if options.wall_s is None else options.wall_s + wall_s.high),
        ends_by=ends_by,
        notes=_notes(options, costs),
    )


def _outcomes_of_seeds(options: RunOptions, package: ProblemPackage) -> list[Outcome]:
    """The seeds, evaluated as a run would."""

    async def evaluate(backend: LocalBackend) -> list[Outcome]:
        service = EvaluationService(package, backend, MemoryRun(), reference=options.reference, tier=backend.tier)
        async with service:
            return list(await asyncio.gather(*(service.evaluate(seed) for seed in package.problem.seeds)))

    with contextlib.closing(
        build_backend(options.reference, sandbox=options.sandbox, workers=options.workers)
    ) as backend:
        return asyncio.run(evaluate(backend))


def _proposals(started: Started, seeds: int, per_evaluation: Range, one: _Tokens) -> tuple[Range, str]:
    """Proposals until the first cap, and that cap."""
    budget = started.budget
    caps: dict[str, Range] = {}
    if budget.evaluations is not None:
        caps["evaluations"] = per_evaluation * float(max(0, budget.evaluations - seeds))
    if budget.proposal_cap is not None:
        caps["proposals"] = Range.of([float(budget.proposal_cap)] * 3)
    for name, cap, used in (
        ("cost_usd", budget.cost_usd, one.cost_usd),
        ("tokens", budget.tokens, one.into + one.out),
        ("calls", budget.calls, one.requests),
    ):
        if cap is not None and used is not None and used.expected > 0:
            caps[name] = Range(low=cap / used.high, expected=cap / used.expected, high=cap / max(used.low, 1e-12))
    if not caps:
        return Range.of([0.0] * 3), "wall_s"
    ends_by = min(caps, key=lambda name: caps[name].expected)
    low, expected, high = (min(getattr(cap, at) for cap in caps.values()) for at in ("low", "expected", "high"))
    return Range(low=low, expected=expected, high=high), ends_by


def _tokens_of_a_proposal(
    options: RunOptions, problem: Problem, started: Started, outcomes: Sequence[Outcome]
) -> _Tokens:
    """What one proposal asks and answers, over a run whose outcomes are like the seeds'."""
    nothing = Range.of([0.0] * 3)
    if options.generator_name != "rewrite":
        free = Range.of([0.0] * 3) if options.generator_name == "mutation" else None
        return _Tokens(requests=nothing, into=nothing, out=nothing, cost_usd=free)
    arguments = started.components["generator"].arguments
    ensemble, rules = arguments.get("ensemble", []), arguments.get("rules", [])
    assert isinstance(ensemble, list)
    assert isinstance(rules, list)
    members = [member for member in settings_of(ensemble, rules) if member.share > 0]
    total = sum(member.share for member in members)
    requests = Range.of(_REQUESTS)
    into, out, cost = nothing, nothing, nothing
    priced = True
    ticket, prompts = _prompts(options, problem, started, outcomes)
    for member in members:
        weight = member.share / total
        asked, said = _asked(member, ticket, prompts, problem), _said(member, ticket, prompts[0])
        into, out = into + asked * requests * weight, out + said * requests * weight
        price = price_of(member)
        priced = priced and price is not None
        if price is not None:
            paid = [price.worst_usd(input_tokens=round(a), output_tokens=round(b)) for a, b in _pairs(asked, said)]
            cost = cost + Range.of(paid) * requests * weight
    return _Tokens(requests=requests, into=into, out=out, cost_usd=cost if priced else None)


def _pairs(asked: Range, said: Range) -> list[tuple[float, float]]:
    return [(asked.low, said.low), (asked.expected, said.expected), (asked.high, said.high)]


def _prompts(
    options: RunOptions, problem: Problem, started: Started, outcomes: Sequence[Outcome]
) -> tuple[Ticket, list[Prompt]]:
    """A ticket, and its prompt at the beginning, in the middle and at the end of a run in which nothing improved."""
    strategy = build_tuned_strategy(started.components, problem, seed=started.seed)
    told = []
    for index, (seed, outcome) in enumerate(zip(problem.seeds, outcomes, strict=True)):
        candidate = Candidate(id=CandidateId(f"s{index}"), program=seed)
        told.append(Told(ticket=Ticket(id=candidate.id, operator=SEED), candidate=candidate, outcome=outcome))
        strategy.tell(told[-1])
    (ticket,) = strategy.ask(1)
    parent = ticket.parents[0] if ticket.parents else told[0].candidate
    assert parent is not None
    outcome = next(one.outcome for one in told if isinstance(one.outcome, Scored))
    attempts = [
        Told(
            ticket=replace(ticket, id=f"f{number}", operator=""),
            candidate=Candidate(
                id=CandidateId(f"f{number}"),
                program=parent.program.with_text(f"{parent.program.text}\n# {number}\n"),
                parents=(parent.id,),
                generation=parent.generation + 1,
                operator="forecast",
            ),
            outcome=outcome,
        )
        for number in range(min(options.evaluations or 200, 1000))
    ]
    builder = build_prompts(started.components["prompts"])
    return ticket, [builder.build(problem, ticket, [*told, *attempts[: round(at * len(attempts))]]) for at in _TOLD]


def _asked(member: ModelSettings, ticket: Ticket, prompts: Sequence[Prompt], problem: Problem) -> Range:
    """Tokens of a request: the shortest prompt, their mean over the run, and the longest with a longer program."""
    closing = answer_section(_form(member, ticket, prompts[0]), problem, role=member.role).tokens
    lengths = [prompt.tokens + closing for prompt in prompts]
    parent = ticket.parents[0].program.text if ticket.parents else ""
    mean = (lengths[0] + 4 * lengths[1] + lengths[2]) / 6  # Simpson's rule
    return Range(low=min(lengths), expected=mean, high=max(lengths) + len(parent) / 4)


def _said(member: ModelSettings, ticket: Ticket, prompt: Prompt) -> Range:
    """Tokens of an answer."""
    code = len(ticket.parents[0].program.text) / 4 if ticket.parents else 500.0
    share = _SHARE[_form(member, ticket, prompt)]
    answer = Range.of([code * part + words for part, words in zip(share, _WORDS, strict=True)])
    return (answer * Range.of(_REASONING) if member.effort else answer).at_most(member.max_tokens)


def _form(member: ModelSettings, ticket: Ticket, prompt: Prompt) -> str:
    return format_for(member, ticket.parents[0].program, prompt) if ticket.parents else "full"


def _wall_s(
    options: RunOptions,
    package: ProblemPackage,
    proposals: Range,
    evaluations: Range,
    one: _Tokens,
    evaluation_s: float,
) -> Range:
    """The longer of waiting for models and evaluating, and then the closing."""
    cpu = evaluations * Range.of(_EVALUATION) * evaluation_s
    at_once = min(options.workers, options.tickets_in_flight)
    answer_s = [said / speed for said, speed in zip(_values(one.out), _TOKENS_PER_S, strict=True)]
    waiting = Range.of(answer_s) * proposals * (1 / options.tickets_in_flight)
    search = [max(a / at_once, b) for a, b in zip(_values(cpu), _values(waiting), strict=True)]
    rows = len(package.baselines) + 2
    instances: Mapping[Split, Sequence[object]] = package.problem.instances
    train = max(1, len(instances.get(Split.TRAIN, ())))
    judged = sum(len(found) for found in instances.values()) + train  # the hold-out is about as large as train
    closing = Range.of(_EVALUATION) * (evaluation_s * rows * judged / train / options.workers)
    return Range.of(search) + closing


def _values(value: Range) -> tuple[float, float, float]:
    return value.low, value.expected, value.high


def _notes(options: RunOptions, costs: Range | None) -> tuple[str, ...]:
    notes = [
        "The seeds were evaluated on this machine as it is now; no model was asked.",
        "Later programs are taken to need 0.7 to 1.8 times the CPU of the seeds.",
    ]
    if options.generator_name == "rewrite":
        notes.append(
            "Prompts are those of this run if nothing improved; answers, repairs and speeds of models are assumed "
            "(docs/how-to/ask-language-models.md)."
        )
        if costs is None:
            notes.append("A model has no known price, so the cost cannot be told; name its price with the model.")
    elif costs is None:
        notes.append("What answers from outside cost is not known here.")
    if options.notes_every is not None:
        notes.append(f"A note every {options.notes_every} outcomes is a request more; the figures have none of them.")
    if options.novelty:
        notes.append("Answers that are too like another program are asked for again; the figures have none of these.")
    if options.tune:
        notes.append("Trials of constants count as evaluations and cost nothing; the figures take none into account.")
    return tuple(notes)
