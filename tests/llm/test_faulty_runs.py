"""Whole searches over a model server that goes wrong: they end, within the budget, and every cent is accounted for."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from tests.llm.clocks import FakeTime

from thekla.core.budget import Budget
from thekla.core.errors import StorageError
from thekla.core.events import Event, EventKind, verify_chain
from thekla.core.journal import Answered, Closed, Started, payload_of
from thekla.core.problem import ProblemRef
from thekla.core.protocols import FactTable
from thekla.core.registry import Component
from thekla.core.run import Spending
from thekla.core.values import Data
from thekla.engine import Clock, Engine, Journal, Parts
from thekla.evaluation.backends import InlineBackend
from thekla.evaluation.service import EvaluationService
from thekla.generation.rewrite import Rewriter
from thekla.llm import Caps, Models, Patience
from thekla.search import Greedy
from thekla.storage import MemoryRun
from thekla.testing.guests import InProcessSandbox
from thekla.testing.model_server import FAULTS, ModelServer, Reply, Script, Served, faulty
from thekla.testing.toy import PlainPrompts, ToyPackage

ANSWERS = [
    f"A step.\n```python\ndef answer():\n    return [0.5, {4.0 + step}, 10.0, 0.1, {2.0 + step / 7}]\n```\n"
    for step in range(9)
]
IN_FLIGHT = 3


class DyingStore(MemoryRun):
    """A store that refuses after a number of writes, as a process that is killed does."""

    left: float = float("inf")

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


@dataclass
class Search:
    """A search by language model on the toy problem; it can be taken up again."""

    server: ModelServer
    budget: Budget
    in_flight: int = IN_FLIGHT
    store: DyingStore = field(default_factory=DyingStore)
    time: FakeTime = field(default_factory=FakeTime)

    def run(self) -> Closed:
        return asyncio.run(self._run())

    async def _run(self) -> Closed:
        package = ToyPackage()
        problem = package.problem
        budget = self.budget
        started = Started(
            problem=ProblemRef(name="toy", suite="default"),
            problem_version="1",
            objectives=problem.objectives,
            measures=problem.measures,
            evaluator=package.evaluator_digest,
            instances={str(split): instances for split, instances in problem.instances.items()},
            components={"strategy": Component(name="greedy", version="1")},
            seed=0,
            budget=budget,
            in_flight=self.in_flight,
            tier="trusted",
            thekla="0",
        )
        backend = InlineBackend(package, InProcessSandbox())
        service = EvaluationService(package, backend, self.store, reference=started.problem, tier="trusted")
        models = Models(
            {},
            caps=Caps(cost_usd=budget.cost_usd, tokens=budget.tokens, calls=budget.calls),
            book=self.store,
            patience=Patience(connect_s=5.0, idle_s=1.0, total_s=1.2),
            clock=self.time.clock(),
        )
        ticks = itertools.count()
        clock = Clock(now_s=lambda: float(next(ticks)), monotonic_s=lambda: 0.0)
        async with service, models:
            entry = self.server.entry(max_tokens=2000)
            parts = Parts(
                problem=problem,
                strategy=Greedy(problem, seed=1),
                prompts=PlainPrompts(),
                generator=Rewriter(models=models, ensemble=[entry], clock=self.time.clock()),
                evaluator=service,
                baselines=package.baselines,
            )
            journal = Journal(self.store, "run", clock)
            return await Engine(parts, self.store, journal, run_id="run", started=started).run()

    @property
    def spent(self) -> Spending:
        """What the journal's answers cost, added up."""
        total = Spending()
        for event in self.store.events("run"):
            payload = payload_of(event) if event.kind is EventKind.ANSWERED else None
            if isinstance(payload, Answered):
                total = total + payload.spending
        return total


def given_up(search: Search) -> int:
    """Requests whose whole answer did not come in time."""
    return sum(fact.get("fault") == "timeout" for _, fact in search.store.facts("answer"))


def check_ledger(search: Search, log: Sequence[Served]) -> None:
    """The journal's ledger is the server's log: known costs to the cent and below, the others bounded.

    Only where the machine is so busy that a whole answer comes after the client's patience, which the account counts as
    a request given up beyond those that the script lets hang, its cost is bounded as well instead of known.
    """
    spent = search.spent
    assert spent.cost_usd is not None
    late = sum(served.billed_usd for served in log if served.told) - spent.cost_usd
    busy = given_up(search) > sum(served.reply in ("hang", "drip") for served in log)
    assert late >= -1e-9 if busy else late == pytest.approx(0.0, abs=1e-9)
    assert spent.unknown_usd + 1e-9 >= late + sum(served.billed_usd for served in log if not served.told)
    assert len(log) <= spent.calls  # on a busy machine a request may be given up before the server reads it
    events = list(search.store.events("run"))
    assert verify_chain(events) == len(events)


