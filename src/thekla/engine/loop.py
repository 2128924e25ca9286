"""The loop: tickets out, outcomes home, in one journal order whatever the number of workers."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from thekla.core.budget import Ledger
from thekla.core.codec import decode, encode
from thekla.core.errors import ProblemError
from thekla.core.evaluation import Failed, FailureKind, Outcome, Scored
from thekla.core.events import EventKind
from thekla.core.journal import Answered, Asked, Closed, Quarantined, Started, Stopping, ToldFact, program_blob
from thekla.core.problem import Baseline, Problem, Split
from thekla.core.program import Candidate, CandidateId, Program, ProgramId
from thekla.core.progress import Observer, Tally
from thekla.core.protocols import Evaluator, Generator, PromptBuilder, Strategy
from thekla.core.racing import Cutoff, cutoff_of
from thekla.core.rng import derive_seed
from thekla.core.run import IMPORT, SEED, Prompt, Proposal, Ticket, Told
from thekla.core.steering import Steering, Unsteered
from thekla.engine.closing import close_run
from thekla.engine.journaling import Journal, Store

__all__ = ["Engine", "Flight", "Parts"]

_TRAIN = str(Split.TRAIN)  # what fails before it, by a check or on a tiny case, does not use the budget


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The replaceable parts of a run."""

    problem: Problem
    strategy: Strategy
    prompts: PromptBuilder
    generator: Generator
    evaluator: Evaluator
    baselines: Sequence[Baseline] = ()
    steering: Steering = field(default_factory=Unsteered)


@dataclass(frozen=True, kw_only=True)
class Flight:
    """A ticket whose answer and outcome are on their way."""

    ticket: Ticket
    work: asyncio.Task[tuple[Proposal, Outcome]]


