"""The counter of an ask/tell run: hands out tickets on lease, takes replies in, and says what came of them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from thekla.assembly.opened import OpenRun
from thekla.core.codec import decode, encode
from thekla.core.errors import ConfigError
from thekla.core.evaluation import Failed, Outcome
from thekla.core.events import EventKind
from thekla.core.journal import ToldFact, payload_of
from thekla.core.program import Program
from thekla.core.protocols import Facts
from thekla.core.redaction import Redactor, secrets_of
from thekla.core.run import ASK_TELL, Prompt, Proposal, Spending, Ticket, Told
from thekla.core.values import Data
from thekla.generation.asktell import Reply
from thekla.prompting.feedback import Level, details, verdict
from thekla.prompting.sections import interface_section, statement_section

__all__ = ["Counter", "Heard", "Lease", "Leases", "Offer", "RunState"]

_LEASE = "lease"


@dataclass(frozen=True, kw_only=True)
class Lease:
    """Who may answer a ticket, and until when (Unix, seconds)."""

    ticket: str
    by: str
    until_s: float


class Leases:
    """The leases of a run's tickets, as facts: each one follows the one before it.

    Args:
        now_s: The time (Unix, seconds).
    """

    def __init__(self, facts: Facts, now_s: Callable[[], float]) -> None:
        self._facts = facts
        self._now_s = now_s

    def held(self, ticket: str) -> Lease | None:
        """The lease that holds at this time."""
        latest, _ = self._latest(ticket)
        return latest if latest is not None and latest.until_s > self._now_s() else None

    def take(self, ticket: str, by: str, lease_s: float) -> Lease:
        """A new lease from now on."""
        _, count = self._latest(ticket)
        lease = Lease(ticket=ticket, by=by, until_s=self._now_s() + lease_s)
        value: dict[str, Data] = {"ticket": ticket, "by": by, "until_s": lease.until_s}
        self._facts.record("answer", f"{_LEASE}/{ticket}/{count}", value, durable=False)
        return lease

    def _latest(self, ticket: str) -> tuple[Lease | None, int]:
        """The last lease, and how many there were."""
        latest, count = None, 0
        while (found := self._facts.fact("answer", f"{_LEASE}/{ticket}/{count}")) is not None:
            latest, count = decode(Lease, dict(found)), count + 1
        return latest, count


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A ticket on lease, and all that its answerer is told."""

    lease: Lease
    ticket: Ticket
    prompt: Prompt

    @property
    def parent(self) -> Program | None:
        """The program to change."""
        return self.ticket.parents[0].program if self.ticket.parents else None

    @property
    def data(self) -> dict[str, Data]:
        """All of it as plain data."""
        return {
            "ticket": self.ticket.id,
            "by": self.lease.by,
            "until": datetime.fromtimestamp(self.lease.until_s, UTC).isoformat(timespec="seconds"),
            "operator": self.ticket.operator,
            "parents": [{"id": one.id, "files": dict(one.program.files)} for one in self.ticket.parents],
            "tokens": self.prompt.tokens,
            "prompt": self.prompt.text,
        }


