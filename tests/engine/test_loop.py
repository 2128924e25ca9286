"""The loop's promises: one order for any concurrency, resume as if nothing had happened, nothing paid twice."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thekla.core.budget import Budget
from thekla.core.errors import ProblemError, StorageError
from thekla.core.evaluation import Failed, FailureKind, InstanceResult, Limits, Scored
from thekla.core.events import Event, EventKind, verify_chain
from thekla.core.journal import (
    Asked,
    Closed,
    HoldoutOpened,
    Judged,
    Quarantined,
    Started,
    Stopping,
    ToldFact,
    payload_of,
)
from thekla.core.problem import Instance, Interface, Problem, ProblemRef, Split
from thekla.core.program import Program
from thekla.core.protocols import FactTable, Guest, Strategy
from thekla.core.racing import Race
from thekla.core.registry import Component
from thekla.core.run import Prompt, Proposal, Spending, Ticket
from thekla.core.values import Data
from thekla.engine import Clock, Engine, Journal, Parts, Progress
from thekla.evaluation.backends import InlineBackend
from thekla.evaluation.service import EvaluationService
from thekla.search import Greedy, Islands
from thekla.storage import MemoryRun
from thekla.testing.guests import InProcessGuest, InProcessSandbox
from thekla.testing.toy import ConstantMutator, PlainPrompts, ToyPackage, ridge_score

RUN = "run"  # as `MemoryRun` names it


class CountingGenerator(ConstantMutator):
    """A generator that remembers which tickets it was paid for."""

    def __init__(self, *, malformed: float = 0.2, price_usd: float | None = 0.0) -> None:
        super().__init__(malformed=malformed)
        self.asked: list[str] = []
        self._price_usd = price_usd

    async def propose(self, problem: Problem, ticket: Ticket, prompt: Prompt, *, seed: int) -> Proposal:
        self.asked.append(ticket.id)
        # Answers arrive in an order of their own.
        for _ in range(seed % 7):
            await asyncio.sleep(0)
        proposal = await super().propose(problem, ticket, prompt, seed=seed)
        return replace(proposal, spending=Spending(cost_usd=self._price_usd))


class CountingSandbox(InProcessSandbox):
    """A sandbox that counts its guests."""

    def __init__(self) -> None:
        self.opened: list[str] = []

    def open(self, program, interface, limits, *, seed=0):  # type: ignore[no-untyped-def]  # as its parent
        self.opened.append(program.id)
        return super().open(program, interface, limits, seed=seed)


class DyingStore(MemoryRun):
    """A store that refuses after a number of writes, as a process that is killed does."""

    def __init__(self, writes: int) -> None:
        super().__init__()
        self.left = writes

    def _spend(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise StorageError("killed")

    def append(self, run_id: str, events: Sequence[Event]) -> None:
        self._spend()
        super().append(run_id, events)

    def record(self, table: FactTable, key: str, value: Mapping[str, Data], *, durable: bool) -> None:
        self._spend()
        super().record(table, key, value, durable=durable)


def started(
    *, seed: int = 0, evaluations: int = 20, in_flight: int = 4, budget: Budget | None = None, package: ToyPackage
) -> Started:
    problem = package.problem
    return Started(
        problem=ProblemRef(name="toy", suite="default"),
        problem_version="1",
        objectives=problem.objectives,
        measures=problem.measures,
        evaluator=package.evaluator_digest,
        instances={str(split): instances for split, instances in problem.instances.items()},
        components={"strategy": Component(name="greedy", version="1")},
        seed=seed,
        budget=budget or Budget(evaluations=evaluations),
        in_flight=in_flight,
        tier="trusted",
        thekla="0",
    )


def search(
    store: MemoryRun,
    *,
    seed: int = 0,
    evaluations: int = 20,
    in_flight: int = 4,
    generator: CountingGenerator | None = None,
    sandbox: InProcessSandbox | None = None,
    strategy: type[Greedy] | type[Islands] = Greedy,
    imports: Sequence[Program] = (),
    budget: Budget | None = None,
    clock: Clock | None = None,
    package: ToyPackage | None = None,
    watch: list[Progress] | None = None,
    race: Race | None = None,
    ahead: int = 0,
) -> Closed:
    package = package or ToyPackage()
    begin = started(seed=seed, evaluations=evaluations, in_flight=in_flight, budget=budget, package=package)
    begin = replace(begin, race=race)
    chosen: Strategy = strategy(package.problem, seed=seed)

    async def go() -> Closed:
        backend = InlineBackend(package, sandbox or InProcessSandbox())
        service = EvaluationService(package, backend, store, reference=begin.problem, tier="trusted")
        parts = Parts(
            problem=package.problem,
            strategy=chosen,
            prompts=PlainPrompts(),
            generator=generator or CountingGenerator(),
            evaluator=service,
            baselines=package.baselines,
        )
        journal = Journal(store, RUN, clock or Clock(now_s=lambda: 0.0, monotonic_s=lambda: 0.0))
        observer = (lambda progress: None) if watch is None else watch.append
        async with service:
            engine = Engine(
                parts, store, journal, run_id=RUN, started=begin, imports=imports, ahead=ahead, observer=observer
            )
            return await engine.run()

    return asyncio.run(go())


def chain_of(store: MemoryRun) -> str:
    events = list(store.events(RUN))
    assert verify_chain(events) == len(events)
    return events[-1].chain


def payloads(store: MemoryRun, kind: type) -> list[object]:
    return [payload for event in store.events(RUN) if isinstance(payload := payload_of(event), kind)]


def test_a_run_ends_at_its_budget_and_chooses_a_winner_better_than_the_seed() -> None:
    store = MemoryRun()
    closed = search(store, evaluations=60)
    told = [fact for fact in payloads(store, ToldFact) if isinstance(fact, ToldFact)]
    assert sum(fact.counted for fact in told) == 60
    assert [fact.reason for fact in payloads(store, Stopping) if isinstance(fact, Stopping)] == ["evaluations"]
    judged = {
        (row.role, row.split): row.outcome.scores["score"]
        for row in payloads(store, Judged)
        if isinstance(row, Judged) and isinstance(row.outcome, Scored)
    }
    assert closed.winner is not None
    for split in (Split.TRAIN, Split.VALIDATION, Split.HOLDOUT):
        assert judged["winner", split] > judged["seed", split]
    assert {role for role, split in judged if split is Split.HOLDOUT} == {"seed", "trivial", "rule", "oracle", "winner"}


def test_an_equal_seed_gives_an_equal_chain_and_another_seed_another() -> None:
    chains = []
    for seed in (3, 3, 4):
        store = MemoryRun()
        search(store, seed=seed)
        chains.append(chain_of(store))
    assert chains[0] == chains[1] != chains[2]


@settings(max_examples=12)
@given(seed=st.integers(0, 2**32 - 1), writes=st.integers(0, 150), strategy=st.sampled_from([Greedy, Islands]))
def test_a_resumed_run_equals_an_uninterrupted_one(
    seed: int, writes: int, strategy: type[Greedy] | type[Islands]
) -> None:
    whole = MemoryRun()
    search(whole, seed=seed, strategy=strategy)
    broken = DyingStore(writes)
    if not dies(broken, seed=seed, strategy=strategy):
        return
    answered = {key for key, _ in broken.facts("answer")}
    evaluated = evaluations_of(broken)
    broken.left = 10**9
    generator, sandbox = CountingGenerator(), CountingSandbox()
    search(broken, seed=seed, strategy=strategy, generator=generator, sandbox=sandbox)
    assert not answered & set(generator.asked), "a recorded answer was asked for again"
    assert len(sandbox.opened) == evaluations_of(broken) - evaluated, "a recorded evaluation was repeated"
    assert chain_of(broken) == chain_of(whole)


def dies(store: DyingStore, *, seed: int, strategy: type[Greedy] | type[Islands]) -> bool:
    """Whether the store ends the run before the run ends."""
    try:
        search(store, seed=seed, strategy=strategy)
    except StorageError:
        return True
    return False


def evaluations_of(store: MemoryRun) -> int:
    """How many evaluations in a guest are recorded; oracles run on the host."""
    return sum(not key.startswith("host:") for key, _ in store.facts("evaluation"))


def test_concurrency_of_evaluation_changes_nothing_but_in_flight_does() -> None:
    chains = {}
    for in_flight in (1, 4):
        store = MemoryRun()
        search(store, in_flight=in_flight)
        chains[in_flight] = [event.kind for event in store.events(RUN)]
    assert chains[1] != chains[4]


def test_as_many_slow_answers_are_waited_for_at_once_as_tickets_may_be_in_flight() -> None:
    class Slow(CountingGenerator):
        flying = most = 0

        async def propose(self, problem: Problem, ticket: Ticket, prompt: Prompt, *, seed: int) -> Proposal:
            self.flying += 1
            self.most = max(self.most, self.flying)
            for _ in range(200):  # turns of the event loop
                await asyncio.sleep(0)
            self.flying -= 1
            return await super().propose(problem, ticket, prompt, seed=seed)

    generator, store = Slow(malformed=0.0), MemoryRun()
    search(store, evaluations=100, in_flight=64, generator=generator)
    assert generator.most == 64
    again = MemoryRun()
    search(again, evaluations=100, in_flight=64, generator=CountingGenerator(malformed=0.0))
    assert chain_of(again) == chain_of(store)  # however long answers take


class Held(CountingGenerator):
    """Answers the first ticket when so many have been asked, and the others at once."""

    def __init__(self, until: int) -> None:
        super().__init__(malformed=0.0)
        self._until = until
        self._enough = asyncio.Event()
        self.held: list[str] = []

    async def propose(self, problem: Problem, ticket: Ticket, prompt: Prompt, *, seed: int) -> Proposal:
        proposal = await super().propose(problem, ticket, prompt, seed=seed)
        if len(self.asked) >= self._until:
            self._enough.set()
        if ticket.id == "t1":
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._enough.wait(), 20.0)
            await asyncio.sleep(0.02)  # in which more could be asked than may be
            self.held = list(self.asked)
        return proposal


def order_of(store: MemoryRun) -> list[str]:
    """The tickets that were told, in the order of the journal."""
    return [fact.ticket for fact in payloads(store, ToldFact) if isinstance(fact, ToldFact)]


@pytest.mark.parametrize(("ahead", "asked"), [(0, 4), (3, 7), (16, 20), (100, 24)])
def test_a_slow_answer_holds_up_no_more_than_it_has_to(ahead: int, asked: int) -> None:
    """Four tickets in flight: their places are filled meanwhile, with as many more as may be asked ahead."""
    store, generator = MemoryRun(), Held(until=asked)
    search(store, evaluations=25, in_flight=4, generator=generator, ahead=ahead)  # the seed and 24 more
    assert len(generator.held) == asked
    assert order_of(store) == ["s0", *(f"t{number}" for number in range(1, 25))]


def test_no_more_answers_are_waited_for_at_once_than_tickets_may_be_in_flight_however_far_ahead() -> None:
    class Counted(CountingGenerator):
        flying = most = 0

        async def propose(self, problem: Problem, ticket: Ticket, prompt: Prompt, *, seed: int) -> Proposal:
            self.flying += 1
            self.most = max(self.most, self.flying)
            for _ in range(seed % 97):
                await asyncio.sleep(0)
            self.flying -= 1
            return await super().propose(problem, ticket, prompt, seed=seed)

    generator = Counted(malformed=0.2)
    search(MemoryRun(), evaluations=60, in_flight=5, generator=generator, ahead=40)
    assert generator.most == 5


@settings(max_examples=8)
@given(seed=st.integers(0, 2**32 - 1), writes=st.integers(0, 90), ahead=st.integers(1, 30))
def test_a_run_that_asked_ahead_is_resumed_with_nothing_lost_or_repeated(seed: int, writes: int, ahead: int) -> None:
    store = DyingStore(writes)
    with contextlib.suppress(StorageError):
        search(store, seed=seed, evaluations=10, ahead=ahead)
    before = [event.chain for event in store.events(RUN)]
    answered = {key for key, _ in store.facts("answer")}
    store.left = 10**9
    generator = CountingGenerator()
    search(store, seed=seed, evaluations=10, ahead=ahead, generator=generator)
    assert not answered & set(generator.asked)
    assert [event.chain for event in store.events(RUN)][: len(before)] == before
    told = order_of(store)
    assert told == ["s0", *(f"t{number}" for number in range(1, len(told)))]  # each ticket once, none lost
    again = CountingGenerator()
    search(store, seed=seed, evaluations=10, ahead=ahead, generator=again)
    assert again.asked == []


def test_a_closed_run_can_be_gone_through_again_without_any_work() -> None:
    store = MemoryRun()
    search(store)
    before = chain_of(store)
    generator, sandbox = CountingGenerator(), CountingSandbox()
    search(store, generator=generator, sandbox=sandbox)
    assert (generator.asked, sandbox.opened, chain_of(store)) == ([], [], before)


def test_an_equal_program_is_evaluated_once_and_told_as_a_duplicate() -> None:
    class Stubborn(CountingGenerator):
        async def propose(self, problem: Problem, ticket: Ticket, prompt: Prompt, *, seed: int) -> Proposal:
            program = Program.from_text("def answer():\n    return [0.4, 4.0, 10.0, 0.1, 2.0]\n")
            return Proposal(raw="again", program=program, operator="same", generator="stubborn@1")

    store, sandbox = MemoryRun(), CountingSandbox()
    search(store, generator=Stubborn(), sandbox=sandbox, evaluations=5)
    kinds = [
        fact.outcome.kind
        for fact in payloads(store, ToldFact)
        if isinstance(fact, ToldFact) and isinstance(fact.outcome, Failed)
    ]
    assert set(kinds) == {FailureKind.DUPLICATE}
    assert len(kinds) == 99  # 20 proposals per evaluation, one of which was new
    same = Program.from_text("def answer():\n    return [0.4, 4.0, 10.0, 0.1, 2.0]\n").id
    assert sandbox.opened.count(same) == 3 + 2 + 1 + 3  # smoke and two train instances, twins, validation, hold-out


def test_what_fails_before_the_train_split_is_free() -> None:
    store = MemoryRun()
    search(store, generator=CountingGenerator(malformed=0.6), evaluations=15)
    told = [fact for fact in payloads(store, ToldFact) if isinstance(fact, ToldFact)]
    free = [fact.outcome for fact in told if not fact.counted]
    assert {outcome.stage for outcome in free if isinstance(outcome, Failed)} == {"answer", "check", "smoke"}
    assert all(isinstance(outcome, Failed) for outcome in free)
    assert sum(fact.counted for fact in told) == 15


def test_the_hold_out_is_drawn_from_the_chain_after_the_finalists_are_frozen() -> None:
    drawn = []
    for seed in (0, 1):
        store = MemoryRun()
        search(store, seed=seed)
        events = list(store.events(RUN))
        at = next(i for i, event in enumerate(events) if event.kind is EventKind.HOLDOUT_OPENED)
        assert EventKind.FROZEN in {event.kind for event in events[:at]}
        assert not {EventKind.ASKED, EventKind.TOLD} & {event.kind for event in events[at:]}
        opened = payload_of(events[at])
        assert isinstance(opened, HoldoutOpened)
        assert opened.key == events[at - 1].chain
        drawn.append({instance.id for instance in opened.instances})
    assert not drawn[0] & drawn[1]


def test_a_wall_limit_that_struck_is_not_decided_again_on_resume() -> None:
    class Ticking:
        def __init__(self, step_s: float) -> None:
            self.at_s, self.step_s = 0.0, step_s

        def __call__(self) -> float:
            self.at_s += self.step_s
            return self.at_s

    budget = Budget(evaluations=None, proposals=None, wall_s=50.0)
    store = DyingStore(10**9)
    search(store, budget=budget, clock=Clock(now_s=lambda: 0.0, monotonic_s=Ticking(0.5)))
    whole = chain_of(store)
    assert [fact.reason for fact in payloads(store, Stopping) if isinstance(fact, Stopping)] == ["wall_s"]
    search(store, budget=budget, clock=Clock(now_s=lambda: 0.0, monotonic_s=Ticking(0.0)))
    assert chain_of(store) == whole


def test_a_cap_on_cpu_time_ends_the_search_with_what_failed_paid_for() -> None:
    class Metered(InProcessSandbox):
        """Every guest costs half a second, whether its program fails or not."""

        def open(self, program: Program, interface: Interface, limits: Limits, *, seed: int = 0) -> InProcessGuest:
            guest = InProcessSandbox().open(program, interface, limits, seed=seed)
            guest.close()
            guest._spent_s = 0.5
            return guest

    store = MemoryRun()
    search(store, budget=Budget(evaluations=1000, cpu_s=20.0), sandbox=Metered(), in_flight=1)
    assert [fact.reason for fact in payloads(store, Stopping) if isinstance(fact, Stopping)] == ["cpu_s"]
    told = [fact.outcome.cost.cpu_s for fact in payloads(store, ToldFact) if isinstance(fact, ToldFact)]
    assert sum(told) >= 20.0 > sum(told[:-1])


def test_a_journal_that_says_otherwise_is_refused() -> None:
    store = MemoryRun()
    search(store, seed=1)
    with pytest.raises(StorageError, match="going through the run again gives"):
        search(store, seed=2)


def test_a_problem_whose_seeds_all_fail_is_refused_with_the_reason() -> None:
    package = ToyPackage()
    broken = Program.from_text("def answer():\n    return [0.0]\n")
    package.problem = replace(package.problem, seeds=(broken,))
    with pytest.raises(ProblemError, match=r"five numbers in \(0, 1e9\]"):
        search(MemoryRun(), package=package)


def test_imported_programs_start_the_run() -> None:
    good = Program.from_text("def answer():\n    return [0.37, 4.2, 11.0, 0.08, 1.9]\n")
    store = MemoryRun()
    search(store, imports=[good], evaluations=10)
    first = [fact for fact in payloads(store, ToldFact) if isinstance(fact, ToldFact)][:2]
    assert [(fact.candidate, fact.operator) for fact in first] == [("s0", "seed"), ("i0", "import")]


def test_progress_is_reported_from_the_seed_to_the_end() -> None:
    seen: list[Progress] = []
    search(MemoryRun(), evaluations=10, watch=seen)
    assert seen[0].evaluations == 1
    assert seen[0].baseline == pytest.approx((ridge_score([1.0] * 5) + ridge_score([1.0] * 5, scale=1.1)) / 2)
    assert list(dict.fromkeys(progress.phase for progress in seen)) == ["search", "validation", "holdout", "closed"]
    assert seen[-1].best is not None
    assert seen[-1].best >= (seen[0].best or 0.0)


def test_progress_is_reported_for_every_row_that_is_judged() -> None:
    seen: list[Progress] = []
    store = MemoryRun()
    search(store, evaluations=10, watch=seen)
    rows = [row.split for row in payloads(store, Judged) if isinstance(row, Judged)]
    for phase, splits in (("validation", {Split.TRAIN, Split.VALIDATION}), ("holdout", {Split.HOLDOUT})):
        reports = [progress for progress in seen if progress.phase == phase]
        assert (reports[0].judged, reports[0].to_judge > 0) == (0, True)
        assert sum(progress.judged > 0 for progress in reports) == sum(split in splits for split in rows)
        assert reports[-1].judged == reports[-1].to_judge


def test_unpriced_calls_are_counted_and_never_taken_as_free() -> None:
    class Watched(MemoryRun):
        durable: list[bool]

        def record(self, table: FactTable, key: str, value: Mapping[str, Data], *, durable: bool) -> None:
            if table == "answer":
                self.durable.append(durable)
            super().record(table, key, value, durable=durable)

    for price, expected in ((None, True), (0.01, True), (0.0, False)):
        store = Watched()
        store.durable = []
        search(store, evaluations=5, generator=CountingGenerator(price_usd=price))
        assert set(store.durable) == {expected}


class Watching(ToyPackage):
    """The toy with a referee that takes digests: programs whose first number rounds alike behave alike."""

    def judge(self, guest: Guest, instance: Instance, *, seed: int) -> InstanceResult:
        result = super().judge(guest, instance, seed=seed)
        return replace(result, behaviour=f"{result.measures['first']:.1f}" if result.fault is None else "")


@settings(max_examples=5)
@given(seed=st.integers(0, 2**32 - 1), writes=st.integers(0, 150))
def test_a_program_that_decides_like_a_known_one_is_a_duplicate_whoever_is_evaluated_first(
    seed: int, writes: int
) -> None:
    whole, broken = MemoryRun(), DyingStore(writes)
    search(whole, seed=seed, package=Watching())
    with contextlib.suppress(StorageError):
        search(broken, seed=seed, package=Watching())
    broken.left = 10**9
    search(broken, seed=seed, package=Watching())
    assert chain_of(broken) == chain_of(whole)
    told = [fact for fact in payloads(whole, ToldFact) if isinstance(fact, ToldFact)]
    alike = [fact for fact in told if isinstance(fact.outcome, Failed) and "decides like" in fact.outcome.message]
    assert {fact.outcome.stage for fact in alike if isinstance(fact.outcome, Failed)} <= {"smoke"}
    assert not any(fact.counted for fact in alike)
    asked = [payload.ticket for payload in payloads(whole, Asked) if isinstance(payload, Asked)]
    known = {fact.ticket: i for i, fact in enumerate(told)}
    twins = [str(fact.outcome.message.split()[3]) for fact in alike if isinstance(fact.outcome, Failed)]
    for fact, twin in zip(alike, twins, strict=True):
        assert known[twin] < known[fact.ticket], "only what was told before can be a twin"
        assert asked.index(twin) < asked.index(fact.ticket)


def test_a_tenth_of_the_programs_that_decide_alike_is_evaluated_all_the_same() -> None:
    store = MemoryRun()
    search(store, seed=5, evaluations=60, package=Watching())
    told = [fact for fact in payloads(store, ToldFact) if isinstance(fact, ToldFact)]
    behaviours = [fact.outcome.behaviour for fact in told if isinstance(fact.outcome, Scored)]
    alike = sum(isinstance(fact.outcome, Failed) and "decides like" in fact.outcome.message for fact in told)
    drifted = len(behaviours) - len(set(behaviours))
    assert alike > 50
    assert 0 < drifted < alike


class Bounded(ToyPackage):
    """The toy with a bound that the better half of its programs beat."""

    def bound(self, instance: Instance) -> Mapping[str, float]:
        return {"score": 0.12}


@settings(max_examples=4)
@given(seed=st.integers(0, 2**32 - 1), writes=st.integers(0, 150))
def test_a_score_better_than_a_bound_is_quarantined_and_resumed_as_such(seed: int, writes: int) -> None:
    whole, broken, seen = MemoryRun(), DyingStore(writes), list[Progress]()
    search(whole, seed=seed, package=Bounded(), watch=seen, evaluations=40)
    with contextlib.suppress(StorageError):
        search(broken, seed=seed, package=Bounded(), evaluations=40)
    broken.left = 10**9
    search(broken, seed=seed, package=Bounded(), evaluations=40)
    assert chain_of(broken) == chain_of(whole)
    told = [fact for fact in payloads(whole, ToldFact) if isinstance(fact, ToldFact)]
    caught = {str(fact.candidate): fact.outcome for fact in told if _is_quarantined(fact)}
    events = [fact for fact in payloads(whole, Quarantined) if isinstance(fact, Quarantined)]
    during = [fact for fact in events if fact.name in caught]
    assert [fact.name for fact in during] == list(caught)
    assert all(fact.breaches and fact.breaches[0].score > fact.breaches[0].bound == 0.12 for fact in events)
    assert seen[-1].quarantined == len(caught)
    assert all(fact.outcome.scores["score"] <= 0.12 for fact in told if isinstance(fact.outcome, Scored))
    assert not set(caught) & {parent for fact in told for parent in fact.parents}, "nothing descends from a quarantine"


def _is_quarantined(fact: ToldFact) -> bool:
    return isinstance(fact.outcome, Failed) and fact.outcome.kind is FailureKind.QUARANTINED


def test_every_new_leader_but_the_first_seed_is_evaluated_twice() -> None:
    store, sandbox = MemoryRun(), CountingSandbox()
    search(store, evaluations=40, seed=2, sandbox=sandbox)
    told = [fact for fact in payloads(store, ToldFact) if isinstance(fact, ToldFact)]
    best, leaders = -1.0, []
    for fact in told:
        if isinstance(fact.outcome, Scored) and fact.outcome.scores["score"] > best:
            best = fact.outcome.scores["score"]
            leaders.append(fact.program)
    judged_again = {row.program for row in payloads(store, Judged) if isinstance(row, Judged)}
    for fact in told:
        if isinstance(fact.outcome, Scored) and fact.program not in judged_again and fact.operator != "seed":
            expected = 3 + (2 if fact.program in leaders else 0)
            assert sandbox.opened.count(str(fact.program)) == expected
    assert len(leaders) > 4


def test_a_candidate_that_changes_its_mind_never_leads() -> None:
    class Fickle(ToyPackage):
        """A referee to whom every other evaluation of a program is worth more."""

        def judge(self, guest: Guest, instance: Instance, *, seed: int) -> InstanceResult:
            result = super().judge(guest, instance, seed=seed)
            self.calls = getattr(self, "calls", 0) + 1
            return replace(result, behaviour=str(self.calls))

    store = MemoryRun()
    search(store, evaluations=20, package=Fickle())
    told = [fact for fact in payloads(store, ToldFact) if isinstance(fact, ToldFact)]
    seed_score = next(fact.outcome.scores["score"] for fact in told if isinstance(fact.outcome, Scored))
    kinds = [fact.outcome.kind for fact in told if isinstance(fact.outcome, Failed) and fact.counted]
    assert FailureKind.NONDETERMINISTIC in kinds
    assert all(fact.outcome.scores["score"] <= seed_score for fact in told if isinstance(fact.outcome, Scored))


@settings(max_examples=4)
@given(seed=st.integers(0, 2**32 - 1), writes=st.integers(0, 150))
def test_a_race_by_proof_changes_no_leader_and_a_resumed_run_ends_the_same_evaluations(seed: int, writes: int) -> None:
    good = [Program.from_text(f"def answer():\n    return [{x}, 4.2, 11.0, 0.08, 1.9]\n") for x in (0.3, 0.34)]
    free, raced, broken = MemoryRun(), MemoryRun(), DyingStore(writes)
    search(free, seed=seed, imports=good)
    search(raced, seed=seed, imports=good, race=Race(keep=2))
    with contextlib.suppress(StorageError):
        search(broken, seed=seed, imports=good, race=Race(keep=2))
    broken.left = 10**9
    search(broken, seed=seed, imports=good, race=Race(keep=2))
    assert chain_of(broken) == chain_of(raced)
    told = [fact for fact in payloads(raced, ToldFact) if isinstance(fact, ToldFact)]
    ended = [fact for fact in told if isinstance(fact.outcome, Failed) and fact.outcome.kind is FailureKind.OUTRACED]
    assert ended
    assert all(fact.counted for fact in ended)
    assert leaders(raced) == leaders(free)


def leaders(store: MemoryRun) -> list[tuple[str | None, float]]:
    """Who led when, with what score."""
    found: list[tuple[str | None, float]] = []
    for fact in payloads(store, ToldFact):
        if isinstance(fact, ToldFact) and isinstance(fact.outcome, Scored):
            score = fact.outcome.scores["score"]
            if not found or score > found[-1][1]:
                found.append((fact.candidate, score))
    return found