class Engine:
    """Runs a search to the end of its budget, then closes it.

    Tickets are asked as long as fewer than `in_flight` are out, and outcomes are told in ticket order; so the journal
    of a run depends on its seed and settings only, and a run that was killed is resumed by running it again over its
    recorded facts. Cancelling the task that runs it is safe at any time.

    Args:
        imports: Programs of another run's archive that start this one, besides the problem's seeds.
        ahead: Most tickets beyond those in flight, asked while outcomes wait for a slower one: then what is asked
            depends on the clock, and equal settings may give unequal journals.
    """

    def __init__(
        self,
        parts: Parts,
        store: Store,
        journal: Journal,
        *,
        run_id: str,
        started: Started,
        imports: Sequence[Program] = (),
        ahead: int = 0,
        observer: Observer = lambda progress: None,
    ) -> None:
        self._parts = parts
        self._store = store
        self._journal = journal
        self._run_id, self._started = run_id, started
        self._imports, self._ahead = tuple(imports), ahead
        self._observer = observer
        self._objective = parts.problem.objective
        self._pending: deque[Flight] = deque()
        self._history: list[Told] = []
        self._scored: list[tuple[Candidate, Scored]] = []  # the record that reports
        self._seen: dict[ProgramId, CandidateId] = {}
        self._behaviours: dict[str, tuple[int, CandidateId]] = {}  # and how many had been told before
        self._ledger = Ledger()
        self._exhausted = ""  # a cap that the generator ran into
        self._tally = Tally(self._objective, parts.problem.constraints)

    async def run(self) -> Closed:
        """Search, then validation, hold-out and the verdict; everything is in the journal.

        Raises:
            ProblemError: No seed program scores.
            SandboxError, StorageError, ProviderError: The run cannot go on; it can be resumed.
        """
        self._journal.write(self._started)
        self._journal.flush()
        try:
            await self._plant()
            while self._fill() or await self._parts.steering.lifted():
                late = [flight.work for flight in self._pending if self._ahead and not flight.work.done()]
                if late and late[0] is self._pending[0].work:
                    await asyncio.wait(late, return_when=asyncio.FIRST_COMPLETED)
                elif self._pending:
                    await self._tell_next()
            self._journal.write(Stopping(reason=self._stop_reason()))
            self._journal.flush()
        finally:
            await self._abandon()
        closed = await close_run(
            self._parts.problem,
            self._parts.evaluator,
            self._journal,
            scored=self._scored,
            baselines=self._parts.baselines,
            report=self._report,
        )
        self._report("closed")
        return closed

    @property
    def in_flight(self) -> Sequence[Flight]:
        """The tickets that are out, oldest first; the oldest is the one that is waited for."""
        return tuple(self._pending)

    async def _plant(self) -> None:
        """Evaluate the seeds and imports, all at once, and tell them in order."""
        programs = [(f"s{i}", SEED, program) for i, program in enumerate(self._parts.problem.seeds)]
        programs += [(f"i{i}", IMPORT, program) for i, program in enumerate(self._imports)]
        for name, operator, program in programs:
            ticket = Ticket(id=name, operator=operator)
            self._journal.write(Asked.of(ticket))
            proposal = Proposal(raw="", program=program, operator=operator, generator=operator)
            self._pending.append(Flight(ticket=ticket, work=asyncio.create_task(self._evaluate(proposal))))
        while self._pending:
            await self._tell_next()
        seeds = [told for told in self._history if told.ticket.operator == SEED]
        if not any(isinstance(told.outcome, Scored) for told in seeds):
            reasons = "; ".join(told.outcome.message for told in seeds if isinstance(told.outcome, Failed))
            raise ProblemError(f"no seed program of {self._parts.problem.name} has a score ({reasons}); mend the seeds")

    def _fill(self) -> bool:
        """Hear what people decided, and ask until enough tickets are out; returns whether any is."""
        while (steered := self._parts.steering.take(self._journal.ahead)) is not None:
            self._journal.write(steered)
            self._journal.flush()
        while self._may_ask():
            (ticket,) = self._parts.strategy.ask(1)
            prompt = self._parts.prompts.build(self._parts.problem, ticket, self._history)
            self._journal.write(Asked.of(ticket))
            self._ledger = replace(self._ledger, proposals=self._ledger.proposals + 1)
            work = self._work(ticket, prompt, len(self._history), self._cutoff(ticket))
            self._pending.append(Flight(ticket=ticket, work=asyncio.create_task(work)))
        return bool(self._pending)

    def _may_ask(self) -> bool:
        if self._journal.ahead is not None:  # what a limit decided then is a fact, and not decided again
            return self._journal.ahead.kind is EventKind.ASKED
        waiting, room = sum(not flight.work.done() for flight in self._pending), self._started.in_flight
        is_full = waiting >= room or len(self._pending) >= room + self._ahead
        promised = self._ledger.evaluations + len(self._pending)
        ledger = replace(self._ledger, evaluations=promised, wall_s=self._journal.elapsed_s)
        spent = self._exhausted or ledger.exhausted(self._started.budget)
        return not (is_full or self._parts.steering.paused or spent)

    def _stop_reason(self) -> str:
        ahead = self._journal.ahead
        if ahead is not None and ahead.kind is EventKind.STOPPING:
            return str(ahead.data["reason"])
        return self._exhausted or replace(self._ledger, wall_s=self._journal.elapsed_s).exhausted(self._started.budget)

    def _cutoff(self, ticket: Ticket) -> Cutoff | None:
        """What the answer to a ticket must be able to beat: by what was told when it is asked, whoever is in flight."""
        race = self._started.race
        told = [outcome for _, outcome in self._scored] if race else []
        return cutoff_of(race, self._objective, told, seed=self._started.seed, ticket=ticket.id) if race else None

    async def _work(
        self, ticket: Ticket, prompt: Prompt, known: int, cutoff: Cutoff | None
    ) -> tuple[Proposal, Outcome]:
        recorded = self._store.fact("answer", ticket.id)
        if recorded is not None:
            proposal = decode(Proposal, recorded)
        else:
            seed = derive_seed(self._started.seed, "propose", ticket.id)
            proposal = await self._parts.generator.propose(self._parts.problem, ticket, prompt, seed=seed)
            answer = encode(proposal)
            assert isinstance(answer, dict)
            paid = proposal.spending.cost_usd != 0 or proposal.spending.calls > 0
            self._store.record("answer", ticket.id, answer, durable=paid)
        return await self._evaluate(proposal, known, cutoff)

    async def _evaluate(
        self, proposal: Proposal, known: int = 0, cutoff: Cutoff | None = None
    ) -> tuple[Proposal, Outcome]:
        """Only the first `known` outcomes can have a twin of it, so that it does not matter who is evaluated first."""

        def twin(behaviour: str) -> CandidateId | None:
            order, candidate = self._behaviours.get(behaviour, (known, None))
            return candidate if order < known else None

        if proposal.program is None:
            kind = FailureKind.NOTE if proposal.note else FailureKind.NO_PROGRAM
            return proposal, Failed(kind=kind, stage="answer", message=proposal.reason)
        return proposal, await self._parts.evaluator.evaluate(proposal.program, twin=twin, cutoff=cutoff)

    async def _tell_next(self) -> None:
        """Wait for the oldest ticket, journal its answer and outcome, and only then tell the strategy."""
        flight = self._pending[0]
        proposal, outcome = await flight.work
        program = proposal.program
        if program and program.id not in self._seen and isinstance(outcome, Scored) and self._tally.is_led_by(outcome):
            outcome = await self._parts.evaluator.confirm(program, outcome)
        self._pending.popleft()
        told = self._told(flight.ticket, proposal, outcome)
        counted = not (isinstance(told.outcome, Failed) and told.outcome.stage != _TRAIN)
        if proposal.program is not None:
            self._store.put_blob(program_blob(proposal.program))
        self._journal.write(Answered.of(flight.ticket, proposal))
        if isinstance(told.outcome, Failed) and told.outcome.breaches:
            stage, breaches = told.outcome.stage, told.outcome.breaches
            self._journal.write(Quarantined(name=flight.ticket.id, stage=stage, breaches=breaches))
        self._journal.write(ToldFact.of(told, counted=counted))
        self._journal.flush()
        self._account(told, proposal, counted=counted)
        self._history.append(told)
        self._parts.strategy.tell(told)
        self._report("search")

    def _told(self, ticket: Ticket, proposal: Proposal, outcome: Outcome) -> Told:
        if proposal.program is None:
            return Told(ticket=ticket, candidate=None, outcome=outcome, operator=proposal.operator)
        candidate = ticket.answered_by(proposal.program, proposal.operator)
        twin = self._seen.setdefault(proposal.program.id, candidate.id)
        if twin != candidate.id:
            outcome = Failed(kind=FailureKind.DUPLICATE, stage="answer", message=f"equal to candidate {twin}")
        return Told(ticket=ticket, candidate=candidate, outcome=outcome)

    def _account(self, told: Told, proposal: Proposal, *, counted: bool) -> None:
        self._exhausted = self._exhausted or proposal.exhausted
        self._ledger = self._ledger.after(proposal.spending, counted=counted, cpu_s=told.outcome.cost.cpu_s)
        self._tally.take(told)
        if isinstance(outcome := told.outcome, Scored) and told.candidate is not None:
            self._scored.append((told.candidate, outcome))
            self._behaviours.setdefault(outcome.behaviour, (len(self._history), told.candidate.id))

    def _report(self, phase: str, judged: int = 0, to_judge: int = 0) -> None:
        seen = self._tally.progress(
            run_id=self._run_id,
            phase=phase,
            ledger=self._ledger,
            budget=self._started.budget,
            elapsed_s=self._journal.elapsed_s,
            replayed=self._journal.ahead is not None,
            judged=judged,
            to_judge=to_judge,
        )
        self._observer(seen)

    async def _abandon(self) -> None:
        """Drop what is in flight: answers that came are recorded, and a resumed run asks for the rest again."""
        for flight in self._pending:
            flight.work.cancel()
        await asyncio.gather(*(flight.work for flight in self._pending), return_exceptions=True)
        self._pending.clear()