@dataclass(frozen=True, kw_only=True)
class RunState:
    """Where an ask/tell run stands, as far as its answerers may know: train scores and the budget.

    Args:
        status: `open`, `paused` by people, or `closed`: then nothing is asked any more.
        budget: Cap on evaluations; None for none.
        best, baseline: Of the first objective, on the train split.
        waiting: Tickets that nobody has answered; `leased` are those of them that somebody holds.
    """

    run_id: str
    status: str
    evaluations: int
    budget: int | None
    proposals: int
    best: float | None
    baseline: float | None
    objective: str
    unit: str
    direction: str
    cost_usd: float
    waiting: Sequence[str] = ()
    leased: Sequence[Lease] = ()

    @property
    def data(self) -> dict[str, Data]:
        """All of it as plain data."""
        plain = encode(self, but="leased")
        assert isinstance(plain, dict)
        del plain["type"]
        return {**plain, "leased": {lease.ticket: lease.by for lease in self.leased}}


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What came of a reply.

    Args:
        words: The outcome as the run's level of feedback tells it.
        told: Whether the strategy has heard it; if not, an older ticket must be answered first.
    """

    ticket: str
    outcome: Outcome
    words: str
    told: bool
    state: RunState

    @property
    def data(self) -> dict[str, Data]:
        """All of it as plain data."""
        failed = scores = None
        if isinstance(self.outcome, Failed):
            failed = {"kind": str(self.outcome.kind), "stage": self.outcome.stage, "message": self.outcome.message}
        else:
            scores = dict(self.outcome.scores)
        heard: dict[str, Data] = {"ticket": self.ticket, "scores": scores, "failed": failed, "feedback": self.words}
        return {**heard, "told": self.told, "run": self.state.data}


class Counter:
    """Asks and tells on an open run.

    Raises:
        ConfigError: The run's generator answers by itself.
    """

    def __init__(self, opened: OpenRun, now_s: Callable[[], float]) -> None:
        generator = opened.started.components["generator"].name
        if generator != ASK_TELL:
            raise ConfigError(
                f"run {opened.store.run_id} proposes by itself (generator {generator!r}); ask and tell are for runs "
                f"that were started with --generator {ASK_TELL}"
            )
        self._opened = opened
        self._leases = Leases(opened.store, now_s)
        self._redactor = Redactor(secrets_of(os.environ))

    async def ask(
        self, n: int, *, by: str, lease_s: float, again: bool = False, known: Container[str] = ()
    ) -> Sequence[Offer]:
        """At most `n` tickets that are free; none once the run is closed.

        Args:
            again: Whether tickets that `by` holds already are given out once more.
            known: Tickets for which this does not hold.
        """
        offers = self._offers(n, by, lease_s, again=again, known=known)
        if not offers:
            await self._opened.settle()
            offers = self._offers(n, by, lease_s, again=again, known=known)
        return offers

    def _offers(self, n: int, by: str, lease_s: float, *, again: bool, known: Container[str]) -> Sequence[Offer]:
        """Leases on at most `n` of the tickets that are on the desk now."""
        offers: list[Offer] = []
        self._opened.flush()
        for name, waiting in self._opened.desk.waiting.items():
            held = self._leases.held(name)
            if len(offers) < n and (held is None or (again and held.by == by and name not in known)):
                lease = self._leases.take(name, by, lease_s)
                offers.append(Offer(lease=lease, ticket=waiting.ticket, prompt=self._redactor.prompt(waiting.prompt)))
        return offers

    async def tell(self, ticket: str, reply: Reply) -> Heard:
        """The outcome of a reply; the same reply to a ticket that was answered so before gives the same outcome.

        Raises:
            ConfigError: No such ticket waits, somebody else holds it, or it was answered otherwise.
        """
        await self._opened.settle()
        best = self._opened.progress.best
        if ticket not in self._opened.desk.waiting:
            self._refuse_other_answer(ticket, reply)
            return self._heard(ticket, None, best)
        held = self._leases.held(ticket)
        if held is not None and reply.by and held.by not in (reply.by, ""):
            raise ConfigError(
                f"ticket {ticket!r} is on lease to {held.by!r}; answer one of your own, or wait for its end"
            )
        reply = reply if reply.by or held is None else replace(reply, by=held.by)
        flight = self._opened.flight(ticket)
        assert flight is not None
        self._opened.desk.give(ticket, reply)
        await asyncio.wait([flight.work])
        await self._opened.settle()
        _, outcome = flight.work.result()
        return self._heard(ticket, outcome, best)

    async def stop(self, by: str) -> RunState:
        """End the search: what nobody has answered stays so, and the run closes."""
        while await self._opened.settle() is None:
            for name in list(self._opened.desk.waiting):
                reply = Reply(by=by, decline="the search was stopped", stops=True, spending=Spending())
                self._opened.desk.give(name, reply)
        return self.state()

    def problem(self) -> str:
        """What is to be solved, and the interface of programs."""
        problem = self._opened.problem
        return f"{statement_section(problem).text}\n\n{interface_section(problem.interface).text}"

    def state(self) -> RunState:
        """Where the run stands."""
        progress, waiting = self._opened.progress, tuple(self._opened.desk.waiting)
        leased = [lease for lease in map(self._leases.held, waiting) if lease is not None]
        return RunState(
            run_id=progress.run_id,
            status="closed" if progress.phase == "closed" else "paused" if self._opened.paused else "open",
            evaluations=progress.evaluations,
            budget=progress.budget,
            proposals=progress.proposals,
            best=progress.best,
            baseline=progress.baseline,
            objective=progress.objective,
            unit=progress.unit,
            direction=self._opened.problem.objective.direction,
            cost_usd=progress.cost_usd,
            waiting=waiting,
            leased=leased,
        )

    def _refuse_other_answer(self, ticket: str, reply: Reply) -> None:
        """Refuse a reply to a ticket that does not wait, unless it is the one that was recorded."""
        known = self._opened.store.fact("answer", ticket)
        if known is None:
            waiting = ", ".join(self._opened.desk.waiting) or "none"
            raise ConfigError(f"no ticket {ticket!r} waits for an answer; those that wait: {waiting}")
        recorded = decode(Proposal, dict(known))
        if reply.program is None or recorded.program != reply.program:
            raise ConfigError(f"ticket {ticket!r} was answered already, otherwise; ask for another")

    def _heard(self, ticket: str, outcome: Outcome | None, best: float | None) -> Heard:
        """The outcome as it was told, or (if older tickets are still out) as it will be."""
        fact = self._fact(ticket)
        flight = self._opened.flight(ticket)
        if fact is not None:
            outcome = fact.outcome
        elif outcome is None:
            assert flight is not None  # answered, and waiting to be told
            outcome = flight.work.result()[1]
        told = Told(ticket=Ticket(id=ticket), candidate=None, outcome=outcome)
        objective = self._opened.problem.objective
        words = f"{verdict(told, objective, best)}\n{details(told, objective, self._level)}".strip()
        return Heard(ticket=ticket, outcome=outcome, words=words, told=fact is not None, state=self.state())

    def _fact(self, ticket: str) -> ToldFact | None:
        """What the strategy was told of a ticket."""
        store = self._opened.store
        for event in store.events(store.run_id):
            if event.kind is EventKind.TOLD and event.data["ticket"] == ticket:
                payload = payload_of(event)
                assert isinstance(payload, ToldFact)
                return payload
        return None

    @property
    def _level(self) -> Level:
        """How much the run tells of an outcome."""
        given = self._opened.started.components["prompts"].arguments.get("feedback", "causes")
        levels: dict[object, Level] = {"score": "score", "instances": "instances", "trace": "trace"}
        return levels.get(given, "causes")
