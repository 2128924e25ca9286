"""A run read from its journal: a fold over the events into frozen data that report, dashboard and tests share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from thekla.core.constraints import violation
from thekla.core.errors import StorageError
from thekla.core.evaluation import Failed, FailureKind, Outcome, Scored
from thekla.core.events import Event
from thekla.core.journal import (
    Answered,
    Asked,
    Closed,
    Frozen,
    HoldoutOpened,
    Judged,
    Quarantined,
    Started,
    Steered,
    Stopping,
    ToldFact,
    payload_of,
    program_from_blob,
)
from thekla.core.lead import Lead
from thekla.core.preference import by_preference
from thekla.core.problem import Objective
from thekla.core.program import CandidateId, Program, ProgramId
from thekla.core.run import ASK_TELL, HINTED, IMPORT, SEED, Spending

__all__ = [
    "CandidateView",
    "CurvePoint",
    "FailureCount",
    "LedgerView",
    "OperatorCredit",
    "RunView",
    "Screening",
    "Status",
    "read_run",
]

Status: TypeAlias = Literal["running", "waiting", "interrupted", "closed"]
Blob: TypeAlias = Callable[[str], bytes]


@dataclass(frozen=True, kw_only=True)
class CandidateView:
    """A ticket and what became of it.

    Args:
        order: Place in the order in which outcomes were told, from 0.
        asked: Place in the order in which tickets were asked, from 0; None for a seed or an imported candidate.
        id: None if the answer held no program.
        evaluation: How many evaluations the budget had been charged with, this one included.
    """

    order: int
    asked: int | None
    ticket: str
    id: CandidateId | None
    program: ProgramId | None
    parents: tuple[CandidateId, ...]
    inspirations: tuple[CandidateId, ...]
    operator: str
    generation: int
    counted: bool
    evaluation: int
    outcome: Outcome
    hinted: bool = False  # whether its ticket carried hints of the problem's own


@dataclass(frozen=True, kw_only=True)
class CurvePoint:
    """An improvement of the best program on the train split, at a counted evaluation (0: before the first).

    Under constraints a feasible program is better than any other, whatever it scores.
    """

    evaluation: int
    score: float
    candidate: CandidateId


@dataclass(frozen=True, kw_only=True)
class FailureCount:
    """How many candidates failed in one way at one stage, and the CPU seconds that finding out took."""

    kind: FailureKind
    stage: str
    count: int
    cpu_s: float


@dataclass(frozen=True, kw_only=True)
class Screening:
    """What the checks before the simulator saved.

    Args:
        rejected: Programs that a check stopped; duplicates are counted apart.
        mean_cpu_s: CPU seconds of a counted evaluation, on average; None if there was none.
    """

    rejected: int
    duplicates: int
    counted: int
    mean_cpu_s: float | None

    @property
    def saved_cpu_s(self) -> float | None:
        """CPU seconds not spent, had each stopped program cost as much as an average counted one."""
        return None if self.mean_cpu_s is None else (self.rejected + self.duplicates) * self.mean_cpu_s


@dataclass(frozen=True, kw_only=True)
class OperatorCredit:
    """What one operator of the generator earned.

    A proposal that joins several, as in `delete+sort`, counts for each of them.

    Args:
        told: Outcomes of its proposals.
        improved: Candidates that scored better than the best of their parents.
        records: Candidates that were the best of the run when they were told.
        best: Best score; None if none was scored.
    """

    operator: str
    told: int
    scored: int
    improved: int
    records: int
    best: float | None


@dataclass(frozen=True, kw_only=True)
class ModelCalls:
    """What one model in one role was asked, and what came of it.

    Args:
        who: Role and model, as the operators of its proposals begin.
        programs: Answers that held a program.
    """

    who: str
    answers: int
    programs: int
    spending: Spending


@dataclass(frozen=True, kw_only=True)
class LedgerView:
    """Money and time spent.

    Args:
        span_s: From the first event to the last, pauses between resumptions included.
        search_cpu_s: CPU of evaluations during the search; `judging_cpu_s`: of finalists and ladder after it.
        cost_usd: Sum of the generator calls with a known price; `unpriced_calls` have none.
        unknown_usd: The most that calls cost whose answer never came whole.
    """

    proposals: int = 0
    evaluations: int = 0
    duplicates: int = 0
    span_s: float = 0.0
    search_cpu_s: float = 0.0
    judging_cpu_s: float = 0.0
    peak_memory_mb: float = 0.0
    cost_usd: float = 0.0
    unpriced_calls: int = 0
    unknown_usd: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0


@dataclass(frozen=True, kw_only=True)
class RunView:
    """A run as its journal tells it.

    Args:
        candidates: In the order in which their outcomes were told; seeds come first.
        stop_reason: Why no more was asked; empty while the search goes on.
        winner: The finalist that was best on validation, once the run is closed.
        leader: The preferred on train so far (the first of equals).
        seed: The first seed.
        chain: Hash of the last event; equal for equal runs.
        quarantined: Scores better than a proven bound, in the order in which they were met.
        steered: Decisions of people while the search ran; the last one holds.
        earlier_openings: Other runs that opened a fixed hold-out, as far as the reader of the journal knows of them.
    """

    settings: Started
    status: Status
    stop_reason: str
    started_at_s: float | None
    last_at_s: float | None
    candidates: tuple[CandidateView, ...]
    curve: tuple[CurvePoint, ...]
    failures: tuple[FailureCount, ...]
    screening: Screening
    operators: tuple[OperatorCredit, ...]
    ledger: LedgerView
    models: tuple[ModelCalls, ...]
    finalists: tuple[CandidateId, ...]
    holdout: HoldoutOpened | None
    judged: tuple[Judged, ...]
    winner: CandidateView | None
    leader: CandidateView | None
    seed: CandidateView | None
    programs: Mapping[ProgramId, Program]
    events: int
    chain: str
    quarantined: tuple[Quarantined, ...] = ()
    steered: tuple[Steered, ...] = ()
    earlier_openings: int = 0

    @property
    def objective(self) -> Objective:
        """The first objective: the one that the curve and the ladder show."""
        return self.settings.objectives[0]

    @property
    def best(self) -> CandidateView | None:
        """The winner of a closed run, else the leader."""
        return self.winner or self.leader

    @property
    def best_program(self) -> Program | None:
        """The program of `best`."""
        return self.program_of(self.best)

    @property
    def seed_program(self) -> Program | None:
        """The program of the first seed."""
        return self.program_of(self.seed)

    def program_of(self, candidate: CandidateView | None) -> Program | None:
        """The program of a candidate; only those of the seed, the leader, the winner and the finalists are loaded."""
        return None if candidate is None or candidate.program is None else self.programs.get(candidate.program)

    def candidate(self, key: CandidateId | str) -> CandidateView | None:
        """The candidate of that id."""
        return next((candidate for candidate in self.candidates if candidate.id == key), None)

    def score(self, outcome: Outcome) -> float | None:
        """The outcome's score of the first objective; None if it failed."""
        return outcome.scores.get(self.objective.name) if isinstance(outcome, Scored) else None