def scripted_run(faults: int, *, share: float, seed: int, in_flight: int = IN_FLIGHT) -> None:
    with ModelServer(faulty(ANSWERS, seed=seed, share=share)) as server:
        budget = Budget(evaluations=None, proposals=5 * faults // 4, cost_usd=0.05 * faults, calls=20 * faults)
        search = Search(server, budget, in_flight)
        search.run()
        wrong = sum(served.reply != "answer" for served in server.log)
        assert wrong >= faults
        check_ledger(search, server.log)
        assert (search.spent.cost_usd or 0.0) + search.spent.unknown_usd <= 0.05 * faults


@pytest.mark.slow
def test_a_search_over_a_model_that_goes_wrong_ends_with_an_exact_ledger() -> None:
    scripted_run(60, share=0.75, seed=1)


@pytest.mark.slow
def test_a_search_over_a_thousand_faults_ends_with_an_exact_ledger() -> None:
    scripted_run(1000, share=0.75, seed=2, in_flight=24)  # most of the time is waiting for a server that drips


def test_a_search_that_is_killed_among_faults_goes_on_within_its_budget_and_accounts_for_every_request() -> None:
    quick = sorted(set(FAULTS) - {"hang", "drip"})
    with ModelServer(faulty(ANSWERS, seed=4, share=0.5, faults=quick)) as server:
        search = Search(server, Budget(evaluations=None, proposals=60, cost_usd=2.0))
        kills = 0
        for left in [30, 7, 55, 2, 41, 18, float("inf")]:
            search.store.left = left
            try:
                search.run()
            except StorageError:
                kills += 1
        assert kills >= 5
        events = list(search.store.events("run"))
        assert verify_chain(events) == len(events)
        assert events[-1].kind is EventKind.CLOSED
        spent, log = search.spent, server.log
        assert spent.cost_usd is not None
        told = [served.billed_usd for served in log if served.told]
        lost = kills * IN_FLIGHT  # answers that were on their way, counted at their most
        assert sum(sorted(told)[: len(told) - lost]) <= spent.cost_usd <= sum(told) + 1e-9
        assert sum(served.billed_usd for served in log) - 1e-9 <= spent.cost_usd + spent.unknown_usd <= 2.0
        assert len(log) <= spent.calls


def test_a_search_ends_when_the_money_does() -> None:
    with ModelServer(faulty(ANSWERS, seed=3, share=0.3)) as server:
        search = Search(server, Budget(evaluations=500, cost_usd=0.2))
        search.run()
        reasons = [event.data["reason"] for event in search.store.events("run") if event.kind is EventKind.STOPPING]
        assert reasons == ["cost_usd"]
        check_ledger(search, server.log)
        spent = search.spent
        assert 0.1 < (spent.cost_usd or 0.0) + spent.unknown_usd <= 0.2


def killed_everywhere(script: Script, writes: Sequence[int]) -> None:
    """Kill a search at writes to its store, take it up each time, and compare it with one that nobody killed."""
    budget = Budget(evaluations=None, proposals=25, cost_usd=2.0)
    with ModelServer(script) as server:
        whole = Search(server, budget)
        whole.run()
    with ModelServer(script) as server:
        search = Search(server, budget)
        kills = 0
        for left in [*writes, float("inf")]:
            search.store.left = left
            try:
                search.run()
            except StorageError:
                kills += 1
            else:
                break
        chains = [[event.chain for event in one.store.events("run")] for one in (whole, search)]
        assert chains[0] == chains[1]
        known = sum(served.billed_usd for served in server.log)
        spent = search.spent
        assert len(server.log) <= spent.calls <= 25 + kills * IN_FLIGHT
        assert spent.cost_usd == pytest.approx(whole.spent.cost_usd)
        assert (spent.cost_usd or 0.0) + spent.unknown_usd >= known - 1e-9
        assert kills > 0


def by_content(number: int, body: Mapping[str, object]) -> Reply:
    """An answer that depends on the request alone, as after a kill the numbers differ."""
    return Reply(text=ANSWERS[int(str(body["seed"])) % len(ANSWERS)])


def test_a_killed_search_goes_on_without_paying_twice() -> None:
    killed_everywhere(by_content, [3, 10, 1, 25, 2, 40])


def test_a_search_that_is_killed_again_and_again_never_breaks_its_cap() -> None:
    with ModelServer(by_content) as server:
        search = Search(server, Budget(evaluations=500, cost_usd=0.2))
        for left in [5, 9, 3, 14, 8, 21, 6, float("inf")]:
            search.store.left = left
            with contextlib.suppress(StorageError):
                search.run()
        reasons = [event.data["reason"] for event in search.store.events("run") if event.kind is EventKind.STOPPING]
        assert reasons == ["cost_usd"]
        spent = search.spent
        assert (spent.cost_usd or 0.0) + spent.unknown_usd <= 0.2
        assert sum(served.billed_usd for served in server.log) <= 0.2


@pytest.mark.slow
def test_a_search_killed_two_hundred_times_goes_on_without_paying_twice() -> None:
    for start in range(1, 41):
        killed_everywhere(by_content, [start, start % 7 + 2, 11, start % 5 + 1, 30])