def read_run(events: Iterable[Event], blob: Blob, *, live: bool = False) -> RunView:
    """The view of the run whose journal `events` is, first to last.

    Args:
        blob: Bytes by digest; asked for the programs that a report shows, and for no others.
        live: Somebody is writing to the run, so that one without an end is `running`, not `interrupted`.

    Raises:
        StorageError: The journal is empty or does not begin with the run's settings.
    """
    fold = _Fold()
    for event in events:
        fold.add(event)
    return fold.view(blob, live=live)


@dataclass
class _Fold:
    settings: Started | None = None
    asked: dict[str, tuple[int, Asked]] = field(default_factory=dict)
    spendings: list[Spending] = field(default_factory=list)
    models: dict[str, ModelCalls] = field(default_factory=dict)
    candidates: list[CandidateView] = field(default_factory=list)
    judged: list[Judged] = field(default_factory=list)
    quarantined: list[Quarantined] = field(default_factory=list)
    steered: list[Steered] = field(default_factory=list)
    stop_reason: str = ""
    finalists: tuple[CandidateId, ...] = ()
    holdout: HoldoutOpened | None = None
    closed: Closed | None = None
    counted: int = 0
    events: int = 0
    chain: str = ""
    times: list[float] = field(default_factory=list)

    def add(self, event: Event) -> None:
        self.events += 1
        self.chain = event.chain
        at_s = event.volatile.get("at_s")
        if isinstance(at_s, int | float):
            self.times.append(float(at_s))
        match payload_of(event):
            case Started() as settings:
                self.settings = settings
            case Asked() as asked:
                self.asked[asked.ticket] = (len(self.asked), asked)
            case Answered() as answered:
                self.spendings.append(answered.spending)
                self._count(answered)
            case ToldFact() as told:
                self._tell(told)
            case Judged() as judged:
                self.judged.append(judged)
            case Steered() as steered:
                self.steered.append(steered)
            case Quarantined() as quarantined:
                self.quarantined.append(quarantined)
            case Stopping(reason=reason):
                self.stop_reason = reason
            case Frozen(finalists=finalists):
                self.finalists = finalists
            case HoldoutOpened() as opened:
                self.holdout = opened
            case Closed() as closed:
                self.closed = closed

    def _count(self, answered: Answered) -> None:
        if answered.spending.calls == 0:
            return
        who = " ".join(answered.operator.split()[:2])
        known = self.models.get(who, ModelCalls(who=who, answers=0, programs=0, spending=Spending()))
        self.models[who] = ModelCalls(
            who=who,
            answers=known.answers + 1,
            programs=known.programs + (answered.program is not None),
            spending=known.spending + answered.spending,
        )

    def _tell(self, told: ToldFact) -> None:
        self.counted += told.counted
        place, asked = self.asked.get(told.ticket, (None, None))
        self.candidates.append(
            CandidateView(
                order=len(self.candidates),
                asked=place,
                ticket=told.ticket,
                id=told.candidate,
                program=told.program,
                parents=told.parents,
                inspirations=asked.inspirations if asked else (),
                operator=told.operator,
                generation=told.generation,
                counted=told.counted,
                evaluation=self.counted,
                outcome=told.outcome,
                hinted=bool(asked and asked.route.get(HINTED)),
            )
        )

    def _status(self, *, live: bool) -> Status:
        if self.closed or live:
            return "closed" if self.closed else "running"
        generator = self.settings.components.get("generator") if self.settings else None
        return "waiting" if generator is not None and generator.name == ASK_TELL else "interrupted"

    def view(self, blob: Blob, *, live: bool) -> RunView:
        if self.settings is None:
            raise StorageError("the run's journal does not begin with its settings; it was never started")
        objective = self.settings.objectives[0]
        curve = _curve(self.candidates, self.settings)
        by_id = {candidate.id: candidate for candidate in self.candidates if candidate.id is not None}
        leader = _leader(self.candidates, self.settings)
        winner = by_id.get(self.closed.winner) if self.closed and self.closed.winner else None
        seed = next((candidate for candidate in self.candidates if candidate.operator == SEED), None)
        shown = [seed, leader, winner, *(by_id.get(name) for name in self.finalists)]
        wanted = {item.program: None for item in shown if item is not None and item.program is not None}
        return RunView(
            settings=self.settings,
            status=self._status(live=live),
            stop_reason=self.stop_reason,
            started_at_s=self.times[0] if self.times else None,
            last_at_s=self.times[-1] if self.times else None,
            candidates=tuple(self.candidates),
            curve=curve,
            failures=_failures(self.candidates),
            screening=_screening(self.candidates),
            operators=_credit(self.candidates, curve, objective),
            ledger=self._ledger(),
            models=tuple(self.models.values()),
            finalists=self.finalists,
            holdout=self.holdout,
            judged=tuple(self.judged),
            winner=winner,
            leader=leader,
            seed=seed,
            programs={program: program_from_blob(blob(program)) for program in wanted},
            events=self.events,
            chain=self.chain,
            quarantined=tuple(self.quarantined),
            steered=tuple(self.steered),
        )

    def _ledger(self) -> LedgerView:
        searched = [candidate.outcome.cost for candidate in self.candidates]
        judging = [row.outcome.cost for row in self.judged]
        costs = [spending.cost_usd for spending in self.spendings]
        return LedgerView(
            proposals=len(self.spendings),
            evaluations=self.counted,
            duplicates=sum(_is_duplicate(candidate) for candidate in self.candidates),
            span_s=max(0.0, self.times[-1] - self.times[0]) if self.times else 0.0,
            search_cpu_s=sum(cost.cpu_s for cost in searched),
            judging_cpu_s=sum(cost.cpu_s for cost in judging),
            peak_memory_mb=max((cost.peak_memory_mb for cost in [*searched, *judging]), default=0.0),
            cost_usd=sum(cost for cost in costs if cost is not None),
            unpriced_calls=sum(cost is None for cost in costs),
            unknown_usd=sum(spending.unknown_usd for spending in self.spendings),
            input_tokens=sum(spending.input_tokens for spending in self.spendings),
            output_tokens=sum(spending.output_tokens for spending in self.spendings),
        )


def _is_duplicate(candidate: CandidateView) -> bool:
    return isinstance(candidate.outcome, Failed) and candidate.outcome.kind is FailureKind.DUPLICATE


def _curve(candidates: Iterable[CandidateView], settings: Started) -> tuple[CurvePoint, ...]:
    objective, points = settings.objectives[0], list[CurvePoint]()
    lead = Lead(objective, settings.constraints)
    for candidate in candidates:
        if candidate.id is None or not isinstance(candidate.outcome, Scored):
            continue
        if lead.take(candidate.outcome):
            score = candidate.outcome.scores[objective.name]
            points.append(CurvePoint(evaluation=candidate.evaluation, score=score, candidate=candidate.id))
    return tuple(points)


def _leader(candidates: Iterable[CandidateView], settings: Started) -> CandidateView | None:
    """The preferred on train."""
    found = [(each, each.outcome) for each in candidates if each.id and isinstance(each.outcome, Scored)]
    violations = [violation(settings.constraints, outcome) for _, outcome in found]
    order = by_preference(settings.objectives, [outcome.scores for _, outcome in found], violations)
    return found[order[0]][0] if found else None


def _failures(candidates: Iterable[CandidateView]) -> tuple[FailureCount, ...]:
    found: dict[tuple[FailureKind, str], list[float]] = {}
    for candidate in candidates:
        if isinstance(candidate.outcome, Failed) and candidate.outcome.kind is not FailureKind.NOTE:
            key = (candidate.outcome.kind, candidate.outcome.stage)
            found.setdefault(key, []).append(candidate.outcome.cost.cpu_s)
    counts = [
        FailureCount(kind=kind, stage=stage, count=len(costs), cpu_s=sum(costs))
        for (kind, stage), costs in found.items()
    ]
    return tuple(sorted(counts, key=lambda row: (-row.count, row.kind, row.stage)))


def _screening(candidates: Iterable[CandidateView]) -> Screening:
    not_checks = (FailureKind.DUPLICATE, FailureKind.INFRASTRUCTURE, FailureKind.NO_PROGRAM)
    rejected = duplicates = 0
    costs: list[float] = []
    for candidate in candidates:
        if candidate.counted:
            costs.append(candidate.outcome.cost.cpu_s)
        elif isinstance(candidate.outcome, Failed):
            duplicates += _is_duplicate(candidate)
            rejected += candidate.id is not None and candidate.outcome.kind not in not_checks
    mean = sum(costs) / len(costs) if costs else None
    return Screening(rejected=rejected, duplicates=duplicates, counted=len(costs), mean_cpu_s=mean)


def _credit(
    candidates: Iterable[CandidateView], curve: Iterable[CurvePoint], objective: Objective
) -> tuple[OperatorCredit, ...]:
    gains: dict[CandidateId, float] = {}
    records = {point.candidate for point in curve}
    rows: dict[str, list[tuple[float | None, bool, bool]]] = {}
    for candidate in candidates:
        score = candidate.outcome.scores[objective.name] if isinstance(candidate.outcome, Scored) else None
        if candidate.id is not None and score is not None:
            gains[candidate.id] = objective.gain(score)
        if candidate.operator in (SEED, IMPORT):
            continue
        parents = [gains[parent] for parent in candidate.parents if parent in gains]
        improved = score is not None and bool(parents) and objective.gain(score) > max(parents)
        for operator in dict.fromkeys((candidate.operator or "unnamed").split("+")):
            rows.setdefault(operator, []).append((score, improved, candidate.id in records))
    credits = [_operator_credit(operator, told, objective) for operator, told in rows.items()]
    return tuple(sorted(credits, key=lambda row: (-row.records, -row.improved, -row.told, row.operator)))


def _operator_credit(
    operator: str, told: list[tuple[float | None, bool, bool]], objective: Objective
) -> OperatorCredit:
    scores = [score for score, _, _ in told if score is not None]
    return OperatorCredit(
        operator=operator,
        told=len(told),
        scored=len(scores),
        improved=sum(improved for _, improved, _ in told),
        records=sum(record for _, _, record in told),
        best=max(scores, key=objective.gain) if scores else None,
    )
